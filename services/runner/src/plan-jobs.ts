/** The jobs that an attempt starts in its VM, as data: a name each that is the same for every runner (I8). */
import type { Job, JobLimits } from '@vm-task/guest/job';
import { leaseWorkFolder } from '@vm-task/guest/machine-lease';
import { VmTaskError } from '@vm-task/shared/errors';
import type { EventData } from '@vm-task/shared/events';
import type { Json } from '@vm-task/shared/json';
import type { SetupStep, TaskSpec } from '@vm-task/shared/task-spec';
import type { InVm } from './attempt.ts';
import { type GitPasswords, gitArgv, gitSecrets } from './git-step.ts';
import { Secrets } from './secrets.ts';

type Ready = EventData<'vm.ready'>;
/** What needed stages left behind; null for a task of no pipeline. */
type Needs = Readonly<Record<string, Json>> | null;

/** Where every job of a task runs and artifacts are looked for, relative to the login's home. */
export function workFolderOf({ ready, capabilities }: InVm): string {
  return capabilities.ownSystem ? 'work' : leaseWorkFolder(ready.vm);
}

/** The runtime of a task that names none: the script may. */
const defaultRuntime = 'shell';

/** The kernel's own, systemd, sshd, the supervisors' perl and some page cache, on a Debian that does nothing else. */
const systemMemoryMiB = 128;

const MiB = 1024 * 1024;

export interface SetupJob {
  /** For people, and without what may be confidential in a step: `git repo`, `run`. */
  readonly label: string;
  readonly job: Job;
}

/**
 * One job per setup step, each with one stream: standard error goes to standard output, in the order of writing.
 * @throws `secret-unusable` for a secret that git could not be given.
 */
export function planSetup(
  inVm: InVm,
  spec: TaskSpec,
  needs: Needs = null,
  passwords: GitPasswords = new Secrets({}),
): readonly SetupJob[] {
  return spec.setup.map((step, index) => ({
    label: step.kind === 'git' ? `git ${step.path}` : 'run',
    job: {
      ...commonOf(inVm, spec, needs),
      name: nameOf(inVm.ready, `setup-${index + 1}`),
      program: programOf(step),
      secrets: step.kind === 'git' ? gitSecrets(step, passwords) : {},
      stdin: '',
    },
  }));
}

/** @throws `runtime-not-found` with those that the image has. */
export function planMain(
  inVm: InVm,
  spec: TaskSpec,
  secrets: Readonly<Record<string, string>>,
  needs: Needs = null,
): Job {
  const program = mainProgram(inVm.ready, spec);
  return { ...commonOf(inVm, spec, needs), name: nameOf(inVm.ready, 'main'), program, secrets, stdin: spec.stdin };
}

function mainProgram(ready: Ready, { main }: TaskSpec): Job['program'] {
  switch (main.kind) {
    case 'command':
      return main;
    case 'script':
      return { kind: 'script', script: main.script, runtime: interpreterOf(main.script, ready, main.runtime) };
    case 'answer':
      throw new VmTaskError('invalid-task', 'the task waits for an answer; nothing of it runs in a VM');
  }
}

/** Python holds back what it prints into a pipe, and what it holds back is lost when it is killed. Empty, it does so again. */
const liveOutput = { PYTHONUNBUFFERED: '1' };

function commonOf(inVm: InVm, { env, inputs, outputMaxBytes }: TaskSpec, needs: Needs) {
  const lease = inVm.capabilities.ownSystem ? {} : { lease: inVm.ready.vm };
  const given = needs === null ? {} : { needs };
  return {
    ...lease,
    cwd: workFolderOf(inVm),
    env: { ...liveOutput, ...env },
    inputs,
    ...given,
    outputMaxBytes,
    limits: limitsFor(inVm),
  };
}

function nameOf({ task, attempt }: Ready, step: string): string {
  return `${task}-${attempt}-${step}`;
}

function programOf(step: SetupStep): Job['program'] {
  if (step.kind === 'git') return { kind: 'command', argv: gitArgv(step) };
  const interpreter = shebangOf(step.script) ?? ['/bin/sh', '-e'];
  return { kind: 'script', script: step.script, runtime: [...mergingOutput, ...interpreter] };
}

/** Runs what follows with its standard error on its standard output; `$0` is its first word. */
const mergingOutput = ['/bin/sh', '-c', 'exec "$0" "$@" 2>&1'];

function interpreterOf(script: string, ready: Ready, runtime: string): readonly string[] {
  const shebang = runtime === defaultRuntime ? shebangOf(script) : null;
  return shebang ?? runtimeOf(ready, runtime);
}

/** What the first line of a script asks for, as the kernel reads it: a program, and at most one argument. */
function shebangOf(script: string): readonly string[] | null {
  const { program, argument } = /^#![ \t]*(?<program>\S+)(?:[ \t]+(?<argument>.*\S))?/.exec(script)?.groups ?? {};
  if (program === undefined) return null;
  return argument === undefined ? [program] : [program, argument];
}

/**
 * A system that is the task's own keeps its share of memory; of the processors it gets its share from the kernel anyway.
 * Of somebody else's the size is the task's share, and all of it.
 */
function limitsFor({ ready, capabilities }: InVm): JobLimits {
  const { cpus, memoryMiB } = ready.size;
  const systemMiB = capabilities.ownSystem ? Math.min(systemMemoryMiB, memoryMiB / 2) : 0;
  return {
    memoryBytes: Math.floor((memoryMiB - systemMiB) * MiB),
    cpus,
    // A process that has less than half a MiB does no work: more of them are a bomb.
    processes: 2 * memoryMiB,
  };
}

function runtimeOf({ runtimes, image }: Ready, name: string): readonly string[] {
  const argv = Object.hasOwn(runtimes, name) ? runtimes[name] : undefined;
  if (argv !== undefined) return argv;
  const known = Object.keys(runtimes).join(', ') || 'none';
  throw new VmTaskError('runtime-not-found', `the image ${image} has no runtime "${name}"; it declares: ${known}`);
}
