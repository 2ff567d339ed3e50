/**
 * Values with `${{ … }}` in their texts. A text that is one expression becomes its value, of whatever type; inside a
 * text, values are inserted as text: strings as they are, everything else as JSON.
 *
 * Scripts take no expressions. What a program is given comes as inputs, environment, arguments or standard input, where
 * no character of it can become a part of the program.
 */
import type { Json } from '@vm-task/shared/json';
import { type Expression, evaluate, readExpression, type Scope, type Values } from './expression.ts';
import { close, endOf, open } from './find-end.ts';

type Part = string | Expression | { readonly problem: string };
const isProblem = (part: Part): part is { readonly problem: string } => typeof part === 'object' && 'problem' in part;
const isExpression = (part: Part): part is Expression => typeof part === 'object' && 'reads' in part;

export interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** What the texts of a value say, checked: every problem with its place, and the stages that are read. */
export interface Checked {
  readonly problems: readonly Problem[];
  /** The places of all texts with an expression. */
  readonly places: readonly (readonly string[])[];
  readonly reads: ReadonlySet<string>;
}

/** True for the place of a script. */
export type IsScript = (path: readonly string[]) => boolean;

/** Of all expressions of a file together: they are read again for each decision. Some thousand of usual length. */
export const expressionsMaxChars = 64 * 1024;

/** How many characters the expressions in `value` have. */
export function expressionsLength(value: Json): number {
  let length = 0;
  for (const [, text] of textsIn(value, [])) {
    for (let at = text.indexOf(open); at !== -1; ) {
      const end = endOf(text, at) ?? text.length;
      length += end - at;
      at = text.indexOf(open, end);
    }
  }
  return length;
}

/** Looks at every text in `value`. */
export function checkTemplate(value: Json, scope: Scope, isScript: IsScript): Checked {
  const texts = [...textsIn(value, [])];
  const scripts = texts.filter(([path, text]) => isScript(path) && looksLikeOurs(text));
  const templates = texts.filter(([path, text]) => !isScript(path) && text.includes(open));
  const parts = templates.flatMap(([path, text]) => splitText(text, scope).map((part) => ({ path, part })));
  return {
    problems: [
      ...scripts.map(([path]) => ({ path, message: scriptProblem })),
      ...parts.flatMap(({ path, part }) => (isProblem(part) ? [{ path, message: part.problem }] : [])),
    ],
    places: templates.map(([path]) => path),
    reads: new Set(parts.flatMap(({ part }) => (isExpression(part) ? [...part.reads] : []))),
  };
}

/** The type of a text that is one expression, `dyn` where it depends on the values; null for every other text. */
export function typeOf(text: string, scope: Scope): string | null {
  const [part, ...more] = splitText(text, scope);
  return part !== undefined && isExpression(part) && more.length === 0 ? part.type : null;
}

/** The places in a task's file that hold scripts. */
export const isScript: IsScript = (path) =>
  path.at(-1) === 'run' && (path.length === 1 || (path.length === 3 && path[0] === 'setup'));

/** What a template becomes with some values. @throws TemplateError for the first expression that has none */
export type Fill = (values: Values) => Json;

/** Reads every expression in `value` once, however often it is filled. */
export function compileTemplate(value: Json, scope: Scope, isScriptAt: IsScript): Fill {
  const compile = (inner: Json, path: readonly string[]): Fill => {
    if (typeof inner === 'string') return isScriptAt(path) ? () => inner : compileText(inner, path, scope);
    if (Array.isArray(inner)) {
      const items = inner.map((item, index) => compile(item, [...path, String(index)]));
      return (values) => items.map((fill) => fill(values));
    }
    if (typeof inner !== 'object' || inner === null) return () => inner;
    const entries = Object.entries(inner).map(([key, item]) => [key, compile(item, [...path, key])] as const);
    return (values) => Object.fromEntries(entries.map(([key, fill]) => [key, fill(values)]));
  };
  return compile(value, []);
}

/** `value` with every expression evaluated. @throws TemplateError for the first that has no value */
export function fillTemplate(value: Json, scope: Scope, values: Values, isScriptAt: IsScript): Json {
  return compileTemplate(value, scope, isScriptAt)(values);
}

/** @throws when an expression has no value: a field that is not there, types that do not go together. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

function compileText(text: string, path: readonly string[], scope: Scope): Fill {
  if (!text.includes(open)) return () => text;
  const parts = splitText(text, scope);
  const partValue = (part: Part, values: Values): Json => {
    if (typeof part === 'string') return part;
    const evaluated = 'problem' in part ? part.problem : evaluate(part, values);
    if (typeof evaluated !== 'string') return evaluated.value;
    throw new TemplateError(`${path.join('.')}: ${shown(part)}: ${evaluated}`);
  };
  const [first, ...more] = parts;
  if (first !== undefined && more.length === 0) return (values) => partValue(first, values);
  return (values) => parts.map((part) => textOf(partValue(part, values))).join('');
}

function shown(part: Expression | { readonly problem: string }): string {
  return 'text' in part ? `${open} ${part.text} ${close}` : 'the expression';
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The texts and expressions of a text, in order. White space around a single expression does not count. */
function splitText(text: string, scope: Scope): Part[] {
  const whole = text.trim();
  const source = whole.startsWith(open) && endOf(whole) === whole.length ? whole : text;
  const parts: Part[] = [];
  let from = 0;
  for (let at = source.indexOf(open); at !== -1; at = source.indexOf(open, from)) {
    if (at > from) parts.push(source.slice(from, at));
    const end = endOf(source, at);
    if (end === null) return [...parts, { problem: `"${open}" has no "${close}" behind it` }];
    const read = readExpression(source.slice(at + open.length, end - close.length).trim(), scope);
    parts.push(typeof read === 'string' ? { problem: read } : read);
    from = end;
  }
  if (from < source.length) parts.push(source.slice(from));
  return parts;
}

/** Other languages have `${{` of their own: only what names something of a pipeline was meant for us. */
function looksLikeOurs(script: string): boolean {
  return /\$\{\{\s*(params|needs|item|index)\b/.test(script);
}

const scriptProblem =
  'a script takes no expressions; give the value as an input and read $VM_TASK_INPUT_<NAME> or the file $VM_TASK_INPUTS';

function* textsIn(value: Json, path: readonly string[]): Generator<[readonly string[], string]> {
  if (typeof value === 'string') yield [path, value];
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) yield* textsIn(inner as Json, [...path, key]);
  }
}
