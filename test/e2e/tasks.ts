/** Tasks of a lent system: submitted, waited for, and what must be left of them, which is nothing. */
import type { LogStream } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { qemuProcess } from './qemu-process.ts';
import type { TestSystem } from './system.ts';
import type { Audit, Shown } from './views.ts';

/** Returns the id. */
export async function submit(system: TestSystem, task: object): Promise<string> {
  return (await system.vmTask(['submit', await system.taskFile(task)])).stdout.trim();
}

/** The task, once it is so. On a busy machine a VM takes its minutes. */
export function shownOnce(
  system: TestSystem,
  id: string,
  what: string,
  is: (shown: Shown) => boolean | Promise<boolean>,
): Promise<Shown> {
  return eventually(
    async () => {
      const shown = await system.client.tasks.show(id);
      return (await is(shown)) && shown;
    },
    { what, limitMs: 300_000 },
  );
}

export function untilOver(system: TestSystem, id: string): Promise<Shown> {
  return shownOnce(system, id, 'the task is over', ({ status }) => status === 'completed');
}

/** The task has printed that. */
export function untilPrinted(system: TestSystem, id: string, text: string): Promise<Shown> {
  const hasPrinted = async () => (await outputOf(system, id, 'stdout')).includes(text);
  return shownOnce(system, id, `the task has printed ${JSON.stringify(text)}`, hasPrinted);
}

/** What the task has written to the stream by now. */
export async function outputOf({ client }: TestSystem, id: string, wanted: LogStream): Promise<string> {
  const { signal } = new AbortController();
  const chunks: Buffer[] = [];
  for await (const { event, data } of client.tasks.output(id, { follow: false, signal })) {
    if (event === 'output' && data.stream === wanted) chunks.push(Buffer.from(data.data, 'base64'));
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The process that is the task's VM. */
export async function qemuOf({ vm }: Shown): Promise<number> {
  return await qemuProcess(vm ?? '');
}

export async function expectNoLeak(system: TestSystem): Promise<void> {
  const isClean = async () => {
    const { leaked, missing } = await system.json<Audit>(['audit']);
    return leaked.length + missing.length === 0;
  };
  await eventually(isClean, { what: 'the audit is clean', limitMs: 90_000 });
}
