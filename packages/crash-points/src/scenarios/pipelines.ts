/** Pipelines whose stages can be told afterwards. */
import { readPipeline } from '@vm-task/bus/read-pipeline';
import { liveRuns } from '@vm-task/pipelines/decisions/next-steps';
import type { PipelineId, TaskId } from '@vm-task/shared/ids';
import { commandSubjects } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { type Expectation, makeJob } from './job.ts';
import type { Scenario } from './scenario.ts';
import type { User } from './user.ts';

/** Intake decides several times in one pipeline, and each decision is another state to die in. */
const decisions = /^intake bus\/(append|work):/;

export const twoStages: Scenario = {
  name: 'pipeline',
  apart: decisions,
  async run(user, mark) {
    const first = makeJob({ mark: `${mark}a`, lines: 2 });
    const inputs = { mark: `\${{ needs.first.result.mark }}` };
    const second = makeJob({ mark: `${mark}b`, lines: 2, more: { needs: ['first'], inputs } });
    await user.submitPipeline({
      file: { name: 'two', stages: { first: first.file, second: second.file } },
      expected: { outcome: 'succeeded', stages: { first: first.expected, second: second.expected } },
    });
  },
};

/** A VM changes hands: whoever hands it on may die before and after it is known to be the next one's. */
export const sharedVm: Scenario = {
  name: 'shared VM',
  apart: /^provisioner (hypervisor\/ledger\/json-file:writeJsonOnce|bus\/(append|work):)/,
  async run(user, mark) {
    const first = makeJob({ mark: `${mark}a`, lines: 2 });
    const second = makeJob({ mark: `${mark}b`, lines: 2, more: { needs: ['first'], vm: { of: 'first' } } });
    await user.submitPipeline({
      file: { name: 'shared', stages: { first: first.file, second: second.file } },
      expected: { outcome: 'succeeded', stages: { first: first.expected, second: second.expected } },
    });
  },
};

/** The stage for which a VM was kept does not run. */
export const unusedVm: Scenario = {
  name: 'unused VM',
  async run(user, mark) {
    const first = makeJob({ mark: `${mark}a`, lines: 2 });
    const more = { needs: ['first'], vm: { of: 'first' }, if: `\${{ false }}` };
    const second = makeJob({ mark: `${mark}b`, more });
    await user.submitPipeline({
      file: { name: 'unused', stages: { first: first.file, second: second.file } },
      expected: { outcome: 'succeeded', stages: { first: first.expected } },
    });
  },
};

/** Cancelled as soon as it is decided what begins: its tasks may not be there yet. What always runs follows. */
export const cancelledPipeline: Scenario = {
  name: 'cancelled pipeline',
  apart: decisions,
  async run(user, mark) {
    const job = makeJob({ mark, endless: true, expected: { outcome: 'cancelled' } });
    const clean = makeJob({ mark: `${mark}k`, lines: 2, more: { needs: ['process'], always: true } });
    const stages = {
      process: job.file,
      person: { kind: 'external' },
      clean: clean.file,
      later: makeJob({ mark: `${mark}l`, more: { needs: ['process'] } }).file,
    };
    const pipeline = await user.commandPipeline({
      file: { name: 'cancelled', stages },
      expected: {
        outcome: 'cancelled',
        stages: { process: job.expected, person: ofNoProcess('cancelled'), clean: clean.expected },
      },
    });
    await waitForLive(user, pipeline);
    await user.publish(commandSubjects.cancelPipeline, { pipeline });
  },
};

/** Somebody says yes, as often as it takes to be heard. */
export const approvedPipeline: Scenario = {
  name: 'approval',
  apart: decisions,
  async run(user) {
    const pipeline = await user.submitPipeline({
      file: { name: 'approval', stages: { confirm: { kind: 'approval', description: 'Go on?' } } },
      expected: { outcome: 'succeeded', stages: { confirm: ofNoProcess('succeeded') } },
    });
    const [task] = await waitForLive(user, pipeline);
    const approve = async () => {
      const heard = await user.ask(({ tasks }) => tasks.approve(`${task}`, { by: 'somebody' }));
      // Heard before: the answer to it was lost.
      return (
        'answer' in heard || (heard.refusal.code === 'task-already-over' && /succeeded$/.test(heard.refusal.message))
      );
    };
    await eventually(approve, { what: `task ${task} is approved`, limitMs: 60_000 });
  },
};

function ofNoProcess(outcome: Expectation['outcome']): Expectation {
  return { outcome, attempts: 0, output: { setup: '', stdout: '', stderr: '' }, artifacts: {}, starts: null };
}

/** The tasks that the pipeline has begun; some of them may only be decided on. */
async function waitForLive({ system }: User, pipeline: PipelineId): Promise<readonly TaskId[]> {
  const find = async () => {
    const state = await readPipeline(system.bus.connection, pipeline);
    const live = state === null ? [] : liveRuns(state);
    return live.length > 0 && live.map(({ task }) => task);
  };
  return eventually(find, { what: `pipeline ${pipeline} begins`, limitMs: 180_000 });
}
