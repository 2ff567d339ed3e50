/** The pipeline that the user wants run: a file, and the parameters of the command line. */
import { VmTaskError } from '@vm-task/shared/errors';
import type { Json } from '@vm-task/shared/json';
import { pipelineFileSchema } from '@vm-task/shared/pipelines/file';
import { parameterFromText } from '@vm-task/shared/pipelines/parameters';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { readText, sourceOf } from './input.ts';

/** What is submitted. `settings` are `name=value`. @throws `invalid-pipeline`. */
export async function readPipelineFile(
  path: string,
  settings: readonly string[],
): Promise<{ pipeline: Json; parameters: object }> {
  const source = sourceOf(path);
  const file = parseYaml(await readText(path, 'invalid-pipeline'), source, 'invalid-pipeline');
  const parsed = pipelineFileSchema.safeParse(file);
  if (!parsed.success) {
    throw new VmTaskError('invalid-pipeline', `${source}: ${explainIssues(parsed.error, pipelineFileSchema)}`);
  }
  return { pipeline: file as Json, parameters: readSettings(settings, parsed.data.parameters ?? {}) };
}

/** The values of `name=value`, as the declared parameters want them. @throws `invalid-pipeline`. */
export function readSettings(
  settings: readonly string[],
  declared: Readonly<Record<string, { readonly type: string }>>,
): Record<string, Json> {
  const given = settings.map((setting) => {
    const at = setting.indexOf('=');
    if (at < 1) throw new VmTaskError('invalid-pipeline', `--set ${setting}: write it as name=value`);
    const name = setting.slice(0, at);
    return [name, parameterFromText(name, setting.slice(at + 1), declared[name]?.type)] as const;
  });
  return Object.fromEntries(given);
}
