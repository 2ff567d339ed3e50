/** The streams of the system, by name. What each is made of is the bus's business. */
export type StreamName = 'EVENTS' | 'COMMANDS' | 'CHILDREN' | 'TIMERS' | 'LOGS' | 'DEAD' | 'INBOX' | 'AUDIT';
