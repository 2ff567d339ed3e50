import { readdirSync, readFileSync } from 'node:fs';
import { parseConfig } from '@vm-task/service/config';
import type { Json } from '@vm-task/shared/json';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { expect, test } from 'vitest';
import { expressionsHere } from '../expressions/fill.ts';
import { planPipeline } from '../planning/plan-pipeline.ts';
import { planTask } from '../planning/plan-task.ts';
import { parseTemplate, renderTemplate } from './plan-template.ts';

const folder = new URL('../../../../templates/', import.meta.url);
const config = parseConfig('', 'test');
const repository = 'https://git.example.org/shop.git';

/** What each has to be told. */
const required: Readonly<Record<string, Readonly<Record<string, Json>>>> = {
  'code-analysis': { repository, tool: ['analyse', '-p'], prompt: '请分析这个仓库 "quoted" $HOME' },
  'security-review': { repository, tool: ['review'] },
  'product-launch': { product: 'Lamp', facts: '它会发光', tool: ['write'] },
  'spam-domain-review': {},
};

function read(name: string) {
  return parseTemplate(
    parseYaml(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'), name, 'invalid-template'),
    config,
  );
}

test('every template of the repository is tried here', () => {
  expect(readdirSync(folder).sort()).toEqual(
    Object.keys(required)
      .map((name) => `${name}.yaml`)
      .sort(),
  );
});

test.each(Object.keys(required))(
  '%s has the name of its file, and can be run with what it has to be told',
  async (name) => {
    const file = read(name);
    expect(file.name).toBe(name);
    const rendered = await renderTemplate(file, required[name] ?? {}, expressionsHere);
    if (rendered.kind === 'task') planTask(rendered.task, config);
    else planPipeline({ pipeline: rendered.pipeline, parameters: rendered.parameters }, config);
  },
);

test('code-analysis hands prompt and arguments over as they are, and names the secret only', async () => {
  const given = { ...required['code-analysis'], keyVariable: 'TOOL_KEY' };
  const rendered = await renderTemplate(read('code-analysis'), given, expressionsHere);
  if (rendered.kind !== 'task') throw new Error('it is a task');
  const { spec } = planTask(rendered.task, config);
  expect(spec).toMatchObject({
    inputs: { tool: ['analyse', '-p'], prompt: '请分析这个仓库 "quoted" $HOME', keyVariable: 'TOOL_KEY' },
    secrets: { ANALYSIS_KEY: 'analysis-key' },
    setup: [{ kind: 'git', url: repository, branch: 'main', path: 'repository' }],
  });
});
