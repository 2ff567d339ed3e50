/**
 * Stages as a graph for a terminal: from left to right in columns, each stage behind those that it needs, its needs
 * written where the lines would cross. Small on purpose: a table beside it has the details.
 */
import { plainLine } from './plain-text.ts';

export interface GraphStage {
  readonly name: string;
  readonly needs: readonly string[];
  /** One character for its state. */
  readonly mark: string;
  /** When it runs, where that is not after success. */
  readonly when: string | null;
}

/** One line for each stage, indented by how deep it is, with what it waits for. `stages` come after what they need. */
export function drawGraph(stages: readonly GraphStage[]): string {
  const depths = new Map<string, number>();
  for (const { name, needs } of stages) {
    depths.set(name, Math.max(-1, ...needs.map((need) => depths.get(need) ?? 0)) + 1);
  }
  const parents = new Map(stages.map((stage) => [stage.name, parentOf(stage, depths)]));
  const lines: string[] = [];
  const draw = (stage: GraphStage, indent: string, branch: string) => {
    const others = stage.needs.filter((need) => need !== parents.get(stage.name));
    const also = others.length === 0 ? '' : `  ◂ ${others.join(', ')}`;
    const when = stage.when === null ? '' : ` (${stage.when})`;
    lines.push(plainLine(`${stage.mark} ${stage.name}${when}${also}`).replace(/^/, `${indent}${branch}`));
    const children = stages.filter(({ name }) => parents.get(name) === stage.name);
    const below = branch === '' ? indent : `${indent}${branch.startsWith('├') ? '│  ' : '   '}`;
    for (const [index, child] of children.entries()) draw(child, below, index < children.length - 1 ? '├─ ' : '└─ ');
  };
  for (const stage of stages.filter(({ name }) => parents.get(name) === null)) draw(stage, '', '');
  return lines.join('\n');
}

/** The deepest of its needs: below that one it is drawn. */
function parentOf({ needs }: GraphStage, depths: ReadonlyMap<string, number>): string | null {
  const [first, ...more] = needs;
  if (first === undefined) return null;
  return more.reduce((deepest, need) => ((depths.get(need) ?? 0) > (depths.get(deepest) ?? 0) ? need : deepest), first);
}
