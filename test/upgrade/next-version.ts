/**
 * What a next version may add: a type of event, a version of one, an error, a driver. Written into a copy of this tree,
 * where the tables are; a table that is elsewhere by now is an error, because then nothing would be added.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** After every version that there will be. */
export const nextVersion = '99.0.0';
export const nextDriver = 'next';
export const nextType = 'task.noted.here';
export const nextError = 'process-refused';
/** The exit code of a process that has that error. */
export const refusing = 42;

type Replacement = readonly [file: string, old: string, now: string];

const newType = `  '${nextType}': z.strictObject({ v: v1, task, pool, attempt, text: z.string() }),
`;

const replacements: readonly Replacement[] = [
  // The type of event, which is beside the course of its task.
  [
    'packages/shared/src/events.ts',
    `  /** The one terminal event. */\n  'task.completed'`,
    `${newType}  'task.completed'`,
  ],
  [
    'packages/shared/src/subjects.ts',
    `  'vm.gone': 'vm.gone.*.*.*',`,
    `  '${nextType}': '${nextType}.*.*.*',\n  'vm.gone': 'vm.gone.*.*.*',`,
  ],
  [
    'packages/shared/src/flow.ts',
    `emits: ['task.resumed', 'task.setup.done', 'task.retrying', 'task.completed'],`,
    `emits: ['task.resumed', 'task.setup.done', '${nextType}', 'task.retrying', 'task.completed'],`,
  ],
  [
    'services/runner/src/run-attempt.ts',
    `    if (appended.kind === 'stored') {\n      this.#runningSince`,
    `    if (bus.features.version === '${nextVersion}') {
      const noted = { v: 1, task, pool, attempt, text: 'of the next version' };
      await bus.append({ type: '${nextType}', data: noted, host } as never, this.#attempt.expectedSeq, signal);
    }
    if (appended.kind === 'stored') {\n      this.#runningSince`,
  ],
  // The version of a type, with how the one before is read and written.
  [
    'packages/shared/src/events.ts',
    `'task.completed': z.strictObject({\n    v: v1,`,
    `'task.completed': z.strictObject({\n    v: z.literal(2),\n    costs: z.int(),`,
  ],
  [
    'packages/shared/src/read-event.ts',
    `const upcasters: Upcasters = {};`,
    `const upcasters: Upcasters = { 'task.completed': { 1: (data) => ({ ...data, v: 2, costs: 0 }) } };`,
  ],
  [
    'packages/shared/src/features.ts',
    `export const additions = {`,
    `export const additions = {
  'task.completed@2': { since: '${nextVersion}', before: ({ costs: _, ...data }) => ({ ...data, v: 1 }) },
  '${nextType}@1': { since: '${nextVersion}' },`,
  ],
  [
    'packages/bus/src/envelope.ts',
    `eventSchemas[draft.type].parse(draft.data)`,
    `eventSchemas[draft.type].parse(draft.type === 'task.completed' ? { ...draft.data, v: 2, costs: 7 } : draft.data)`,
  ],
  // The error.
  [
    'packages/shared/src/errors.ts',
    `  'process-failed': {`,
    `  '${nextError}': { status: 400, permanent: false, title: 'The process did not want to' },\n  'process-failed': {`,
  ],
  [
    'packages/shared/src/process-end.ts',
    `code: 'process-failed',`,
    `code: status.exitCode === ${refusing} ? '${nextError}' : 'process-failed',`,
  ],
  // The driver.
  [
    'packages/hypervisor/src/drivers/registry.ts',
    `export { ssh } from './ssh/declaration.ts';`,
    `export { ssh } from './ssh/declaration.ts';\nexport { next } from './next/declaration.ts';`,
  ],
  // Whoever asks which version it is.
  ['package.json', `"version": "`, `"version": "${nextVersion}",\n  "was": "`],
];

const driver = `import { z } from 'zod';
import { ssh } from '../ssh/declaration.ts';
import { namedRecordSchema } from '../ssh/record.ts';

export const next = {
  ...ssh,
  name: '${nextDriver}',
  pool: z.strictObject({ driver: z.literal('${nextDriver}') }).transform((pool) => ({ ...pool, max: 1, warm: 0 })),
  record: namedRecordSchema.extend({ driver: z.literal('${nextDriver}') }),
  checks: [],
};
`;

/** @throws Error for a table that has moved */
export async function extendTree(folder: string): Promise<void> {
  for (const [file, old, now] of replacements) {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8');
    if (text.split(old).length !== 2) throw new Error(`${file} does not have once: ${old}`);
    await writeFile(
      path,
      text.replace(old, () => now),
    );
  }
  const path = join(folder, 'packages/hypervisor/src/drivers/next/declaration.ts');
  await mkdir(dirname(path));
  await writeFile(path, driver);
}
