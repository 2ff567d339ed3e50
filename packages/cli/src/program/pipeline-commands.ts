/** Pipelines, and answers to their stages. */
import { Option } from 'commander';
import { complete, decide } from '../commands/answer.ts';
import { cancelPipeline, listPipelines, showPipeline } from '../commands/pipelines.ts';
import { runPipeline } from '../commands/run-pipeline.ts';
import { isTemplateRef, listTemplates, runTemplate } from '../commands/templates.ts';
import { readPipelineFile } from '../pipeline-source.ts';
import { collect, queryFrom, settingsFrom } from '../read-options.ts';
import { type Define, homeOf } from './define.ts';

export function pipelineCommands(define: Define): void {
  define(
    'run <file>',
    'run a pipeline file, or a template, and follow it to its end',
    async (context, [file = ''], options) => {
      const given = settingsFrom(options);
      if (isTemplateRef(file)) return runTemplate(homeOf(context), file, given);
      const { settings, key } = given;
      const submission = await readPipelineFile(file, settings);
      return runPipeline({ ...homeOf(context), submit: (client) => client.pipelines.submit(submission, key) });
    },
  )
    .option('--set <name=value>', 'a parameter; JSON where it is no string', collect)
    .option('--key <text>', 'idempotency key: the same key is the same pipeline, for a day');
  define('show <id>', 'every stage: its state, VM, duration and result', (context, [id = '']) =>
    showPipeline(homeOf(context), id),
  );
  define('list', 'pipelines, the newest first', (context, _args, options) =>
    listPipelines(homeOf(context), queryFrom(options)),
  )
    .addOption(new Option('--status <status>', 'only pipelines of this status: running, cancelling, completed'))
    .option('--after <cursor>', 'the page behind this one')
    .option('--limit <n>', 'pipelines on a page');
  define('templates', 'templates that are pipelines', (context) => listTemplates(homeOf(context), 'pipeline'));
  define('cancel <id>', 'stop a pipeline and all of its tasks', (context, [id = '']) =>
    cancelPipeline(homeOf(context), id),
  );
  define('resume <id>', 'go on where a pipeline failed, as a new one that is followed', (context, [id = '']) =>
    runPipeline({ ...homeOf(context), submit: (client) => client.pipelines.resume(id) }),
  );
}

export function answerCommands(define: Define): void {
  define('complete <id>', 'give the result that a stage of kind external waits for', (context, [id = ''], options) =>
    complete(homeOf(context), id, String(options['result'])),
  ).requiredOption('--result <text>', 'JSON where it parses, else text');
  for (const verb of ['approve', 'reject'] as const) {
    define(`${verb} <id>`, `${verb} what a stage of kind approval asks for`, (context, [id = ''], options) =>
      decide(homeOf(context), id, verb, {
        comment: options['comment'] as string | undefined,
        by: options['by'] as string | undefined,
      }),
    )
      .option('--comment <text>', 'why')
      .option('--by <who>', 'who decides (default: the user of this machine)');
  }
}
