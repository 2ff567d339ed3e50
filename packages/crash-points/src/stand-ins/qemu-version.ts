/** Stands in for the hypervisor's: the program that is started as a machine. */
import { fileURLToPath } from 'node:url';

export const qemuProgram = fileURLToPath(new URL('machine.pl', import.meta.url));
