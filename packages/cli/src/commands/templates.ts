/** Commands about templates: install, list, show, run. */
import { existsSync } from 'node:fs';
import { VmTaskError } from '@vm-task/shared/errors';
import type { TemplateKind } from '@vm-task/shared/templates/template-file';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { dump } from 'js-yaml';
import { readText, sourceOf } from '../input.ts';
import { readSettings } from '../pipeline-source.ts';
import { plainLines, shorten } from '../screen/plain-text.ts';
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import { table } from '../screen/table.ts';
import { run } from './run.ts';
import { runPipeline } from './run-pipeline.ts';
import type { Common } from './tasks.ts';

export async function installTemplates({ system, json }: Common, paths: readonly string[]): Promise<void> {
  await whenUp({ system, json });
  const client = system.client;
  const templates = [];
  for (const path of paths) {
    const file = parseYaml(await readText(path, 'invalid-template'), sourceOf(path), 'invalid-template');
    templates.push(await client.templates.install(file));
  }
  if (json) return printJson({ templates });
  for (const { name, version, kind } of templates) print(`${name}@${version} (${kind})`);
}

export async function listTemplates({ system, json }: Common, kind?: TemplateKind): Promise<void> {
  const { templates } = await system.client.templates.list();
  const wanted = templates.filter((template) => kind === undefined || template.kind === kind);
  if (json) return printJson({ templates: wanted });
  const rows = wanted.map(({ name, version, description, parameters, ...template }) => [
    name,
    version,
    template.kind,
    Object.entries(parameters).map(nameOf).join(', '),
    shorten(description, 60),
  ]);
  print(table(['name', 'version', 'kind', 'parameters (* must be given)', 'description'], rows));
}

const nameOf = ([name, { default: value }]: [string, { readonly default?: unknown }]) =>
  value === undefined ? `${name}*` : name;

export async function showTemplate({ system, json }: Common, ref: string): Promise<void> {
  const view = await system.client.templates.show(ref);
  if (json) return printJson(view);
  print(`# ${view.name}@${view.version}, installed ${view.installedAt}\n${plainLines(dump(view.file))}`);
}

export interface RunTemplateOptions {
  /** `name=value`. */
  readonly settings: readonly string[];
  readonly key: string | undefined;
}

/** Runs it as the task or pipeline that it is, and follows that to its end. */
export async function runTemplate(
  { system, json }: Common,
  ref: string,
  { settings, key }: RunTemplateOptions,
): Promise<number> {
  await whenUp({ system, json });
  const client = system.client;
  const { name, version, kind, parameters } = await client.templates.show(ref);
  const given = readSettings(settings, parameters);
  // The version that the values were read for, whatever is installed meanwhile.
  const submit = () => client.templates.run(`${name}@${version}`, given, key);
  if (kind === 'task') return run({ system, json, submit });
  if (kind === 'pipeline') return runPipeline({ system, json, submit });
  throw new VmTaskError('invalid-template', `${ref} is a ${kind}, which this version of vm-task cannot run`);
}

/** True for what can be a template's name, unless it is that of a file, or standard input. */
export function isTemplateRef(word: string): boolean {
  return word !== '-' && /^[a-z0-9-]{1,32}(@[0-9]+)?$/.test(word) && !existsSync(word);
}

async function whenUp({ system, json }: Common): Promise<void> {
  using progress = startProgress({ quiet: json });
  await system.up((what) => progress.update(startNote(what)));
}
