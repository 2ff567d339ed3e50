/** One system after another in which points are tried; a new one whenever a promise was broken in the last. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { services } from '@vm-task/shared/roles';
import { eventually } from '@vm-task/testing/conditions';
import type { Point } from './point.ts';
import { checkPipeline } from './promises/check-pipeline.ts';
import { checkRest } from './promises/check-rest.ts';
import { checkTask } from './promises/check-task.ts';
import { waitForQuiet } from './promises/quiet.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { User } from './scenarios/user.ts';
import { type SystemOptions, type SystemUnderTest, startSystem } from './system/system.ts';

export type Trial =
  | { readonly kind: 'passed' }
  /** The service did not come to the point this time. */
  | { readonly kind: 'missed' }
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

/** What follows from a scenario's tasks: VMs removed, warm ones made; and what is forgotten after a while. */
const reachLimitMs = 8_000;
const forgottenLimitMs = 45_000;

export class Lane implements AsyncDisposable {
  readonly #options: SystemOptions;
  #system: SystemUnderTest | null = null;

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /** The points that the scenario reaches, as often as it does and in their order. @throws when it breaks a promise by itself. */
  async record(scenario: Scenario): Promise<readonly string[]> {
    const system = await this.#open();
    system.order({ kind: 'record' });
    const problems = await this.#live(system, scenario, async () => undefined);
    const reached = system.reached();
    system.order({ kind: 'none' });
    if (problems.length > 0) throw new Error(`the scenario "${scenario.name}" fails by itself: ${problems.join('; ')}`);
    return reached;
  }

  /** A service kills itself when it comes to the point for the given time, in the scenario. */
  async kill({ scenario, name: point, time }: Point): Promise<Trial> {
    const system = await this.#open();
    system.order({ kind: 'kill', point, time });
    let isReached = false;
    const limitMs = point.includes('purge') ? forgottenLimitMs : reachLimitMs;
    const problems = await this.#live(system, scenario, async () => {
      const reached = eventually(system.obeyed, { what: `the point ${point} is reached`, limitMs });
      isReached = await reached.catch(() => false);
      system.order({ kind: 'none' });
    });
    if (problems.length === 0) return isReached ? { kind: 'passed' } : { kind: 'missed' };
    const logs = services.map((name) => logOf(system, name));
    await this[Symbol.asyncDispose]().catch((error: Error) => problems.push(error.message));
    return { kind: 'failed', problems: [...problems, ...logs] };
  }

  /** The scenario from begin to end, and the problems that it leaves. */
  async #live(system: SystemUnderTest, scenario: Scenario, afterwards: () => Promise<void>): Promise<string[]> {
    const user = new User(system);
    const since = (await system.bus.connection.jsm.streams.info('EVENTS')).state.last_seq;
    const problems: string[] = [];
    try {
      await scenario.run(user, randomUUID().slice(0, 8));
      await user.waitForEnds();
      await afterwards();
      await waitForQuiet(system);
    } catch (error) {
      problems.push((error as Error).message);
    }
    for (const accepted of user.pipelines) problems.push(...(await checkPipeline(system, accepted)));
    for (const accepted of user.accepted) problems.push(...(await checkTask(system, accepted)));
    problems.push(...(await checkRest(user, since)));
    return problems;
  }

  async #open(): Promise<SystemUnderTest> {
    this.#system ??= await startSystem(this.#options);
    await waitForQuiet(this.#system);
    return this.#system;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const system = this.#system;
    this.#system = null;
    await system?.[Symbol.asyncDispose]();
  }
}

const shownLogBytes = 3_000;

function logOf({ home }: SystemUnderTest, service: string): string {
  const log = readFileSync(join(home.logs, `${service}.log`), 'utf8');
  return `the log of ${service} ends with:\n${log.slice(-shownLogBytes)}`;
}
