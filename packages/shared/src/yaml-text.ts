/** YAML (and so JSON) as plain data: task files and configuration. */
import { parseDocument } from 'yaml';
import { type ErrorCode, VmTaskError } from './errors.ts';

/** Aliases can multiply without end; so many are plenty for a file that people write. */
const maxAliasCount = 100;

/** Null for an empty text. @throws an error of `code` that names `source`, the line, and what is wrong there. */
export function parseYaml(text: string, source: string, code: ErrorCode): unknown {
  const document = parseDocument(text, { logLevel: 'silent', uniqueKeys: true });
  const problem = document.errors[0];
  if (problem !== undefined)
    throw new VmTaskError(code, `${source} is not YAML: ${problem.message}`, { cause: problem });
  try {
    return document.toJS({ maxAliasCount });
  } catch (error) {
    throw new VmTaskError(code, `${source} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
