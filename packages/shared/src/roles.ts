/** The services, and which of them one `up` runs. */

/** The services of the control side, and those of each host. */
export const controlServices = ['intake', 'reaper'] as const;
export const hostServices = ['provisioner', 'runner'] as const;
export const services = ['intake', 'provisioner', 'runner', 'reaper'] as const;
export type ServiceName = (typeof services)[number];

/** What one `up` runs of a home: both sides, or one. The reaper has work on both: it ends tasks by the log, and VMs by the ledger. */
export const servicesOfRole = {
  all: services,
  control: controlServices,
  host: [...hostServices, 'reaper'],
} as const satisfies Record<string, readonly ServiceName[]>;
export type Role = keyof typeof servicesOfRole;
export const roles = Object.keys(servicesOfRole) as readonly Role[];

/** Whether a process of this role does the work of that side. */
export function works(role: Role, side: Exclude<Role, 'all'>): boolean {
  return role === 'all' || role === side;
}
