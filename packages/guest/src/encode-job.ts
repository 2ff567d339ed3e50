/** A job as the fields of one request. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Field } from './frames.ts';
import type { Job, JobKey } from './job.ts';
import { checkString, checkText, environmentOf, startMaxBytes } from './job-environment.ts';

const namePattern = /^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$/;

/** @throws `invalid-task` for whatever the guest's kernel would refuse or cut. */
export function encodeJob(job: Job): Field[] {
  const environment = environmentOf(job);
  const argv = argvOf(job);
  const bytes = [...argv, ...environment].reduce((sum, text) => sum + Buffer.byteLength(text) + 9, 0);
  if (bytes > startMaxBytes) {
    throw new VmTaskError(
      'invalid-task',
      `arguments and environment have ${bytes} bytes together and may have ${startMaxBytes}; use stdin, inputs or a script`,
    );
  }
  return [
    ...encodeKey(job),
    ['cwd', checkString(job.cwd, 'the working directory')],
    ...argv.map((text): Field => ['argv', text]),
    ...(job.program.kind === 'script' ? [['script', checkText(job.program.script, 'the script')] as const] : []),
    ...environment.map((text): Field => ['env', text]),
    ['inputs', JSON.stringify(job.inputs)],
    ...(job.needs === undefined ? [] : [['needs', JSON.stringify(job.needs)] as const]),
    ['stdin', typeof job.stdin === 'string' ? checkText(job.stdin, 'stdin') : job.stdin],
    ...limitsOf(job),
    ['outputmax', job.outputMaxBytes],
  ];
}

/** @throws as `checkName`. */
export function encodeKey({ name, lease }: JobKey): Field[] {
  return [['name', checkName(name)], ...(lease === undefined ? [] : [['use', lease] as const])];
}

/** @throws `invalid-task`, because the name becomes a folder in the guest. */
function checkName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new VmTaskError(
    'invalid-task',
    `${JSON.stringify(name)} is not a job's name: 1 to 64 of a-z, 0-9 and inner dashes`,
  );
}

/** The path of a script's file is appended in the guest, which alone knows it. */
function argvOf({ program }: Job): string[] {
  const argv = program.kind === 'command' ? program.argv : program.runtime;
  if (argv[0] === undefined || argv[0] === '') throw new VmTaskError('invalid-task', 'there is no program to run');
  return argv.map((text, index) => checkString(text, `argument ${index}`));
}

function limitsOf({ limits }: Job): Field[] {
  const fields: Field[] = [];
  if (limits.memoryBytes !== undefined) fields.push(['memory', limits.memoryBytes]);
  if (limits.cpus !== undefined) fields.push(['cpus', limits.cpus]);
  if (limits.processes !== undefined) fields.push(['processes', limits.processes]);
  return fields;
}
