import { parseConfig } from '@vm-task/service/config';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { describe, expect, test } from 'vitest';
import { parseTaskFile, planTask } from './plan-task.ts';

const run = 'echo hi';
const config = parseConfig(
  `
  pools:
    default: {}
    big:
      image: base
      sizes:
        - { cpus: 4, memoryMiB: 4096, diskMiB: 8192 }
        - { cpus: 1, memoryMiB: 1024, diskMiB: 8192 }
        - { cpus: 2, memoryMiB: 2048, diskMiB: 8192 }
    kali:
      driver: ssh
      host: kali.example
      user: root
      key: keys/kali
      hostKey: ssh-ed25519 AAAA
      size: { cpus: 2, memoryMiB: 4096, diskMiB: 8192 }
  `,
  'vm-task.yaml',
);

/** The sentence of the error, which must be one for whoever wrote the task. */
function complaint(submitted: unknown): string {
  try {
    planTask(submitted, config);
  } catch (error) {
    expect(error).toMatchObject({ name: 'VmTaskError' });
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  return 'none';
}

describe('a named VM', () => {
  test('is a pool of its name, and gives a task as much as it asks for', () => {
    const size = { cpus: 2, memoryMiB: 1229, diskMiB: 8192 };
    const resources = { memoryMiB: 1229 };
    expect(planTask({ run, vm: 'kali', resources }, config)).toMatchObject({
      pool: 'kali',
      spec: { image: 'kali', size },
    });
    expect(planTask({ run, vm: 'kali' }, config)).toEqual(planTask({ run, pool: 'kali' }, config));
  });

  test.each([
    [{ run, vm: 'kali', pool: 'kali' }, 'give vm or pool, not both'],
    [{ run, vm: 'kalli' }, 'pool-not-found: there is no pool "kalli"; did you mean "kali"?'],
    [{ run, vm: 'big' }, '"big" is a pool of clones, not a named VM (known are kali); write pool: big'],
    [{ run, vm: 'kali', image: 'python' }, 'invalid-task: image: the named VM "kali" has the system that it has'],
    [{ run, vm: 'kali', egress: 'none' }, 'invalid-task: egress: the named VM "kali" has the network that it has'],
    [{ run, vm: 'kali', resources: { memoryMiB: 8192 } }, 'no-size-fits: pool "kali" has no size'],
  ])('%j is an error that says what is wrong', (file, sentence) => {
    expect(complaint(file)).toContain(sentence);
  });
});

describe('unknown keys', () => {
  test.each([
    [{ comand: ['x'] }, 'comand: unknown key; did you mean "command"?'],
    [{ run, imge: 'x', pol: 'y' }, 'imge: unknown key; did you mean "image"?; pol: unknown key; did you mean "pool"?'],
    [{ run, timeouts: { rnu: '3s' } }, 'timeouts.rnu: unknown key; did you mean "run"?'],
    [{ run, timeout: { run: '3s' } }, 'timeout: unknown key; did you mean "timeouts"?'],
    [{ run, resources: { memory: 3 } }, 'resources.memory: unknown key; did you mean "memoryMiB"?'],
    [{ run, output: { maxbytes: 3 } }, 'output.maxbytes: unknown key; did you mean "maxBytes"?'],
    [{ run, setup: [{ run }, { gti: {} }] }, 'setup.1.gti: unknown key; did you mean "git"?'],
    [
      { run, setup: [{ git: { url: 'https://x/y', path: 'r', brnch: 'm' } }] },
      'setup.0.git.brnch: unknown key; did you mean "branch"?',
    ],
    [{ run, zzzzzzzz: 1 }, 'zzzzzzzz: unknown key; known are image, pool, vm, runtime, inputs, setup, run,'],
    [{ run, constructor: 1 }, 'constructor: unknown key; known are image,'],
  ])('%j names the key, and the nearest known one', (submitted, sentence) => {
    expect(complaint(submitted)).toContain(sentence);
  });

  test('a hundred of them are ten sentences and a number', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key${index}`, 1]));
    const sentence = complaint({ run, ...many });
    expect(sentence).toContain('and 90 more');
    expect(sentence.split('; did you mean').length + sentence.split('; known are').length).toBe(12);
  });
});

describe('what to run', () => {
  test.each([
    [{}, 'the whole: give either run (a script) or command (a list), exactly one of them'],
    [{ run, command: ['ls'] }, 'the whole: give either run (a script) or command (a list), exactly one of them'],
    [{ run: '' }, 'run: the script is empty; write what is to be run'],
    [{ run: ' \n\t' }, 'run: the script is empty; write what is to be run'],
    [{ command: [] }, 'command: the command is empty; give the program and its arguments'],
    [{ command: 'ls -l' }, 'command: must be a list: the program and its arguments; a line for a shell goes into run'],
    [{ command: ['ls'], runtime: 'python' }, 'runtime: goes with run only; a command names its own program'],
    [{ run: 'a\0b' }, 'run: must not contain a NUL character'],
    [{ run, setup: [{ run: '' }] }, 'setup.0.run: the script is empty'],
    [
      { run, setup: [{ run, git: { url: 'https://x/y', path: 'r' } }] },
      'setup.0: give either git or run, exactly one of them in each step',
    ],
    [{ run, setup: [{}] }, 'setup.0: give either git or run'],
    [{ command: [''] }, 'command.0: the program is empty; give its name or path'],
    [{ run: 'echo \ud800' }, 'run: has half of a surrogate pair, which is no character'],
    [{ run, setup: [{ run: 'echo \udc00' }] }, 'setup.0.run: has half of a surrogate pair'],
    [{ run, stdin: '\ud800' }, 'stdin: has half of a surrogate pair'],
    [{ run, inputs: { a: ['\ud800'] } }, 'inputs.a.0: has half of a surrogate pair'],
    [{ run, inputs: { '\ud800': 1 } }, 'a key has half of a surrogate pair'],
    [
      { command: ['echo', 'x'.repeat(131_072)] },
      'command.1: has 131072 bytes and may have 131071; use stdin, an input',
    ],
  ])('%j is refused', (submitted, sentence) => {
    expect(complaint(submitted)).toContain(sentence);
  });
});

describe('values', () => {
  test.each([0, -1, 30, 1e12, Number.NaN, null, '', '0', '0s', '-1s', '1e12s', 'none', '10', '3S', '1.2.3s', '400d'])(
    'a timeout of %j is refused, with how to write one',
    (timeout) => {
      expect(complaint({ run, timeouts: { run: timeout } })).toMatch(
        /^invalid-task: timeouts\.run: .+ is not a duration.*; write it as 250ms, 30s, 10m or 1h30m$/,
      );
    },
  );

  test.each([
    [{ run, env: { 'A=B': 'x' } }, 'env.A=B: must be a name of letters, digits and underscores'],
    [{ run, env: { '': 'x' } }, 'env.: must be a name of letters'],
    [{ run, env: { A: 5 } }, 'env.A: must be text, not a number; write it in quotes'],
    [{ run, env: { A: true } }, 'env.A: must be text, not true or false; write it in quotes'],
    [{ run, env: { A: new Date(0) } }, 'env.A: must be text, not a date; write it in quotes'],
    [{ run, env: { A: Buffer.from('x') } }, 'env.A: must be text, not binary data'],
    [{ run, env: { A: new Set() } }, 'env.A: must be text, not a set'],
    [{ run, env: { A: 'x'.repeat(131_071) } }, 'env.A: has 131073 bytes with its name and may have 131071'],
    [{ run, env: { VM_TASK_RESULT: 'x' } }, 'env.VM_TASK_RESULT: is set by vm-task itself; use another name'],
    [{ run, secrets: { VM_TASK_INPUT_A: 'x' } }, 'secrets.VM_TASK_INPUT_A: is set by vm-task itself; use another name'],
    [{ run, inputs: { 'a-b': 1, a_B: 2 } }, 'inputs.a_B: would be VM_TASK_INPUT_A_B, as "a-b" would; rename one'],
    [{ run, secrets: { KEY: '../x' } }, 'secrets.KEY: must be 1 to 32 of a-z, 0-9 and inner dashes'],
    [{ run, env: { KEY: 'x' }, secrets: { KEY: 'y' } }, 'secrets.KEY: is set in env as well'],
    [{ run, image: 'python@latest' }, 'image: must be a name, or name@version such as python@3.2.0'],
    [{ run, pool: '../../etc' }, 'pool: must be 1 to 32'],
    [{ run, egress: 'everything' }, 'egress: Invalid option: expected one of "none"|"internet"'],
    [{ run, artifacts: ['/etc/passwd'] }, 'artifacts.0: must be relative, without "..", and not begin with "-"'],
    [{ run, artifacts: ['a/../../b'] }, 'artifacts.0: must be relative'],
    [{ run, artifacts: ['-rf'] }, 'artifacts.0: must be relative'],
    [{ run, setup: [{ git: { url: 'file:///etc', path: 'r' } }] }, 'setup.0.git.url: must begin with https://'],
    [{ run, setup: [{ git: { url: 'https://x/y', path: '../r' } }] }, 'setup.0.git.path: must be relative'],
    [{ run, setup: [{ git: { url: 'https://x/y', path: 'r', ref: '--upload-pack=x' } }] }, 'setup.0.git.ref: must be'],
    [{ run, setup: [{ git: { url: 'https://x/y', path: 'r', ref: 'a', branch: 'b' } }] }, 'setup.0.git: give ref or'],
    [{ run, resources: { cpus: 0.5 } }, 'resources.cpus: must be a whole number'],
    [{ run, labels: { 'A b': 'x' } }, 'labels.A b: must be 1 to 32'],
    [{ run, retry: { maxAttempts: 0 } }, 'retry.maxAttempts: Too small'],
    [{ run, retry: { on: ['boot'] } }, 'retry.on.0: Invalid option'],
    [{ run, retry: { attempts: 2 } }, 'retry.attempts: unknown key'],
    [{ run, inputs: [1] }, 'inputs: must be a map, not a list'],
    ['run: echo', 'the whole: must be a map, not text'],
    [null, 'the whole: must be a map, not nothing'],
    [undefined, 'the task cannot be taken as JSON'],
  ])('%j is refused', (submitted, sentence) => {
    expect(complaint(submitted)).toContain(`invalid-task: ${sentence}`);
  });

  test('what JSON would lose or could not end is refused, never altered', () => {
    const deep = JSON.parse(`{"run":"x","inputs":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}`);
    const loop: Record<string, unknown> = { run };
    loop['inputs'] = loop;
    expect(complaint(JSON.parse('{"run":"x","env":{"__proto__":"1"}}'))).toContain('"__proto__"');
    expect(complaint(JSON.parse('{"run":"x","inputs":{"a":[{"__proto__":1}]}}'))).toContain('"__proto__"');
    expect(complaint({ run, inputs: { a: 'a text about "__proto__": it stays' } })).toBe('none');
    expect(complaint(deep)).toContain('nested');
    expect(complaint(JSON.parse(`{"run":"x","inputs":{"a":${'['.repeat(90)}${']'.repeat(90)}}}`))).toBe('none');
    expect(complaint(loop)).toContain('it refers to itself');
  });
});

describe('a plan', () => {
  test('has every default, and names nothing that the configuration could change later', () => {
    const { pool, spec } = planTask({ run }, config);
    expect(pool).toBe('default');
    expect(spec).toEqual({
      image: 'python',
      size: { cpus: 1, memoryMiB: 512, diskMiB: 4096 },
      egress: 'none',
      setup: [],
      main: { kind: 'script', runtime: 'shell', script: run },
      stdin: '',
      inputs: {},
      env: {},
      secrets: {},
      artifacts: [],
      timeouts: { queueMs: 600_000, setupMs: 300_000, runMs: 1_800_000, totalMs: 3_600_000 },
      retry: { maxAttempts: 3, backoffMs: 10_000, on: ['vm'] },
      outputMaxBytes: 4_194_304,
      labels: {},
    });
  });

  test('keeps every character of what is to run', () => {
    const script = `$(reboot) \`id\` "x" 'y' \\\r\n垃圾域名 🦀\u2028`;
    const { spec } = planTask({ run: script, stdin: `\0${script}`, inputs: { topic: script } }, config);
    expect(spec.main).toEqual({ kind: 'script', runtime: 'shell', script });
    expect(spec.stdin).toBe(`\0${script}`);
    expect(spec.inputs).toEqual({ topic: script });
  });

  test('takes the smallest size of the pool that fits', () => {
    const size = (resources: object) => planTask({ run, pool: 'big', resources }, config).spec.size.cpus;
    expect([size({}), size({ cpus: 2 }), size({ memoryMiB: 1_500 }), size({ memoryMiB: 3_000 })]).toEqual([1, 2, 2, 4]);
  });

  test('lets the total grow with a part that is longer than usual, and keeps one that is given', () => {
    const timeouts = (given: object) => planTask({ run, timeouts: given }, config).spec.timeouts;
    expect(timeouts({ run: '3h' }).totalMs).toBe(600_000 + 300_000 + 3 * 3_600_000);
    expect(timeouts({ run: '3h', total: '10s' }).totalMs).toBe(10_000);
  });

  test('has each phase of a retry once and in order, and every default beside what is given', () => {
    const retry = (given: object) => planTask({ run, retry: given }, config).spec.retry;
    expect(retry({ on: ['run', 'vm', 'run'] })).toEqual({ maxAttempts: 3, backoffMs: 10_000, on: ['vm', 'run'] });
    expect(retry({ maxAttempts: 1, backoff: '1m' })).toEqual({ maxAttempts: 1, backoffMs: 60_000, on: ['vm'] });
    expect(retry({ on: [] }).on).toEqual([]);
  });

  test('of a pool that is not there says which are', () => {
    expect(complaint({ run, pool: 'defualt' })).toBe(
      'pool-not-found: there is no pool "defualt"; did you mean "default"?',
    );
    expect(complaint({ run, pool: 'constructor' })).toBe(
      'pool-not-found: there is no pool "constructor"; known are default, big, kali',
    );
  });

  test('that no size fits says what is offered', () => {
    expect(complaint({ run, resources: { memoryMiB: 9_000 } })).toMatch(
      /^no-size-fits: pool "default" has no size for \{"memoryMiB":9000\}; it offers: 1 cpus, 512 MiB memory/,
    );
  });

  test('of more than 4 MiB says how much it is, and one of a little less is taken', () => {
    expect(complaint({ run: 'x'.repeat(4 * 1024 * 1024) })).toMatch(
      /^payload-too-large: the task has \d+ bytes as JSON and may have 4194304/,
    );
    expect(complaint({ run: '"\n'.repeat(1024 * 1024 - 500) })).toBe('none');
  });
});

