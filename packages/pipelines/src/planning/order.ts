/** The stages in an order in which each comes after those that it needs. */
import { VmTaskError } from '@vm-task/shared/errors';
import { nearest } from '@vm-task/shared/unknown-keys';

interface Needing {
  readonly name: string;
  readonly needs: readonly string[];
  readonly onFailure: boolean;
  readonly always?: true | undefined;
}

/** Keeps the written order where it may. @throws `invalid-pipeline` for an unknown stage, or for a circle, which is named. */
export function orderStages<T extends Needing>(stages: readonly T[]): T[] {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  for (const stage of stages) checkNeeds(stage, byName);
  const ordered: T[] = [];
  const done = new Set<string>();
  const visit = (stage: T, path: readonly string[]): void => {
    if (done.has(stage.name)) return;
    if (path.includes(stage.name)) {
      const circle = [...path.slice(path.indexOf(stage.name)), stage.name].join(' → ');
      throw new VmTaskError('invalid-pipeline', `stages: they wait for one another: ${circle}`);
    }
    for (const need of stage.needs) {
      const needed = byName.get(need);
      if (needed !== undefined) visit(needed, [...path, stage.name]);
    }
    done.add(stage.name);
    ordered.push(stage);
  };
  for (const stage of stages) visit(stage, []);
  return ordered;
}

function checkNeeds({ name, needs, onFailure, always }: Needing, byName: ReadonlyMap<string, Needing>): void {
  for (const need of needs) {
    const needed = byName.get(need);
    if (needed === undefined) {
      const near = nearest(need, [...byName.keys()]);
      const hint = near === null ? `known are ${[...byName.keys()].join(', ')}` : `did you mean "${near}"?`;
      throw new VmTaskError('invalid-pipeline', `stages.${name}.needs: there is no stage "${need}"; ${hint}`);
    }
    if (needed.onFailure && !onFailure && always !== true) {
      const why = `"${need}" runs only after a failure, so this stage would never run`;
      throw new VmTaskError('invalid-pipeline', `stages.${name}.needs: ${why}; give it onFailure or always: true`);
    }
  }
}
