/** The newest version of every installed template, as whoever runs it reads it. */
import { inspectTemplates } from '@vm-task/bus/templates';
import { parseTemplate } from '@vm-task/pipelines/templates/plan-template';
import { type Check, fail, pass } from './check.ts';

export const templates: Check = {
  name: 'templates',
  limitMs: 20_000,
  async look({ connect, config }) {
    const connection = await connect('intake', ['KV_templates']);
    const all = await inspectTemplates(connection, (file) => void parseTemplate(file, config()));
    const broken = all.filter(({ problem }) => problem !== null);
    if (broken.length === 0) return pass(all.map(({ ref }) => ref).join(', ') || 'none is installed');
    const detail = broken.map(({ ref, problem }) => `${ref} cannot be used: ${problem}`).join('; ');
    return fail(detail, './vm-task template install FILE stores it again, as a new version');
  },
};
