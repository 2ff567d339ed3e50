/** How pressing a message is, the most pressing first. */
export const priorities = ['urgent', 'normal', 'info'] as const;
export type Priority = (typeof priorities)[number];
