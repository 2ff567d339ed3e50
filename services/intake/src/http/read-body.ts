/** Bodies as values: UTF-8 that is JSON or YAML. What would not arrive as it is is refused. */
import { VmTaskError } from '@vm-task/shared/errors';
import { reservedKeyIn } from '@vm-task/shared/json';
import { readJson } from '@vm-task/shared/json-text';
import { requireUtf8 } from '@vm-task/shared/utf8';
import { parseYaml } from '@vm-task/shared/yaml-text';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** A third of a second of the event loop at most; a file of this length is a book. */
const yamlMaxChars = 256 * 1024;

const readers = {
  'application/json': jsonOf,
  'application/yaml': (text: string) => parseYaml(text, 'the body', 'invalid-task', { maxChars: yamlMaxChars }),
};

export function readBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers }) => {
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity') return;
    const message = `a body in the encoding ${JSON.stringify(encoding)} is not understood; send it as it is`;
    throw new VmTaskError('unsupported-media-type', message);
  });
  // A web page may post plain text anywhere without asking first.
  app.removeAllContentTypeParsers();
  for (const [type, read] of Object.entries(readers)) {
    app.addContentTypeParser(type, { parseAs: 'buffer' }, async ({ headers }: FastifyRequest, body: Buffer) =>
      withoutReservedKeys(read(textOf(headers['content-type'] ?? '', body))),
    );
  }
}

function textOf(type: string, body: Buffer): string {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type) ?? [];
  if (!/^(utf-?8|us-ascii)$/i.test(charset)) {
    throw new VmTaskError(
      'unsupported-media-type',
      `a body in ${JSON.stringify(charset)} is not understood; send UTF-8`,
    );
  }
  return requireUtf8(body, 'the body', 'invalid-request');
}

function jsonOf(text: string): unknown {
  const read = readJson(text);
  if (read.kind === 'value') return read.value;
  const problem = read.kind === 'syntax' ? 'is not valid JSON' : 'cannot be taken';
  throw new VmTaskError('invalid-request', `the body ${problem}: ${read.why}`);
}

/** Keys that most readers drop. */
function withoutReservedKeys(body: unknown): unknown {
  const problem = reservedKeyIn(body);
  if (problem === null) return body;
  throw new VmTaskError('invalid-request', problem);
}
