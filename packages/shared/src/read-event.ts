/** From an event's JSON to its data: older versions by their upcasters, what is newer left alone. */
import type { z } from 'zod';
import { type EventData, type EventType, eventSchemas } from './events.ts';
import { tolerant } from './tolerant.ts';

/** From one version's data to the next one's: pure, and tested with what that version wrote. */
export type Upcaster = (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** By type and by the version that it takes. No version has replaced another one yet. */
export type Upcasters = { readonly [T in EventType]?: Readonly<Record<number, Upcaster>> };
const upcasters: Upcasters = {};

/** An event type as readers know it: its newest version, and how to read that and those before. */
export interface ReadableType {
  readonly version: number;
  /** Those that the schema takes as they are: an older one that only lacks something stays what it is. */
  readonly asTheyAre: ReadonlySet<number>;
  readonly schema: z.ZodType;
  readonly upcasters: Readonly<Record<number, Upcaster>>;
}

export type ReadData =
  | { readonly kind: 'read'; readonly data: EventData<EventType> }
  | { readonly kind: 'unknown'; readonly why: string };

const readable = Object.fromEntries(
  Object.entries(eventSchemas).map(([type, schema]) => [
    type,
    {
      version: Math.max(...schema.shape.v.values),
      asTheyAre: new Set<number>(schema.shape.v.values),
      schema: tolerant(schema),
      upcasters: upcasters[type as EventType] ?? {},
    },
  ]),
) as unknown as Readonly<Record<EventType, ReadableType>>;

/** Every type with its newest version, as `task.created@1`: what this build can read. */
export const readableTypes: ReadonlySet<string> = new Set(
  Object.entries(readable).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, older) => `${type}@${older + 1}`),
  ),
);

export function readEventData(type: EventType, json: unknown): ReadData {
  return readAs(readable[type], json);
}

/** Unknown is what is of a newer version, and what is of a known one and does not fit it. */
export function readAs({ version, asTheyAre, schema, upcasters: known }: ReadableType, json: unknown): ReadData {
  if (typeof json !== 'object' || json === null) return { kind: 'unknown', why: 'it is no object' };
  let data = json as Record<string, unknown>;
  const said = data['v'];
  if (typeof said !== 'number' || !Number.isInteger(said) || said < 1)
    return { kind: 'unknown', why: 'it has no version' };
  if (said > version)
    return { kind: 'unknown', why: `its version is ${said}, and ${version} is the newest known here` };
  for (let at = said; !asTheyAre.has(at); at++) {
    const upcast = known[at];
    if (upcast === undefined) return { kind: 'unknown', why: `nothing here makes version ${at + 1} of version ${at}` };
    data = upcast(data);
  }
  const parsed = schema.safeParse(data);
  if (parsed.success) return { kind: 'read', data: parsed.data as EventData<EventType> };
  const problems = parsed.error.issues.slice(0, 10).map(({ path, message }) => `${path.join('.')}: ${message}`);
  return { kind: 'unknown', why: problems.join('; ') };
}
