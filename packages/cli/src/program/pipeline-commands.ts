/** Pipelines, and answers to their stages. */
import type { Client } from '@vm-task/client/client';
import { Option } from 'commander';
import { collect, queryFrom, settingsFrom } from '../read-options.ts';
import { type Define, systemOf } from './define.ts';

const pipelines = () => import('../commands/pipelines.ts');
const following = () => import('../commands/run-pipeline.ts');
const templates = () => import('../commands/templates.ts');
const answers = () => import('../commands/answer.ts');

export function pipelineCommands(define: Define): void {
  define(
    'run <file>',
    'run a pipeline file, or a template, and follow it to its end',
    async (context, [file = ''], options) => {
      const given = settingsFrom(options);
      const { isTemplateRef, runTemplate } = await templates();
      if (isTemplateRef(file)) return runTemplate(await systemOf(context), file, given);
      const { settings, key } = given;
      const { readPipelineFile } = await import('../pipeline-source.ts');
      const submission = await readPipelineFile(file, settings);
      const submit = (client: Client) => client.pipelines.submit(submission, key);
      return (await following()).runPipeline({ ...(await systemOf(context)), submit });
    },
  )
    .option('--set <name=value>', 'a parameter; JSON where it is no string', collect)
    .option('--key <text>', 'idempotency key: the same key is the same pipeline, for a day');
  define('show <id>', 'every stage: its state, VM, duration and result', async (context, [id = '']) =>
    (await pipelines()).showPipeline(await systemOf(context), id),
  );
  define('list', 'pipelines, the newest first', async (context, _args, options) =>
    (await pipelines()).listPipelines(await systemOf(context), queryFrom(options)),
  )
    .addOption(new Option('--status <status>', 'only pipelines of this status: running, cancelling, completed'))
    .option('--after <cursor>', 'the page behind this one')
    .option('--limit <n>', 'pipelines on a page');
  define('templates', 'templates that are pipelines', async (context) =>
    (await templates()).listTemplates(await systemOf(context), 'pipeline'),
  );
  define('cancel <id>', 'stop a pipeline and all of its tasks', async (context, [id = '']) =>
    (await pipelines()).cancelPipeline(await systemOf(context), id),
  );
  define('resume <id>', 'go on where a pipeline failed, as a new one that is followed', async (context, [id = '']) =>
    (await following()).runPipeline({ ...(await systemOf(context)), submit: (client) => client.pipelines.resume(id) }),
  );
}

export function answerCommands(define: Define): void {
  define(
    'complete <id>',
    'give the result that a stage of kind external waits for',
    async (context, [id = ''], options) =>
      (await answers()).complete(await systemOf(context), id, String(options['result'])),
  ).requiredOption('--result <text>', 'JSON where it parses, else text');
  for (const verb of ['approve', 'reject'] as const) {
    define(`${verb} <id>`, `${verb} what a stage of kind approval asks for`, async (context, [id = ''], options) =>
      (await answers()).decide(await systemOf(context), id, verb, {
        comment: options['comment'] as string | undefined,
        by: options['by'] as string | undefined,
      }),
    )
      .option('--comment <text>', 'why')
      .option('--by <who>', 'who decides (default: the user of this machine)');
  }
}
