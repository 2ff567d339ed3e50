/** Where a file has effects: every call of one, with the function that it is in. */
import { stripTypeScriptTypes } from 'node:module';
import { type Node, parse } from 'acorn';
import { isImportedEffect, isMethodEffect } from './effects.ts';

export interface EffectCall {
  /** `<function>.<effect>`, and `-2` for the second one of that name in the function. */
  readonly name: string;
  /** Where the callee begins. */
  readonly start: number;
  /** Of a method: where what it is called on ends. Null for a function. */
  readonly receiverEnd: number | null;
  /** Where the callee ends. */
  readonly end: number;
  readonly method: string;
}

export interface FoundEffects {
  /** The file as JavaScript, every character where it was. */
  readonly code: string;
  readonly calls: readonly EffectCall[];
}

type AnyNode = Node & Record<string, unknown>;

export function findEffects(source: string): FoundEffects {
  const code = stripTypeScriptTypes(source);
  const program = parse(code, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    preserveParens: true,
  }) as unknown as AnyNode;
  const effects = importedEffects(program);
  const calls: EffectCall[] = [];
  const counts = new Map<string, number>();
  walk(program, 'module', (node, within) => {
    if (node.type !== 'CallExpression' || node['optional'] === true) return;
    const callee = node['callee'] as AnyNode;
    const found = effectOf(callee, code, effects);
    if (found === null) return;
    const base = `${within}.${found.method}`;
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    const name = count === 1 ? base : `${base}-${count}`;
    calls.push({ name, start: callee.start, end: callee.end, ...found });
  });
  return { code, calls };
}

function effectOf(
  callee: AnyNode,
  code: string,
  effects: ReadonlyMap<string, string>,
): Pick<EffectCall, 'receiverEnd' | 'method'> | null {
  if (callee.type === 'Identifier') {
    const method = effects.get(callee['name'] as string);
    return method === undefined ? null : { receiverEnd: null, method };
  }
  if (callee.type !== 'MemberExpression' || callee['computed'] === true) return null;
  const text = code
    .slice(callee.start, callee.end)
    .replaceAll(/\s+/g, '')
    .replace(/^this\./, '');
  if (!isMethodEffect(text)) return null;
  return { receiverEnd: (callee['object'] as AnyNode).end, method: (callee['property'] as AnyNode)['name'] as string };
}

/** Local name → name of the effect. */
function importedEffects(program: AnyNode): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const statement of program['body'] as AnyNode[]) {
    if (statement.type !== 'ImportDeclaration') continue;
    const module = (statement['source'] as AnyNode)['value'] as string;
    for (const specifier of statement['specifiers'] as AnyNode[]) {
      const name = (specifier['imported'] as AnyNode | undefined)?.['name'];
      const local = (specifier['local'] as AnyNode)['name'] as string;
      if (typeof name === 'string' && isImportedEffect(module, name)) found.set(local, name);
    }
  }
  return found;
}

/** Visits every node with the nearest function around it that has a name. */
function walk(node: AnyNode, within: string, visit: (node: AnyNode, within: string) => void): void {
  visit(node, within);
  for (const [key, child] of Object.entries(node)) {
    for (const one of Array.isArray(child) ? child : [child]) {
      if (isNode(one)) walk(one, nameWithin(node, key, one) ?? within, visit);
    }
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string';
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function nameWithin(parent: AnyNode, key: string, child: AnyNode): string | null {
  if (child.type === 'FunctionDeclaration') return nameOf(child['id']);
  if (!functions.has(child.type)) return null;
  const isNamed = key === 'value' || key === 'init';
  return isNamed ? nameOf(parent['key'] ?? parent['id']) : null;
}

function nameOf(node: unknown): string | null {
  const name = isNode(node) ? node['name'] : null;
  return typeof name === 'string' ? name : null;
}
