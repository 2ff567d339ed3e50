import { setImmediate as turn } from 'node:timers/promises';
import { VmTaskError } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { Pump } from './pump.ts';
import { Secrets } from './secrets.ts';

const never = new AbortController().signal;

/** Keeps what is written; `hold` makes the next writes wait, as they do while the broker is away. */
class FakeWriter {
  readonly chunks: Buffer[] = [];
  held: PromiseWithResolvers<void> | null = null;
  failure: Error | null = null;
  offset: number;

  constructor(offset = 0) {
    this.offset = offset;
  }

  hold(): void {
    this.held = Promise.withResolvers();
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.held?.promise;
    if (this.failure !== null) throw this.failure;
    this.chunks.push(Buffer.from(bytes));
    this.offset += bytes.length;
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

const none = new Secrets({});

test('a line is written at once, without waiting for more', async () => {
  const writer = new FakeWriter();
  using pump = new Pump(writer, none, never);
  await pump.push(Buffer.from('a line\n'));
  await turn();
  expect(writer.text).toBe('a line\n');
});

test('a flood becomes few chunks of at most 256 KiB, in order', async () => {
  const writer = new FakeWriter();
  using pump = new Pump(writer, none, never);
  const flood = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
  for (let at = 0; at < flood.length; at += 1_000) await pump.push(flood.subarray(at, at + 1_000));
  await pump.finish();
  expect(Buffer.concat(writer.chunks).equals(flood)).toBe(true);
  expect(writer.chunks.length).toBeLessThan(20);
  expect(Math.max(...writer.chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(256 * 1024);
});

test('while nothing can be written, at most a mebibyte waits, and whoever pushes more waits as well', async () => {
  const writer = new FakeWriter();
  writer.hold();
  using pump = new Pump(writer, none, never);
  let pushed = 0;
  const pushing = (async () => {
    for (; pushed < 64; pushed++) await pump.push(Buffer.alloc(65_536, 'x'));
  })();
  for (let i = 0; i < 200; i++) await turn();
  expect(pushed * 65_536).toBeLessThan(1.5 * 1024 * 1024);
  writer.held?.resolve();
  await pushing;
  await pump.finish();
  expect(writer.offset).toBe(64 * 65_536);
});

test('a secret is masked wherever it is cut, and the number of bytes stays', async () => {
  const secrets = new Secrets({ KEY: 'hunter2-hunter2' });
  for (let cut = 1; cut < 15; cut++) {
    const writer = new FakeWriter();
    using pump = new Pump(writer, secrets, never);
    await pump.push(Buffer.from(`key ${'hunter2-hunter2'.slice(0, cut)}`));
    await turn();
    await pump.push(Buffer.from(`${'hunter2-hunter2'.slice(cut)} end`));
    await pump.finish();
    expect(writer.text).toBe('key *************** end');
  }
});

test('a pump that goes on reads again what a secret could reach back to, and writes none of it twice', async () => {
  const secrets = new Secrets({ KEY: 'hunter2-hunter2' });
  const output = Buffer.from('key hunter2-hunter2 end');
  for (let stored = 0; stored <= output.length; stored++) {
    const writer = new FakeWriter(stored);
    using pump = new Pump(writer, secrets, never);
    await pump.push(output.subarray(pump.next));
    await pump.finish();
    expect(writer.text).toBe('key *************** end'.slice(stored));
  }
});

test('output that comes byte by byte is not looked through for secrets byte by byte', async () => {
  const secrets = new Secrets({ KEY: 'hunter2-hunter2' });
  let looks = 0;
  const make = secrets.masker.bind(secrets);
  secrets.masker = () => {
    const masker = make();
    return {
      hasFound: false,
      push: (bytes) => {
        looks += 1;
        return masker.push(bytes);
      },
      flush: () => masker.flush(),
    };
  };
  const writer = new FakeWriter();
  using pump = new Pump(writer, secrets, never);
  for (let at = 0; at < 5_000; at++) await pump.push(Buffer.from(at % 2 === 0 ? 'x' : 'hunter2-hunter2'));
  await pump.finish();
  expect(writer.text).toBe('x***************'.repeat(2_500));
  expect(looks).toBeLessThan(100);
});

test('while nothing can be written, pieces of a byte wait in thousands, not in millions', async () => {
  const writer = new FakeWriter();
  writer.hold();
  using pump = new Pump(writer, none, never);
  let pushed = 0;
  const pushing = (async () => {
    for (; pushed < 10_000; pushed++) await pump.push(Buffer.from('x'));
  })();
  for (let i = 0; i < 200; i++) await turn();
  expect(pushed).toBeLessThan(5_000);
  writer.held?.resolve();
  await pushing;
  await pump.finish();
  expect(writer.offset).toBe(10_000);
});

test('what the writer meets is thrown to whoever pushes or finishes', async () => {
  const writer = new FakeWriter();
  writer.failure = new VmTaskError('log-overtaken', 'another runner writes');
  using pump = new Pump(writer, none, never);
  await pump.push(Buffer.from('x'));
  await turn();
  await expect(pump.push(Buffer.from('y'))).rejects.toThrow('another runner writes');
  await expect(pump.finish()).rejects.toThrow('another runner writes');
});
