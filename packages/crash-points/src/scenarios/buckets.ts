/** What is written to buckets, beside the log. */
import { readFeatures, writeFeatures } from '@vm-task/bus/features';
import { eventually } from '@vm-task/testing/conditions';
import { makeJob } from './job.ts';
import type { Scenario } from './scenario.ts';

/** What control says of the versions that are there is lost, as if an older one had said it. */
export const outdatedFeatures: Scenario = {
  name: 'features',
  async run({ system: { bus } }) {
    await writeFeatures(bus.connection, { v: 1, version: '0.0.1' });
    const isRight = async () => (await readFeatures(bus.connection))?.version !== '0.0.1';
    await eventually(isRight, { what: 'the record of features is right again', limitMs: 60_000 });
  },
};

/** Set and removed as often as it takes to hear of it, it is there once, and then no more. */
export const secret: Scenario = {
  name: 'secret',
  async run(user, mark) {
    const name = `secret-${Number.parseInt(mark, 16)}`;
    const heard = await user.ask(({ secrets }) => secrets.set(name, `value of ${mark}`));
    if (!('answer' in heard)) throw new Error(`not set: ${JSON.stringify(heard)}`);
    const isListed = async () => {
      const listed = await user.ask(({ secrets }) => secrets.list());
      return 'answer' in listed && listed.answer.secrets.some((one) => one.name === name);
    };
    if (!(await isListed())) throw new Error(`${name} was set and is not there`);
    const removed = await user.ask(({ secrets }) => secrets.remove(name));
    // An intake that died behind the removal was asked again.
    if ('refusal' in removed && removed.refusal.code !== 'secret-not-found') throw new Error(JSON.stringify(removed));
    if (await isListed()) throw new Error(`${name} was removed and is there`);
  },
};

/** Installed as often as it takes to hear of it, it is one version. */
export const templated: Scenario = {
  name: 'template',
  async run(user, mark) {
    const { file } = makeJob({ mark });
    // Digits: the name is a part of what a point is about, and has to be the same for each of them.
    const name = `template-${Number.parseInt(mark, 16)}`;
    const template = { name, description: 'a job', task: file };
    const heard = await user.ask(({ templates }) => templates.install(template));
    if ('answer' in heard && heard.answer.version === 1) return;
    throw new Error(`not installed once: ${JSON.stringify(heard)}`);
  },
};
