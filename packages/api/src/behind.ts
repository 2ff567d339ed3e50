/** What an answer says while intake is still reading the events from before its start. */

/** Of a success: the answer lacks at most so many of the newest events. Absent when it lacks none. */
export const behindHeader = 'vm-task-behind';
