/**
 * Every command with a token of one team, about the things of another: they are not there, and nothing of them changes. A
 * command without an example here fails the test.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliMain } from '@vm-task/embedded/repository';
import { childEnvironment } from '@vm-task/shared/environment';
import { startBroker } from '@vm-task/testing/broker';
import {
  changedBetween,
  makeTeamThings,
  type Names,
  namesOfNothing,
  storedBy,
  type TeamThings,
  type ThingKind,
  theirs,
  toldIn,
} from '@vm-task/testing/team-things';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { startIntakeByHand } from '../test/intake-by-hand.ts';
import { createProgram } from './program.ts';

const token = 'a-token-of-this-test';

/** It names one of these, and says what it says of nothing. */
interface Naming {
  readonly names: readonly ThingKind[];
  readonly about: (name: string, things: TeamThings) => readonly string[];
  readonly stdin?: string;
}

interface Ending {
  readonly ends: 'well' | 'forbidden' | 'not-here' | 'refused';
  readonly words?: (things: TeamThings) => readonly string[];
  readonly stdin?: string;
}

type Example = Naming | Ending;

const tasks: readonly ThingKind[] = ['ended', 'running', 'question'];
const byTask: Example = { names: tasks, about: (id) => [id] };
const byPipeline: Example = { names: ['pipeline'], about: (id) => [id] };
const byTemplate: Example = { names: ['template'], about: (name) => [name] };
const byMessage: Example = { names: ['message', 'toTask'], about: (id) => [id] };
const well: Example = { ends: 'well' };
const forbidden: Example = { ends: 'forbidden' };
const ofLetter: Example = { ends: 'forbidden', words: ({ letter }) => [String(letter)] };
const notHere: Example = { ends: 'not-here' };

const examples: Readonly<Record<string, readonly Example[]>> = {
  run: [{ ends: 'refused', words: () => ['--pool', 'not-there', '--', 'true'] }],
  submit: [{ ends: 'well', words: () => ['--key', theirs, '--', 'true'] }],
  show: [byTask],
  list: [well, { ends: 'well', words: () => ['--status', 'completed', '--json'] }],
  logs: [byTask, { names: ['running'], about: (id) => [id, '--follow'] }],
  events: [byTask],
  files: [byTask],
  get: [{ names: ['ended'], about: (id, { file }) => [id, file, '--to', '-'] }],
  cancel: [byTask],
  retry: [byTask],
  ssh: [{ ends: 'not-here', words: ({ running }) => [running] }],
  complete: [{ names: tasks, about: (id) => [id, '--result', '1'] }],
  approve: [byTask],
  reject: [byTask],
  up: [notHere],
  down: [notHere],
  status: [notHere],
  audit: [notHere],
  doctor: [notHere],
  'image build': [notHere],
  'image import': [{ ends: 'not-here', words: () => ['name', 'file', '--format', 'raw'] }],
  'image list': [notHere],
  'image rm': [{ ends: 'not-here', words: () => ['name'] }],
  'deadletter list': [forbidden],
  'deadletter show': [ofLetter],
  'deadletter replay': [ofLetter],
  'deadletter drop': [ofLetter],
  send: [
    { ends: 'well', words: () => ['--to', 'anna', '--from', 'me', 'hello'] },
    { names: ['running'], about: (id) => ['--to', id, '--from', 'me', 'hello'] },
  ],
  'inbox list': [well, { ends: 'well', words: ({ running }) => ['--to', running, '--archived', '--json'] }],
  'inbox read': [byMessage],
  'inbox archive': [byMessage],
  'pipeline run': [byTemplate],
  'pipeline show': [byPipeline],
  'pipeline list': [well, { ends: 'well', words: () => ['--json'] }],
  'pipeline templates': [well],
  'pipeline cancel': [byPipeline],
  'pipeline resume': [byPipeline],
  'template install': [{ ends: 'well', words: () => ['-'], stdin: '{ name: mine, task: { run: "true" } }' }],
  'template list': [well],
  'template show': [byTemplate],
  'template run': [byTemplate],
  'token create': [{ ends: 'forbidden', words: () => ['mine', '--role', 'viewer', '--team', theirs] }],
  'token list': [forbidden],
  'token revoke': [{ ends: 'forbidden', words: (things) => [things.token] }],
  'team list': [well],
  // Of the form of a team's name.
  'team show': [byTemplate, { ends: 'refused', words: () => [theirs] }],
  'audit-log': [forbidden],
  login: [{ ends: 'refused', words: () => ['http://127.0.0.1:1'], stdin: 'a-token' }],
  'context list': [well],
  'context use': [{ ends: 'refused', words: () => ['lab'] }],
  'context rm': [{ ends: 'refused', words: () => ['lab'] }],
  'pool list': [well, { ends: 'well', words: () => ['--json'] }],
  'host list': [well, { ends: 'well', words: () => ['--json'] }],
  'credentials rotate': [notHere],
  'nats export': [notHere],
  'nats credentials': [{ ends: 'refused', words: () => ['submit'] }],
  'secret set': [
    { ends: 'well', words: () => ['mine'], stdin: 'a value of mine' },
    { ends: 'forbidden', words: ({ secret }) => [secret, '--team', theirs], stdin: 'a value of mine' },
  ],
  'secret list': [well, { ends: 'forbidden', words: () => ['--team', theirs] }],
  'secret rm': [
    { ends: 'refused', words: ({ secret }) => [secret] },
    { ends: 'forbidden', words: ({ secret }) => [secret, '--team', theirs] },
  ],
};

