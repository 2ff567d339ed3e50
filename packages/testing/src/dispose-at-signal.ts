/** What a benchmark or a test started ends also when that is ended by a signal. */

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof exitCodes;
const signals = Object.keys(exitCodes) as readonly Signal[];

/** Of this process, the last one first. */
const open: AsyncDisposable[] = [];
let ending = false;

/** The same, disposed of once; and before this process ends by SIGTERM, SIGHUP or SIGINT. */
export function disposedAtSignal<T extends AsyncDisposable>(lent: T): T {
  let disposing: Promise<void> | null = null;
  const dispose = async () => {
    disposing ??= lent[Symbol.asyncDispose]() as Promise<void>;
    await disposing;
    const at = open.indexOf(wrapped);
    if (at !== -1) open.splice(at, 1);
    if (open.length === 0 && !ending) for (const signal of signals) process.off(signal, endBySignal);
  };
  const wrapped: T = { ...lent, [Symbol.asyncDispose]: dispose };
  if (open.length === 0) for (const signal of signals) process.on(signal, endBySignal);
  open.push(wrapped);
  return wrapped;
}

async function endBySignal(signal: NodeJS.Signals): Promise<void> {
  if (ending) return;
  ending = true;
  // What cannot be ended keeps nothing else from ending.
  for (const one of [...open].reverse()) {
    try {
      await one[Symbol.asyncDispose]();
    } catch (error) {
      console.error(error);
    }
  }
  process.exit(exitCodes[signal as Signal]);
}
