/**
 * Expressions are CEL: no loops but over lists, no side effects, no clock, so that the same values always give the same
 * result. The only file that knows the library. Limits hold them (I13): a length and a number of nodes here; what bounds
 * the time is up to whoever evaluates them (`fill.ts`).
 *
 * Every number of JSON is a double here, as in CEL's own mapping, so that a type never depends on the data. Integers are
 * what an expression writes as such, what functions give, and `index`; the two are computed with each other as doubles.
 */
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import type { Json } from '@vm-task/shared/json';
import { nearest } from '@vm-task/shared/unknown-keys';

/** What an expression may name. */
export interface Scope {
  readonly parameters: readonly string[];
  /** The stages that are needed; true for one that runs once for each item. */
  readonly needs: ReadonlyMap<string, boolean>;
  /** Every stage there is, for a better word about one that is not among them. */
  readonly stages: readonly string[];
  /** `item` and `index` are there. */
  readonly perItem: boolean;
}

export interface Expression {
  readonly text: string;
  /** `bool`, `list<int>`, …; `dyn` where it depends on the values. */
  readonly type: string;
  /** Stages whose results, errors or files it reads. */
  readonly reads: ReadonlySet<string>;
  readonly parsed: ParseResult;
}

export interface Values {
  readonly params: Readonly<Record<string, Json>>;
  readonly needs: Readonly<Record<string, Json>>;
  readonly item?: Json;
  readonly index?: number;
}

export const maxExpressionLength = 4_096;
/** Far more than anybody writes, and few enough that lists cannot be doubled without end. */
const limits = { maxAstNodes: 500, maxDepth: 40 };

const base = new Environment({ homogeneousAggregateLiterals: false, limits })
  .registerVariable('params', 'map')
  .registerVariable('needs', 'map');
for (const [sign, compute] of Object.entries(arithmetic())) {
  base.registerOperator(`double ${sign} int: double`, (a: number, b: bigint) => compute(a, Number(b)));
  base.registerOperator(`int ${sign} double: double`, (a: bigint, b: number) => compute(Number(a), b));
}
const once = base.clone();
const perItem = base.clone().registerVariable('item', 'dyn').registerVariable('index', 'int');

function arithmetic(): Readonly<Record<string, (a: number, b: number) => number>> {
  return { '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b };
}

/** The expression, or a sentence that says what is wrong with it. */
export function readExpression(text: string, scope: Scope): Expression | string {
  if (text.length > maxExpressionLength) {
    return `an expression may have ${maxExpressionLength} characters, this one has ${text.length}`;
  }
  try {
    const parsed = parse(text, scope.perItem);
    const { valid, type, error } = parsed.check();
    if (!valid) return `${error?.summary ?? 'it does not fit together'}${hintFor(error?.summary ?? '', scope)}`;
    const reads = new Set<string>();
    const problem = checkReferences(parsed.ast, scope, reads);
    return problem ?? { text, type: type ?? 'dyn', reads, parsed };
  } catch (error) {
    return summaryOf(error);
  }
}

/** The value, or a sentence that says why there is none. Takes as long as it takes. */
export function evaluate({ parsed }: Expression, values: Values): { readonly value: Json } | string {
  try {
    const { index, ...given } = values;
    return { value: toJson(parsed(index === undefined ? given : { ...given, index: BigInt(index) })) };
  } catch (error) {
    return summaryOf(error);
  }
}

function parse(text: string, forItem: boolean): ParseResult {
  return (forItem ? perItem : once).parse(text);
}

function summaryOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  return summary ?? message ?? String(error);
}

function hintFor(summary: string, scope: Scope): string {
  if (!summary.startsWith('Unknown variable')) return '';
  const dashed = scope.stages.find((name) => name.includes('-') && summary.includes(name.split('-').at(-1) ?? name));
  if (dashed !== undefined) return `; a name with a dash is written needs['${dashed}']`;
  const known = ['params', 'needs', ...(scope.perItem ? ['item', 'index'] : [])];
  return `; known are ${known.join(', ')}${scope.perItem ? '' : ' (item and index where there is a forEach)'}`;
}

/** Null when everything that it names is there. `reads` gets the stages of whose end it wants to know more. */
function checkReferences(node: ASTNode, scope: Scope, reads: Set<string>): string | null {
  const stage = memberOf(node, 'needs');
  if (stage !== null) {
    reads.add(stage);
    return checkStage(stage, scope);
  }
  const field = fieldOf(node);
  const problemOfField = field === null ? null : checkField(field.of, field.name, scope);
  if (problemOfField !== null) return problemOfField;
  const parameter = memberOf(node, 'params');
  if (parameter !== null && !scope.parameters.includes(parameter)) {
    return unknown('parameter', parameter, scope.parameters);
  }
  if (node.op === 'id' && node.args === 'needs')
    return 'needs takes the name of a stage: needs.name, or needs["a-name"]';
  for (const child of childrenOf(node)) {
    const problem = checkReferences(child, scope, reads);
    if (problem !== null) return problem;
  }
  return null;
}

function checkStage(stage: string, { needs, stages }: Scope): string | null {
  if (needs.has(stage)) return null;
  if (!stages.includes(stage)) return unknown('stage', stage, stages);
  return `the stage "${stage}" is not among the needs of this one; add it there`;
}

/** What is known of a stage that is needed: `neededValue` makes it. */
function checkField(of: ASTNode, name: string, { needs }: Scope): string | null {
  const stage = memberOf(of, 'needs');
  const perItem = stage === null ? undefined : needs.get(stage);
  if (perItem === undefined) return null;
  const known = ['outcome', 'error', 'artifacts', perItem ? 'results' : 'result'];
  if (known.includes(name)) return null;
  const why = perItem && name === 'result' ? '; it runs once for each item' : '';
  return `the stage "${stage}" has ${known.join(', ')}, and no ${name}${why}`;
}

function unknown(what: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const hint = near === null ? `known are ${known.join(', ') || 'none'}` : `did you mean "${near}"?`;
  return `there is no ${what} "${name}"; ${hint}`;
}

/** `x` of `root.x` and `root["x"]`. */
function memberOf(node: ASTNode, root: string): string | null {
  const field = fieldOf(node);
  return field !== null && isId(field.of, root) ? field.name : null;
}

/** Of `of.name` and `of["name"]`. */
function fieldOf(node: ASTNode): { readonly of: ASTNode; readonly name: string } | null {
  if (node.op === '.') return { of: node.args[0], name: node.args[1] };
  if (node.op !== '[]') return null;
  const [of, key] = node.args;
  return key.op === 'value' && typeof key.args === 'string' ? { of, name: key.args } : null;
}

function isId(node: ASTNode, name: string): boolean {
  return node.op === 'id' && node.args === name;
}

function childrenOf({ args }: ASTNode): ASTNode[] {
  const nodes = Array.isArray(args) ? (args as unknown[]).flat(2) : [args];
  return nodes.filter((child) => typeof child === 'object' && child !== null && 'op' in child) as ASTNode[];
}

function toJson(value: unknown): Json {
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Error(`${value} is larger than a number of JSON can be exactly`);
    return number;
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return toJson(Object.fromEntries(value));
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
  }
  throw new Error('it gives something that is no JSON; make it a text with string(…)');
}
