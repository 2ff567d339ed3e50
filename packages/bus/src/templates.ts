/**
 * Templates in the bucket `templates`, for ever: one entry for each version, numbered from 1, none ever altered. Those that
 * a team has installed are in `teamtemplates`, for that team alone; of one name, it has its own and not the shared one.
 */
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
export async function storeTemplate(
  connection: Connection,
  file: TemplateFile,
  now: Date,
  team: string | null = null,
): Promise<StoredTemplate> {
  const bucket = await open(connection, team);
  for (;;) {
    const versions = (await versionsOf(bucket)).get(file.name) ?? [];
    const newest = versions.at(-1);
    const latest = newest === undefined ? null : await readIfWhole(bucket, file.name, newest);
    if (latest !== null && isSameJson(latest.file, file)) return latest;
    const version = (newest ?? 0) + 1;
    const stored: StoredTemplate = { v: 1, version, installedAt: now.toISOString(), file };
    try {
      await bucket.kv.create(keyOf(bucket, file.name, version), JSON.stringify(stored));
      return stored;
    } catch (error) {
      // Somebody else made this version: what is there now decides. Anything else is no answer at all.
      if ((await bucket.kv.get(keyOf(bucket, file.name, version))) === null) throw error;
    }
  }
}

/**
 * The newest version of each, by name, but for those that cannot be read here: `inspectTemplates` names them. With those of
 * the team, where there is one.
 */
export async function listTemplates(connection: Connection, team: string | null = null): Promise<StoredTemplate[]> {
  const spaces = team === null ? [null] : [null, team];
  const lists = await Promise.all(spaces.map(async (one) => newestIn(await open(connection, one))));
  const byName = new Map(lists.flat().map((template) => [template.file.name, template]));
  return [...byName.values()].sort((one, other) => (one.file.name < other.file.name ? -1 : 1));
}

async function newestIn(bucket: Space): Promise<StoredTemplate[]> {
  const newest = [...(await versionsOf(bucket))];
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
  const bucket = await open(connection, null);
  const newest = [...(await versionsOf(bucket))].sort(([a], [b]) => (a < b ? -1 : 1));
  return await Promise.all(
    newest.map(async ([name, versions]) => {
      const version = versions.at(-1) ?? 1;
      return {
        ref: `${name}@${version}`,
        problem: problemOf(await bucket.kv.get(keyOf(bucket, name, version)), check),
      };
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

/**
 * `ref`: a name, or name@version; of the team, where it has one of that name, and else a shared one.
 * @throws `template-not-found` with what there is, `invalid-id`.
 */
export async function findTemplate(
  connection: Connection,
  ref: string,
  team: string | null = null,
): Promise<StoredTemplate> {
  const [, name = '', wanted] = /^([^@]*)(?:@([0-9]{1,9}))?$/.exec(ref) ?? [ref, ref];
  parseName('template', name);
  const own = team === null ? null : await open(connection, team);
  const owned = own === null ? new Map<string, number[]>() : await versionsOf(own);
  const shared = await open(connection, null);
  const all = await versionsOf(shared);
  const bucket = own !== null && owned.has(name) ? own : shared;
  const versions = (bucket === own ? owned : all).get(name) ?? [];
  const version = wanted === undefined ? versions.at(-1) : versions.find((one) => one === Number(wanted));
  const found = version === undefined ? null : await read(bucket, name, version);
  if (found !== null) return found;
  const names = [...new Set([...owned.keys(), ...all.keys()])];
  throw new VmTaskError('template-not-found', `there is no template "${ref}"; ${hintFor(name, versions, names)}`);
}

function hintFor(name: string, versions: readonly number[], names: readonly string[]): string {
  if (versions.length > 0) return `its versions are ${versions.join(', ')}`;
  const near = nearest(name, names);
  if (near !== null) return `did you mean "${near}"?`;
  return names.length === 0 ? 'none is installed: ./vm-task template install FILE' : `known are ${names.join(', ')}`;
}

async function versionsOf({ kv, prefix }: Space): Promise<Map<string, number[]>> {
  const versions = new Map<string, number[]>();
  for await (const key of await kv.keys(prefix === '' ? undefined : `${prefix}>`)) {
    const [name = '', version = ''] = key.slice(prefix.length).split('.');
    versions.set(
      name,
      [...(versions.get(name) ?? []), Number(version)].sort((a, b) => a - b),
    );
  }
  return versions;
}

async function read(bucket: Space, name: string, version: number): Promise<StoredTemplate | null> {
  const entry = await bucket.kv.get(keyOf(bucket, name, version));
  return entry === null ? null : storedSchema.parse(entry.json());
}

/** One that was spoilt is as good as none: the next version takes its place. */
async function readIfWhole(bucket: Space, name: string, version: number): Promise<StoredTemplate | null> {
  const entry = await bucket.kv.get(keyOf(bucket, name, version));
  return entry === null || problemOf(entry, () => undefined) !== null ? null : storedSchema.parse(entry.json());
}

/** The shared ones, or those of a team. */
interface Space {
  readonly kv: KV;
  readonly prefix: string;
}

function keyOf({ prefix }: Space, name: string, version: number): string {
  return `${prefix}${name}.${version}`;
}

async function open({ js }: Connection, team: string | null): Promise<Space> {
  if (team === null) return { kv: await new Kvm(js).open('templates'), prefix: '' };
  return { kv: await new Kvm(js).open('teamtemplates'), prefix: `${team}.` };
}
