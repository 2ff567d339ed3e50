/** Contract and client in a browser: bundled for one, and run where there is nothing but what a browser has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function exportsOf(name: string): string[] {
  const { exports } = JSON.parse(readFileSync(here(`../../${name}/package.json`), 'utf8')) as { exports: object };
  return Object.keys(exports).map((path) => `@vm-task/${name}${path.slice(1)}`);
}

/** One module with everything that the two packages export. */
async function bundle(format: 'esm' | 'iife') {
  const modules = [...exportsOf('api'), ...exportsOf('client')];
  const entry = modules.map((name, n) => `import * as m${n} from '${name}';`).join('\n');
  const build = await rolldown({
    input: 'all',
    cwd: here('..'),
    platform: 'browser',
    logLevel: 'silent',
    plugins: [
      {
        name: 'all',
        resolveId: (id) => (id === 'all' ? here('all.ts') : null),
        load: (id) =>
          id === here('all.ts') ? `${entry}\nexport const all = { ${modules.map((_, n) => `...m${n}`)} };` : null,
      },
    ],
  });
  const { output } = await build.generate({ format, name: 'bundle' });
  await build.close();
  return output[0];
}

/** A bundler has work to do, and other work may have the machine. */
const limits = { timeout: 60_000 };

test('nothing of contract or client needs a module that a browser has not', limits, async () => {
  const { imports, dynamicImports, moduleIds } = await bundle('esm');
  expect([...imports, ...dynamicImports]).toEqual([]);
  expect(moduleIds).toEqual(expect.arrayContaining([here('client.ts'), here('../../shared/src/task-file.ts')]));
});

test('the client asks, reads and follows without anything of Node', limits, async () => {
  const { code } = await bundle('iife');
  const web = { fetch, URL, URLSearchParams, AbortController, TextEncoder, TextDecoder, TextDecoderStream };
  const more = { TransformStream, setTimeout, clearTimeout, performance, console, Headers, Response };
  const context = createContext({ ...web, ...more });
  expect(runInContext('[typeof Buffer, typeof process, typeof require, typeof global]', context)).toEqual(
    Array(4).fill('undefined'),
  );
  runInContext(code, context);
  const answers = [
    Response.json({ tasks: [], next: null }),
    new Response(
      'event: output\ndata: {"attempt":1,"stream":"stdout","offset":0,"data":""}\n\nevent: end\ndata: {}\n\n',
    ),
    Response.json({ code: 'task-not-found', detail: 'there is none' }, { status: 404 }),
  ];
  Object.assign(context, { fake: async () => answers.shift() });
  const told = await runInContext(
    `(async () => {
      const client = bundle.all.createClient({ url: 'http://127.0.0.1:1', token: 't' }, { fetch: fake });
      const page = await client.tasks.list({ limit: 1 });
      const events = [];
      const { signal } = new AbortController();
      for await (const { event } of client.tasks.output('x', { follow: true, signal })) events.push(event);
      const refusal = await client.tasks.show('x').catch(({ code }) => code);
      return JSON.stringify({ page, events, refusal });
    })()`,
    context,
  );
  expect(JSON.parse(told)).toEqual({ page: { tasks: [], next: null }, events: ['output'], refusal: 'task-not-found' });
});
