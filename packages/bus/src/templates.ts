/** Templates in the bucket `templates`, for ever: one entry for each version, numbered from 1, none ever altered. */
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import { VmTaskError } from '@vm-task/shared/errors';
import { parseName } from '@vm-task/shared/ids';
import { jsonObjectSchema } from '@vm-task/shared/json';
import type { TemplateFile } from '@vm-task/shared/templates/template-file';
import { explainIssues, nearest } from '@vm-task/shared/unknown-keys';
import { z } from 'zod';
import type { Connection } from './connection.ts';
import { isSameJson } from './same-json.ts';

const storedSchema = z.object({
  v: z.literal(1),
  version: z.int().min(1),
  installedAt: z.iso.datetime(),
  file: jsonObjectSchema as unknown as z.ZodType<TemplateFile>,
});
export type StoredTemplate = z.infer<typeof storedSchema>;

/** The version that holds the file from now on; the newest one where that is the same already. */
export async function storeTemplate(connection: Connection, file: TemplateFile, now: Date): Promise<StoredTemplate> {
  const bucket = await open(connection);
  for (;;) {
    const versions = (await versionsOf(bucket)).get(file.name) ?? [];
    const newest = versions.at(-1);
    const latest = newest === undefined ? null : await readIfWhole(bucket, file.name, newest);
    if (latest !== null && isSameJson(latest.file, file)) return latest;
    const version = (newest ?? 0) + 1;
    const stored: StoredTemplate = { v: 1, version, installedAt: now.toISOString(), file };
    try {
      await bucket.create(keyOf(file.name, version), JSON.stringify(stored));
      return stored;
    } catch (error) {
      // Somebody else made this version: what is there now decides. Anything else is no answer at all.
      if ((await bucket.get(keyOf(file.name, version))) === null) throw error;
    }
  }
}

/** The newest version of each, by name, but for those that cannot be read here: `inspectTemplates` names them. */
export async function listTemplates(connection: Connection): Promise<StoredTemplate[]> {
  const bucket = await open(connection);
  const newest = [...(await versionsOf(bucket))].sort(([a], [b]) => (a < b ? -1 : 1));
  const found = await Promise.all(newest.map(([name, versions]) => readIfWhole(bucket, name, versions.at(-1) ?? 1)));
  return found.filter((template) => template !== null);
}

export interface InspectedTemplate {
  /** `name@version`, of the newest one. */
  readonly ref: string;
  /** Why it cannot be used, or null. */
  readonly problem: string | null;
}

/** The newest version of each by its schema, and by what `check` throws. */
export async function inspectTemplates(
  connection: Connection,
  check: (file: TemplateFile) => void,
): Promise<InspectedTemplate[]> {
  const bucket = await open(connection);
  const newest = [...(await versionsOf(bucket))].sort(([a], [b]) => (a < b ? -1 : 1));
  return await Promise.all(
    newest.map(async ([name, versions]) => {
      const version = versions.at(-1) ?? 1;
      return { ref: `${name}@${version}`, problem: problemOf(await bucket.get(keyOf(name, version)), check) };
    }),
  );
}

function problemOf(entry: KvEntry | null, check: (file: TemplateFile) => void): string | null {
  if (entry === null) return null;
  try {
    const stored = storedSchema.safeParse(entry.json());
    if (!stored.success) return `what is stored is no template: ${explainIssues(stored.error, storedSchema)}`;
    check(stored.data.file);
    return null;
  } catch (error) {
    if (error instanceof VmTaskError) return error.message;
    return `what is stored is no template: ${(error as Error).message}`;
  }
}

/** `ref`: a name, or name@version. @throws `template-not-found` with what there is, `invalid-id`. */
export async function findTemplate(connection: Connection, ref: string): Promise<StoredTemplate> {
  const [, name = '', wanted] = /^([^@]*)(?:@([0-9]{1,9}))?$/.exec(ref) ?? [ref, ref];
  parseName('template', name);
  const bucket = await open(connection);
  const all = await versionsOf(bucket);
  const versions = all.get(name) ?? [];
  const version = wanted === undefined ? versions.at(-1) : versions.find((one) => one === Number(wanted));
  const found = version === undefined ? null : await read(bucket, name, version);
  if (found !== null) return found;
  throw new VmTaskError(
    'template-not-found',
    `there is no template "${ref}"; ${hintFor(name, versions, [...all.keys()])}`,
  );
}

function hintFor(name: string, versions: readonly number[], names: readonly string[]): string {
  if (versions.length > 0) return `its versions are ${versions.join(', ')}`;
  const near = nearest(name, names);
  if (near !== null) return `did you mean "${near}"?`;
  return names.length === 0 ? 'none is installed: ./vm-task template install FILE' : `known are ${names.join(', ')}`;
}

async function versionsOf(bucket: KV): Promise<Map<string, number[]>> {
  const versions = new Map<string, number[]>();
  for await (const key of await bucket.keys()) {
    const [name = '', version = ''] = key.split('.');
    versions.set(
      name,
      [...(versions.get(name) ?? []), Number(version)].sort((a, b) => a - b),
    );
  }
  return versions;
}

async function read(bucket: KV, name: string, version: number): Promise<StoredTemplate | null> {
  const entry = await bucket.get(keyOf(name, version));
  return entry === null ? null : storedSchema.parse(entry.json());
}

/** One that was spoilt is as good as none: the next version takes its place. */
async function readIfWhole(bucket: KV, name: string, version: number): Promise<StoredTemplate | null> {
  const entry = await bucket.get(keyOf(name, version));
  return entry === null || problemOf(entry, () => undefined) !== null ? null : storedSchema.parse(entry.json());
}

function keyOf(name: string, version: number): string {
  return `${name}.${version}`;
}

function open({ js }: Connection): Promise<KV> {
  return new Kvm(js).open('templates');
}
