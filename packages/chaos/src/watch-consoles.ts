/**
 * What every machine prints on its serial console, kept by the host whatever becomes of services and broker: there each
 * process of a task tells that it starts. The file is opened while the machine lives and read when all is over.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Home } from '@vm-task/shared/home';
import { isVmId, type VmId } from '@vm-task/shared/ids';

/** A machine lives for a second at least. */
const lookEveryMs = 100;

export interface Start {
  readonly vm: VmId;
  readonly task: number;
  readonly step: string;
  readonly nonce: string;
}

export interface Consoles extends AsyncDisposable {
  /** Every start that a machine has reported so far; and the machines whose console was seen. */
  read(): Promise<{ readonly starts: readonly Start[]; readonly watched: ReadonlySet<string> }>;
}

export function watchConsoles(home: Home): Consoles {
  const stop = new AbortController();
  const files = new Map<VmId, FileHandle>();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      const names = await readdir(home.vms).catch((): string[] => []);
      for (const vm of names.filter(isVmId)) {
        if (files.has(vm)) continue;
        const file = await open(home.vm(vm).consoleLog, 'r').catch(() => null);
        if (file !== null) files.set(vm, file);
      }
      await delay(lookEveryMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    async read() {
      const perVm = [...files].map(async ([vm, file]) => startsIn(vm, await contentOf(file)));
      return { starts: (await Promise.all(perVm)).flat(), watched: new Set(files.keys()) };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
      for (const file of files.values()) await file.close();
    },
  };
}

async function contentOf(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, 0);
  return bytes.toString('latin1');
}

function startsIn(vm: VmId, text: string): Start[] {
  return [...text.matchAll(/chaos-start (\d+) (\S+) ([0-9a-f-]{36})/g)].map(([, task, step = '', nonce = '']) => ({
    vm,
    task: Number(task),
    step,
    nonce,
  }));
}
