/**
 * YAML (and so JSON) as plain data: task files and configuration. What is written arrives, or the text is refused: a
 * second document, a tag that means nothing here, a merge key, a number that would lose digits. The work is linear in the
 * text. The only file that knows the library.
 */
import {
  CORE_SCHEMA,
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  EVENT_ID,
  type Event,
  floatCoreTag,
  getScalarValue,
  intCoreTag,
  mapTag,
  NOT_RESOLVED,
  parseEvents,
  SCALAR_STYLE,
  type ScalarTagDefinition,
  YAMLException,
} from 'js-yaml';
import { type ErrorCode, VmTaskError } from './errors.ts';
import { inexact, isExact } from './exact-number.ts';
import { lineOf, readJson } from './json-text.ts';
import { unfoldedProblem } from './unfolded.ts';

/** Aliases can multiply without end; so many are plenty for a file that people write. */
const maxAliases = 100;
/** As deep as any value may be, see `json.ts`. */
const maxDepth = 100;

/** From others: a mebibyte of YAML is a second of the event loop, and JSON a hundredth of that. */
export interface YamlLimits {
  readonly maxChars: number;
}

/**
 * Null for a text without anything. Whatever is JSON is read as JSON.
 *
 * @throws an error of `code` that names `source`, the line, and what is wrong there; `payload-too-large` for YAML beyond `limits`
 */
export function parseYaml(text: string, source: string, code: ErrorCode, limits?: YamlLimits): unknown {
  const json = readJson(text);
  if (json.kind === 'value') return json.value;
  if (json.kind === 'altered') throw new VmTaskError(code, `${source} cannot be taken: ${json.why}`);
  if (limits !== undefined && text.length > limits.maxChars) {
    const message = `${source} may have ${limits.maxChars} characters as YAML; give it as JSON, which may have more`;
    throw new VmTaskError('payload-too-large', message);
  }
  const value = readYaml(text, source, code);
  const problem = unfoldedProblem(value);
  if (problem === null) return value;
  throw new VmTaskError(code, `${source} cannot be taken: ${problem}`);
}

function readYaml(text: string, source: string, code: ErrorCode): unknown {
  try {
    const events = onlyDocument(parseEvents(text, { maxDepth }), text);
    return constructFromEvents(events, { source: text, schema, maxAliases })[0] ?? null;
  } catch (error) {
    if (error instanceof Refusal) throw new VmTaskError(code, `${source} ${error.message}`);
    if (error instanceof UnreadableScalar) {
      const why = error.sentence(placeOf(error.scalar, text));
      throw new VmTaskError(code, `${source} cannot be taken: ${why}`);
    }
    throw new VmTaskError(code, `${source} is not YAML: ${sentenceOf(error, text)}`, { cause: error });
  }
}

/** What of a text is refused although it is YAML, behind the name of its source. */
class Refusal extends Error {}

/** The events of the one document that says anything. */
function onlyDocument(events: Event[], text: string): Event[] {
  const begins = events.flatMap(({ type }, index) => (type === EVENT_ID.DOCUMENT ? [index] : []));
  const documents = begins.map((begin, at) => events.slice(begin, begins[at + 1]));
  const [first, second] = documents.filter(([, content]) => content !== undefined && !isNothing(content));
  if (second !== undefined)
    throw new Refusal(`has a second document at ${lineOf(text, beginOf(second, text))}; give one`);
  const version = first?.[0]?.type === EVENT_ID.DOCUMENT ? versionOf(first[0].directives) : null;
  if (version === null || version === '1.2') return first ?? [];
  throw new Refusal(`is said to be YAML ${version}, and would be read as YAML 1.2; leave the line %YAML out`);
}

function versionOf(directives: readonly { kind: string; version?: string }[]): string | null {
  return directives.find(({ kind }) => kind === 'yaml')?.version ?? null;
}

function isNothing(event: Event): boolean {
  return event.type === EVENT_ID.SCALAR && event.valueStart < 0 && event.tagStart < 0 && event.anchorStart < 0;
}

/** Where the line `---` stands, or the document itself where it has none. */
function beginOf([document, content]: readonly Event[], text: string): number {
  const begin = content === undefined ? 0 : offsetOf(content);
  const isMarked = document?.type === EVENT_ID.DOCUMENT && document.explicitStart;
  return isMarked ? text.lastIndexOf('---', begin) : begin;
}

function offsetOf(event: Event): number {
  if ('start' in event) return event.start;
  return 'valueStart' in event ? Math.max(0, event.valueStart) : 0;
}

/** The library tells no place to those who read scalars, so it is looked for afterwards. */
class UnreadableScalar extends Error {
  readonly scalar: string;
  readonly sentence: (place: string) => string;

  constructor(scalar: string, sentence: (place: string) => string) {
    super(scalar);
    this.scalar = scalar;
    this.sentence = sentence;
  }
}

function placeOf(scalar: string, text: string): string {
  const isIt = (event: Event) =>
    event.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN && getScalarValue(text, event) === scalar;
  const found = parseEvents(text, { maxDepth }).find(isIt);
  return lineOf(text, found === undefined ? 0 : offsetOf(found));
}

function sentenceOf(error: unknown, text: string): string {
  if (!(error instanceof YAMLException)) return (error as Error).message;
  return error.mark === undefined ? error.reason : `${error.reason} at ${lineOf(text, error.mark.position)}`;
}

const looksLikeNumber = /^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i;
/** For some readers of YAML it is octal. */
const leadingZero = /^[-+]?0\d/;

function exactly({ tagName, implicitFirstChars, ...tag }: ScalarTagDefinition<number>): ScalarTagDefinition<number> {
  const resolve = (source: string, isExplicit: boolean, name: string) => {
    const value = tag.resolve(source, isExplicit, name);
    if (value === NOT_RESOLVED && (tagName === intCoreTag.tagName || !looksLikeNumber.test(source))) return value;
    if (value !== NOT_RESOLVED && isExact(source, value) && !leadingZero.test(source)) return value;
    throw new UnreadableScalar(source, (place) => inexact(source, place));
  };
  return defineScalarTag(tagName, { implicit: true, implicitFirstChars, resolve, identify: tag.identify });
}

const noMerging = defineScalarTag('tag:yaml.org,2002:merge', {
  implicit: true,
  implicitFirstChars: ['<'],
  resolve: (source) => {
    if (source !== '<<') return NOT_RESOLVED;
    throw new UnreadableScalar(
      source,
      (place) => `<< at ${place} is not merged; write the keys out, or "<<" in quotes`,
    );
  },
  identify: () => false,
});

const textKeys = defineMappingTag(mapTag.tagName, {
  create: mapTag.create,
  has: mapTag.has,
  keys: mapTag.keys,
  get: mapTag.get,
  identify: mapTag.identify,
  addPair: (map, key, value) =>
    typeof key === 'string' ? mapTag.addPair(map, key, value) : 'a key has to be text; write it in quotes',
});

const schema = CORE_SCHEMA.withTags(exactly(intCoreTag), exactly(floatCoreTag), noMerging, textKeys);
