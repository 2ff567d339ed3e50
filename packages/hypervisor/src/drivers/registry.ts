/** Every driver that there is, one line each. What is exported here can be named in `vm-task.yaml`. */
export { qemu } from './qemu/declaration.ts';
export { ssh } from './ssh/declaration.ts';
