/** From a task file to a task: every default applied, the machine chosen. */

import type { PoolConfig } from '@vm-task/hypervisor/pool-config';
import type { VmRequest } from '@vm-task/hypervisor/vm-class';
import { VmTaskError } from '@vm-task/shared/errors';
import { jsonProblem } from '@vm-task/shared/json';
import { retryPolicyOf } from '@vm-task/shared/retry-policy';
import { type TaskFile, taskFileSchema } from '@vm-task/shared/task-file';
import { type TaskSpec, taskMaxBytes } from '@vm-task/shared/task-spec';
import { explainIssues, nearest } from '@vm-task/shared/unknown-keys';
import type { Pools } from './pools.ts';

const minutes = 60_000;
const defaultTimeouts = { queueMs: 10 * minutes, setupMs: 5 * minutes, runMs: 30 * minutes, totalMs: 60 * minutes };
const defaultOutputMaxBytes = 4 * 1024 * 1024;

/**
 * What was submitted, as a task of one of the configured pools.
 * @throws `invalid-task` with every key that is wrong, `payload-too-large`, `pool-not-found`, `no-size-fits`.
 */
export function planTask(submitted: unknown, config: Pools): { pool: string; spec: TaskSpec } {
  const file = parseTaskFile(submitted);
  const name = file.vm ?? file.pool ?? config.defaultPool;
  const pool = Object.hasOwn(config.pools, name) ? config.pools[name] : undefined;
  if (pool === undefined) throw unknownPool(name, Object.keys(config.pools));
  const driver = config.drivers.get(pool.driver);
  if (file.vm !== undefined && driver.capabilities.clones) throw noNamedVm(name, config);
  const spec = specFrom(file, driver.plan(file, name, pool));
  const bytes = Buffer.byteLength(JSON.stringify(spec));
  if (bytes > taskMaxBytes) {
    throw new VmTaskError(
      'payload-too-large',
      `the task has ${bytes} bytes as JSON and may have ${taskMaxBytes}; hand large data over in the image, by git or as a file`,
    );
  }
  return { pool: name, spec };
}

/** @throws `invalid-task`, one sentence for each thing that is wrong. */
export function parseTaskFile(submitted: unknown): TaskFile {
  const problem = jsonProblem(submitted);
  if (problem !== null) throw new VmTaskError('invalid-task', `the task cannot be taken as JSON: ${problem}`);
  const parsed = taskFileSchema.safeParse(submitted);
  if (parsed.success) return parsed.data;
  throw new VmTaskError('invalid-task', explainIssues(parsed.error, taskFileSchema));
}

function specFrom(file: TaskFile, machine: VmRequest): TaskSpec {
  const { allow, ...rest } = machine;
  return {
    ...rest,
    ...(allow === undefined ? {} : { allow }),
    setup: (file.setup ?? []).map((step) =>
      step.git === undefined ? { kind: 'run', script: step.run ?? '' } : { kind: 'git', ...step.git },
    ),
    main:
      file.command === undefined
        ? { kind: 'script', runtime: file.runtime ?? 'shell', script: file.run ?? '' }
        : { kind: 'command', argv: file.command },
    stdin: file.stdin ?? '',
    inputs: file.inputs ?? {},
    env: file.env ?? {},
    secrets: file.secrets ?? {},
    ...artifactsOf(file),
    timeouts: timeoutsOf(file),
    ...(file.alertAfter === undefined ? {} : { alertAfterMs: file.alertAfter }),
    ...(file.children === undefined ? {} : { children: file.children }),
    retry: retryPolicyOf(file.retry),
    outputMaxBytes: file.output?.maxBytes ?? defaultOutputMaxBytes,
    labels: file.labels ?? {},
  };
}

function artifactsOf({ artifacts = [] }: TaskFile): Pick<TaskSpec, 'artifacts' | 'artifactsMayHaveSecrets'> {
  if (Array.isArray(artifacts)) return { artifacts };
  const allowed = artifacts.allowSecrets === true ? { artifactsMayHaveSecrets: true } : {};
  return { artifacts: artifacts.paths, ...allowed };
}

/** The total covers its parts: where only a part was asked for, the total grows with it. */
function timeoutsOf(file: TaskFile): TaskSpec['timeouts'] {
  const queueMs = file.timeouts?.queue ?? defaultTimeouts.queueMs;
  const setupMs = file.timeouts?.setup ?? defaultTimeouts.setupMs;
  const runMs = file.timeouts?.run ?? defaultTimeouts.runMs;
  const totalMs = file.timeouts?.total ?? Math.max(defaultTimeouts.totalMs, queueMs + setupMs + runMs);
  return { queueMs, setupMs, runMs, totalMs };
}

function noNamedVm(name: string, { pools, drivers }: Pools): VmTaskError {
  const isNamed = ([, { driver }]: [string, PoolConfig]) => !drivers.get(driver).capabilities.clones;
  const named = Object.entries(pools)
    .filter(isNamed)
    .map(([pool]) => pool);
  const known = named.length === 0 ? 'none is configured' : `known are ${named.join(', ')}`;
  return new VmTaskError(
    'pool-not-found',
    `"${name}" is a pool of clones, not a named VM (${known}); write pool: ${name}`,
  );
}

function unknownPool(name: string, known: readonly string[]): VmTaskError {
  const near = nearest(name, known);
  const hint = near === null ? `known are ${known.join(', ')}` : `did you mean "${near}"?`;
  return new VmTaskError('pool-not-found', `there is no pool "${name}"; ${hint}`);
}
