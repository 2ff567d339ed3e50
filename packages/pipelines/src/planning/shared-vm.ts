/**
 * Stages that run in one VM, one after the other: the first one gets it as every task does, the others have `vm.of`.
 * Each needs the one before it, so that no two of them are there at once, and all before it have succeeded.
 */

import type { StageSpec } from '@vm-task/shared/pipelines/spec';
import { nearest } from '@vm-task/shared/unknown-keys';

type Sharing = Pick<StageSpec, 'name' | 'kind' | 'needs' | 'onFailure' | 'always' | 'forEach' | 'vm' | 'task'>;

/** What the VM has been given by its first stage, or a second attempt would not find as the first one did. */
const fixedKeys = ['pool', 'image', 'resources', 'egress', 'retry'] as const;

/** All that are in the VM of this one, itself included, in the order in which they have it. */
export function sharersOf<T extends Pick<StageSpec, 'name' | 'vm'>>(stages: readonly T[], { name, vm }: T): T[] {
  const first = vm?.of ?? name;
  return stages.filter((one) => one.name === first || one.vm?.of === first);
}

/** The one that has the VM right before this one; null for the first. */
export function sharerBefore<T extends Pick<StageSpec, 'name' | 'vm'>>(stages: readonly T[], stage: T): T | null {
  const sharers = sharersOf(stages, stage);
  return sharers[sharers.findIndex(({ name }) => name === stage.name) - 1] ?? null;
}

/** True when another one has the VM after this one. */
export function isSharedLater<T extends Pick<StageSpec, 'name' | 'vm'>>(stages: readonly T[], stage: T): boolean {
  return sharersOf(stages, stage).at(-1)?.name !== stage.name;
}

/** The stages, which come after those that they need, with `vm.of` naming the first one in the VM, or all that is wrong. */
export function resolveSharing<T extends Sharing>(stages: readonly T[]): readonly T[] | { problems: string[] } {
  const needs = allNeeds(stages);
  const problems = stages.flatMap((stage) =>
    stage.vm === undefined ? [] : ownProblems(stage, stage.vm.of, stages, needs),
  );
  if (problems.length > 0) return { problems };
  const first = new Map<string, string>();
  const resolved = stages.map((stage) => {
    if (stage.vm === undefined) return stage;
    const of = first.get(stage.vm.of) ?? stage.vm.of;
    first.set(stage.name, of);
    return { ...stage, vm: { of } };
  });
  const together = resolved.flatMap((stage) => togetherProblem(stage, resolved, needs));
  return together.length > 0 ? { problems: together } : resolved;
}

type AllNeeds = ReadonlyMap<string, ReadonlySet<string>>;

/** What each stage waits for, however far away. */
function allNeeds(stages: readonly Sharing[]): AllNeeds {
  const all = new Map<string, Set<string>>();
  for (const { name, needs } of stages) {
    all.set(name, new Set(needs.flatMap((need) => [need, ...(all.get(need) ?? [])])));
  }
  return all;
}

function ownProblems(stage: Sharing, of: string, stages: readonly Sharing[], needs: AllNeeds): string[] {
  const at = `stages.${stage.name}`;
  const owner = stages.find(({ name }) => name === of);
  if (owner === undefined) {
    const names = stages.map(({ name }) => name);
    const near = nearest(of, names);
    const hint = near === null ? `known are ${names.join(', ')}` : `did you mean "${near}"?`;
    return [`${at}.vm.of: there is no stage "${of}"; ${hint}`];
  }
  const failureKey = stage.always === true ? 'always' : 'onFailure';
  const fixed = fixedKeys.filter((key) => Object.hasOwn(stage.task, key));
  return [
    ...fixed.map((key) => `${at}.${key}: ${whyFixed(key, of)}`),
    ...(stage.forEach === null ? [] : [`${at}.forEach: its runs would be in one VM at the same time; leave vm.of out`]),
    ...(stage.onFailure || stage.always === true
      ? [`${at}.${failureKey}: the VM of a stage that failed is removed at once; leave vm.of out`]
      : []),
    ...(needs.get(stage.name)?.has(of) === true ? [] : [`${at}.vm.of: "${of}" must have ended; add it to needs`]),
    ...ownerProblem(owner).map((why) => `${at}.vm.of: ${why}`),
  ];
}

function whyFixed(key: (typeof fixedKeys)[number], of: string): string {
  if (key === 'retry')
    return `what a failed attempt left in the VM of "${of}" would be there for the next; leave it out`;
  return `the VM is that of the stage "${of}", as it was made; say it there`;
}

function ownerProblem({ name, kind, forEach, task }: Sharing): string[] {
  if (kind !== 'task') return [`"${name}" waits for an answer and has no VM`];
  if (forEach !== null) return [`"${name}" has a VM for each of its items, so none of them is meant`];
  if (task['vm'] === undefined) return [];
  return [
    `"${name}" runs on a named VM, which stays anyway; name that one here, too, and keep files in a folder of its own`,
  ];
}

/** Of two in one VM, one has to wait for the other. */
function togetherProblem(stage: Sharing, stages: readonly Sharing[], needs: AllNeeds): string[] {
  const before = sharerBefore(stages, stage);
  if (before === null || needs.get(stage.name)?.has(before.name) === true) return [];
  return [
    `stages.${stage.name}.vm.of: it would be in one VM with "${before.name}" at the same time; let one need the other`,
  ];
}
