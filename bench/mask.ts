/**
 * What masking costs: the same output is read in chunks of the size that SSH has, without a mask and with masks of few,
 * many and long secrets. The ratio is against adding up the bytes, which is the least that anybody can do with them.
 */
import { Mask } from '@vm-task/guest/mask';
import { readArguments } from './src/arguments.ts';
import { ms, printTable, printTargets, writeResults } from './src/report.ts';

const options = readArguments('Measures what masking secrets in output costs.', {
  mib: { default: 32, about: 'mebibytes of output for each figure' },
  rounds: { default: 5, about: 'times that each is measured; the fastest counts' },
});

const chunk = 32 * 1024;
const key = (lines: number) =>
  Array.from({ length: lines }, (_, at) =>
    Buffer.from(`${at * 7919} of the key, as long as a line`).toString('base64'),
  ).join('\n');
const secretsOf = {
  'one of 32 characters': ['q7Rw-91xLz0pTfVbKd82mNcYhJg3sE4u'],
  'sixteen of 32 characters': Array.from({ length: 16 }, (_, at) =>
    `${at}`.padEnd(32, 'q7Rw-91xLz0pTfVbKd82mNcYhJg3sE4u'),
  ),
  'a key of 4 KiB, 64 lines': [key(64).slice(0, 4 * 1024)],
  'a text of 32 KiB, 600 lines': [key(600).slice(0, 32 * 1024)],
};

const outputs = {
  text: Buffer.from(
    Array.from({ length: 2_000 }, (_, at) => `2026-11-30 12:00:${at} INFO worker ${at % 7}: done ${at}\n`).join(''),
  ),
  base64: Buffer.from(
    Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * 7_919) % 251))
      .toString('base64')
      .replaceAll(/.{76}/g, '$&\n'),
  ),
};

const rows: string[][] = [];
const figures: Record<string, number> = {};
for (const [kind, sample] of Object.entries(outputs)) {
  const output = Buffer.concat(Array(Math.ceil((options.mib * 1024 * 1024) / sample.length)).fill(sample));
  const plain = fastest(() => chunksOf(output, sum));
  rows.push([kind, 'none', ms(plain), rate(output, plain), '1.0', '']);
  for (const [name, secrets] of Object.entries(secretsOf)) {
    const building = fastest(() => new Mask(secrets));
    const mask = new Mask(secrets);
    const took = fastest(() => {
      const masker = mask.masker();
      chunksOf(output, (bytes) => masker.push(bytes));
      masker.flush();
    });
    figures[`${kind}, ${name}`] = took / plain;
    rows.push([kind, name, ms(took), rate(output, took), (took / plain).toFixed(1), ms(building)]);
  }
}
printTable('Masking', ['output', 'secrets', 'time', 'MiB/s', 'ratio', 'making the mask'], rows);
const short = figures['text, a key of 4 KiB, 64 lines'] ?? 0;
const long = figures['text, a text of 32 KiB, 600 lines'] ?? 0;
printTargets([{ what: 'eight times the secrets', value: long / short, limit: 2, kind: 'at most' }]);
writeResults('mask', { options, ratios: figures });

function fastest(action: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < options.rounds; round++) {
    const begin = performance.now();
    action();
    best = Math.min(best, performance.now() - begin);
  }
  return best;
}

function chunksOf(output: Buffer, take: (bytes: Buffer) => unknown): void {
  for (let at = 0; at < output.length; at += chunk) take(output.subarray(at, at + chunk));
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let at = 0; at < bytes.length; at++) total = (total + (bytes[at] as number)) | 0;
  return total;
}

function rate(output: Buffer, took: number): string {
  return (output.length / 1024 / 1024 / (took / 1_000)).toFixed(0);
}
