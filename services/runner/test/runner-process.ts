/** The runner as `up` starts it: a process of its own, with the rights that its user has, and a rig for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { credentialFile } from '@vm-task/bus/credentials';
import { eventually } from '@vm-task/testing/conditions';
import { dyingWithUs } from '@vm-task/testing/processes';
import { sampleHost } from '@vm-task/testing/sample-events';
import { type Rig, startRig } from './rig.ts';

/** A rig whose broker knows the runner's own user, and whose home has what a runner process needs. */
export async function startProcessRig(): Promise<Rig> {
  const rig = await startRig({ users: ['runner'] });
  await writeFile(rig.home.host, JSON.stringify({ id: sampleHost }));
  const file = credentialFile(rig.home, 'runner');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, JSON.stringify(await rig.broker.credentialsOf('runner')), { mode: 0o600 });
  return rig;
}

export interface RunnerProcess extends AsyncDisposable {
  readonly pid: number;
  /** All that it has logged. */
  readonly log: () => string;
  signal(signal: NodeJS.Signals): void;
  /** Ends it; returns its exit code once it is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Returns when it is ready. */
export async function startRunnerProcess(rig: Rig): Promise<RunnerProcess> {
  const main = join(import.meta.dirname, '../src/main.ts');
  const [program, args] = dyingWithUs(process.execPath, main, '--home', rig.home.root);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let log = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  child.stderr.on('data', (text: Buffer) => {
    log += text.toString();
  });
  await eventually(() => said === 'ready\n', { what: 'the runner is ready', limitMs: 60_000 }).catch((error: Error) => {
    child.kill('SIGKILL');
    throw new Error(`${error.message}\n${log}`);
  });
  return {
    pid: child.pid ?? 0,
    log: () => log,
    signal: (signal) => void child.kill(signal),
    end: (signal) => end(child, signal),
    async [Symbol.asyncDispose]() {
      await end(child, 'SIGKILL');
    },
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
  return child.exitCode;
}