/** What is on the error output of each ending. */
const endings = { well: '', forbidden: '(forbidden)', 'not-here': '(not-here)', refused: 'vm-task: ' } as const;

async function startSystem() {
  await using started = new AsyncDisposableStack();
  const broker = started.use(await startBroker({ users: ['intake'] }));
  const { url } = started.use(await startIntakeByHand(broker, token));
  const folder = started.use(await makeTempFolder('commands'));
  const jsonAs = (text: string) => async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${text}`, 'content-type': 'application/json', connection: 'close' };
    const answer = await fetch(new URL(path, url), { method, headers, body: JSON.stringify(body) ?? null });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, never>;
  };
  const asAdmin = jsonAs(token);
  const make = async (team: string) =>
    String((await asAdmin('POST', '/v1/tokens', { name: `${team}-all`, role: 'admin', team }))['token']);
  const things = await makeTeamThings(broker, jsonAs(await make(theirs)), asAdmin);
  const env = { VM_TASK_URL: url, VM_TASK_TOKEN: await make('other'), HOME: folder.path, VM_TASK_HOME: folder.path };
  const all = started.move();
  return { broker, things, folder: folder.path, env, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

type System = Awaited<ReturnType<typeof startSystem>>;

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function vmTask({ env, folder }: System, words: readonly string[], stdin = ''): Promise<Said> {
  const more = { XDG_CONFIG_HOME: join(folder, 'config') };
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cliMain, ...words], {
    env: childEnvironment({ ...env, ...more }),
    cwd: folder,
  });
  child.stdin.end(stdin);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (bytes: Buffer) => {
      said[name] += bytes.toString();
    });
  }
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...said };
}

/** What is wrong with what the command says. */
async function problemsOf(system: System, command: string, example: Example): Promise<readonly string[]> {
  const { things } = system;
  const run = (words: readonly string[]) => vmTask(system, [...command.split(' '), ...words], example.stdin);
  if ('names' in example) {
    const nothing = namesOfNothing();
    const all = example.names.map(async (kind) => {
      const about = async (names: Names) => without(names[kind], await run(example.about(names[kind], things)));
      const [ofTheirs, ofNothing] = await Promise.all([about(things), about(nothing)]);
      const said = JSON.stringify(ofTheirs);
      const isRight = said === JSON.stringify(ofNothing) && /-not-found\)\n$/.test(ofTheirs.stderr);
      return isRight ? [] : [`${command} of ${kind} says ${said}, and of nothing ${JSON.stringify(ofNothing)}`];
    });
    return (await Promise.all(all)).flat();
  }
  const words = example.words?.(things) ?? [];
  const said = words.reduce((before, word) => without(word, before), await run(words));
  const text = JSON.stringify(said);
  const isRight = (said.code === 0) === (example.ends === 'well') && said.stderr.includes(endings[example.ends]);
  const told = toldIn(text, things);
  return isRight && told.length === 0 ? [] : [`${command} ${words.join(' ')} says ${text}, which tells ${told}`];
}

/** But for what whoever asks has written. */
function without(word: string, { code, stdout, stderr }: Said): Said {
  const isLong = word.length > 3;
  const left = (text: string) => (isLong ? text.replaceAll(word, 'WORD') : text);
  return { code, stdout: left(stdout), stderr: left(stderr) };
}

/** What others say of what is known, so these are not run between two questions that are compared. */
const adding = ['template install', 'secret set'];

/** Each is a process that has to start. */
const atOnce = 3;

test('every command has an example here, and none is of a command that is not there', () => {
  expect([...createProgram().commands].sort()).toEqual(Object.keys(examples).sort());
});

test('no command tells another team of anything, or changes it: what is theirs is as what does not exist', async () => {
  await using system = await startSystem();
  writeFileSync(join(system.folder, 'file'), '');
  const before = await storedBy(system.broker);
  const all = Object.entries(examples).flatMap(([command, of]) => of.map((example) => [command, example] as const));
  const problems: string[] = [];
  for (const one of all.filter(([command]) => adding.includes(command)))
    problems.push(...(await problemsOf(system, ...one)));
  const left = all.filter(([command]) => !adding.includes(command));
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      problems.push(...(await problemsOf(system, ...next)));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  expect(problems).toEqual([]);
  expect(changedBetween(before, await storedBy(system.broker), system.things)).toEqual([]);
});
