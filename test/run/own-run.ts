/**
 * The places of one run, and its end. Its processes have the run's name in their environment or on their command line,
 * and its files are in two folders of that name; so all of it is found, whatever it was doing and whoever its parents were.
 */
import { chmod, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { jobGroupOf, removeGroup } from '@vm-task/testing/control-groups';
import { processesThatName, signalProcess } from '@vm-task/testing/processes';
import { undoAll } from '@vm-task/testing/undo';

/** An image build removes its scratch in that time, a system its VMs. CI kills what is not gone after ten seconds. */
const graceMs = 4_000;
const goneLimitMs = 30_000;

export class OwnRun {
  readonly name: string;
  /** For temporary files: with a short path, because sockets are in there. */
  readonly temporary: string;
  /** For homes with real VMs, which have to be on the cache's filesystem. */
  readonly homes: string;

  private constructor(temporary: string, cache: string) {
    this.name = basename(temporary);
    this.temporary = temporary;
    this.homes = join(cache, 'tests', this.name);
  }

  static async begin(cache: string): Promise<OwnRun> {
    const temporary = await mkdtemp(join(tmpdir(), 'vm-task-run-'));
    const run = new OwnRun(temporary, cache);
    // VMs run as other users, and what they are given is below.
    await chmod(temporary, 0o755);
    await mkdir(run.homes, { recursive: true });
    return run;
  }

  /** What everything of the run is started with. */
  environment(seed: number): Readonly<Record<string, string>> {
    return {
      TMPDIR: this.temporary,
      VM_TASK_HOME: join(this.temporary, 'home'),
      VM_TASK_TEST_HOMES: this.homes,
      VM_TASK_TEST_SEED: `${seed}`,
    };
  }

  /**
   * Nothing of the run is left when it returns, and it says what there was: processes and folders that whoever made
   * them should have ended and removed. `keep`: homes stay, for whoever looks for the cause of a failure.
   */
  async end({ keep }: { readonly keep: boolean }): Promise<readonly string[]> {
    const processes = processesThatName(this.name).map(({ pid, argv }) => `process ${pid} ${argv.join(' ').trim()}`);
    if (processes.length > 0) await this.#endProcesses();
    const folders = [...(await found(this.temporary, /^vm-task-/)), ...(await found(this.homes, /./))];
    await undoAll(this.temporary);
    const trash = keep ? [this.temporary] : [this.temporary, this.homes];
    for (const folder of trash) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    // Where nothing has to be kept, there is nothing in it.
    if (keep) await rmdir(this.homes).catch(() => undefined);
    return [...processes, ...folders.map((path) => `folder ${path}`)];
  }

  async #endProcesses(): Promise<void> {
    const groups = new Set<string>();
    const signalAll = (signal: NodeJS.Signals) => {
      const left = processesThatName(this.name);
      for (const { pid } of left) {
        groups.add(jobGroupOf(pid) ?? '');
        signalProcess(pid, signal);
      }
      return left.length === 0;
    };
    signalAll('SIGTERM');
    const isGone = () => processesThatName(this.name).length === 0;
    await eventually(isGone, { what: 'they end', limitMs: graceMs }).catch(() => undefined);
    await undoAll(this.temporary);
    await eventually(() => signalAll('SIGKILL'), { what: `nothing of ${this.name} runs`, limitMs: goneLimitMs });
    groups.delete('');
    await eventually(() => [...groups].every(removeGroup), { what: `the control groups ${[...groups]} are gone` });
  }
}

async function found(folder: string, name: RegExp): Promise<string[]> {
  return (await readdir(folder)).filter((entry) => name.test(entry)).map((entry) => join(folder, entry));
}
