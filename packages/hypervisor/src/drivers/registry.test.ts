/** What keeps the registry the one place that knows drivers. */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { knownDrivers } from './drivers.ts';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const names = knownDrivers.all.map(({ name }) => name);

const literal = `['"\`](?:${names.join('|')})['"\`]`;
const comparisons = [
  // x === 'ssh', 'ssh' !== x, case 'ssh':
  new RegExp(`[!=]==?\\s*${literal}`),
  new RegExp(`${literal}\\s*[!=]==?`),
  new RegExp(`\\bcase\\s+${literal}`),
  // z.literal('ssh'), z.enum(['ssh']), names.includes('ssh'), ['ssh'].includes(x)
  new RegExp(`\\b(?:literal|enum|includes|indexOf|has|startsWith|test)\\(\\s*\\[?[^)\\]]*${literal}`),
  new RegExp(`\\[[^\\]]*${literal}[^\\]]*\\]\\s*(?:as const\\s*)?\\)?\\.(?:includes|indexOf|some|find)\\b`),
  // driver === 'any name at all'
  /\bdriver\)?\s*[!=]==?\s*['"`]/,
  /['"`]\s*[!=]==?\s*[\w.?]*\bdriver\b/,
  // A table by the name: { ssh: 0 }[driver]
  /\[[\w.?]*\bdriver\]/,
];

/** Comments may say what they like. */
function comparisonsIn(source: string): string[] {
  const code = source.replaceAll(/\/\*.*?\*\//gs, '').replaceAll(/^\s*\/\/.*$/gm, '');
  return comparisons.flatMap((pattern) => pattern.exec(code)?.[0] ?? []);
}

test('nobody but a driver compares the name of one', () => {
  const files = globSync('{packages,services,bench,setup}/**/*.ts', { cwd: repository }).filter(
    (file) => !/node_modules|\.test\.ts$|\/test\/|^packages\/hypervisor\/src\/drivers\//.test(file),
  );
  expect(files.length).toBeGreaterThan(300);
  const found = files.flatMap((file) =>
    comparisonsIn(readFileSync(`${repository}${file}`, 'utf8')).map((line) => `${file}: ${line}`),
  );
  expect(found).toEqual([]);
});

test.each([
  "if (pool.driver === 'ssh') return [];",
  'return driver !== "qemu" ? a : b;',
  "return 'ssh' === machine.driver;",
  "const isClone = record.driver ===\n  'qemu';",
  "switch (driver) { case 'qemu': return 1; }",
  "driver: z.enum(['qemu', 'ssh'])",
  "driver: z.literal('ssh'),",
  "['ssh', 'other'].includes(driver)",
  "if (ready.driver === 'libvirt') leave();",
  'const systemMiB = systems[ready.driver];',
])('%j would be found', (line) => {
  expect(comparisonsIn(`const a = 1;\n${line}\n`)).not.toEqual([]);
});

test.each([
  "// driver === 'ssh'",
  "const record = { driver: 'qemu', vm };",
  "const program = 'ssh';",
  'drivers.get(pool.driver).capabilities.clones',
  'one.driver === other.driver',
])('%j is no comparison', (line) => {
  expect(comparisonsIn(`const a = 1;\n${line}\n`)).toEqual([]);
});

test('names are unique, of drivers and of what they look at', () => {
  const checks = knownDrivers.all.flatMap((driver) => driver.checks.map(({ name }) => name));
  expect(names).toEqual([...new Set(names)]);
  expect(checks).toEqual([...new Set(checks)]);
});

test('who wants to know of drivers loads none: no QEMU, no SSH', () => {
  const script = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
    const { parseConfig } = await import('@vm-task/service/config');
    const config = parseConfig('', 'test');
    config.drivers.describe('default', config.pools.default);
    const declared = urls.length;
    await config.drivers.get('qemu').open({ environment: { home: {}, cache: {} }, config });
    process.stdout.write(JSON.stringify({ declared: urls.slice(0, declared), opened: urls.slice(declared) }));
  `;
  const argv = ['--input-type=module', '--eval', script];
  const { declared, opened } = JSON.parse(
    execFileSync(process.execPath, argv, { cwd: `${repository}packages/hypervisor`, encoding: 'utf8' }),
  ) as { declared: string[]; opened: string[] };
  // How an image is named, a configuration has to know.
  const machinery = (urls: readonly string[]) =>
    urls.filter((url) =>
      /ssh2|packages\/guest\/|hypervisor\/src\/(images\/(?!image-ref\.|version\.)|snapshots\/)|-driver\.ts$/.test(url),
    );
  expect(declared).toEqual(expect.arrayContaining([expect.stringContaining('/drivers/ssh/declaration.ts')]));
  expect(machinery(declared)).toEqual([]);
  expect(machinery(opened)).toEqual(expect.arrayContaining([expect.stringContaining('/qemu-driver.ts')]));
}, 60_000);