test('artifacts are a list, or paths that may have secrets', () => {
  const spec = (artifacts: unknown) => planTask({ run, artifacts }, config).spec;
  expect(spec(['a/*'])).toMatchObject({ artifacts: ['a/*'] });
  for (const plain of [['a/*'], { paths: ['a/*'] }, { paths: ['a/*'], allowSecrets: false }]) {
    expect(spec(plain)).not.toHaveProperty('artifactsMayHaveSecrets');
  }
  const allowed = spec({ paths: ['a/*'], allowSecrets: true });
  expect(allowed).toMatchObject({ artifacts: ['a/*'], artifactsMayHaveSecrets: true });
  expect(() => spec({ paths: ['/etc'], allowSecrets: true })).toThrow('artifacts.paths.0: must be relative');
  expect(() => spec({ path: ['a'] })).toThrow('artifacts.path: unknown key; did you mean "paths"?');
  expect(() => spec(['../a'])).toThrow('artifacts.0: must be relative');
  expect(() => spec('a')).toThrow('artifacts');
});

test('a task file may be YAML or JSON: both are the same task', () => {
  const yaml = parseYaml('run: |\n  echo hi\ninputs: { topic: "垃圾域名", limit: 15 }', 'a', 'invalid-task');
  const json = parseYaml('{"run":"echo hi\\n","inputs":{"topic":"垃圾域名","limit":15}}', 'b', 'invalid-task');
  expect(parseTaskFile(yaml)).toEqual(parseTaskFile(json));
});
