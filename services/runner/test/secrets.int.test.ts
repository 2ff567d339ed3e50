import { mkdir, writeFile } from 'node:fs/promises';
import { newHostKey, readHostKey } from '@vm-task/bus/host-key';
import { storeSecret } from '@vm-task/bus/secrets';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost } from '@vm-task/testing/sample-events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, type RunningRunner, startRig } from './rig.ts';

const value = 'tr0ub4dor&3 "quoted" 密码';
let rig: Rig;
let runner: RunningRunner;

beforeAll(async () => {
  rig = await startRig();
  await mkdir(rig.home.secrets);
  await mkdir(rig.home.credentials, { recursive: true });
  await writeFile(rig.home.secret('analysis-key'), `${value}\n`, { mode: 0o600 });
  runner = await rig.startRunner();
});

afterAll(async () => {
  await runner.stop();
  await rig[Symbol.asyncDispose]();
});

/** Every message of every stream, buckets and object stores included, as one text. */
async function everythingStored(): Promise<string> {
  const { jsm } = rig.broker.connection;
  const texts: string[] = [];
  for await (const name of jsm.streams.names()) {
    const { state } = await jsm.streams.info(name);
    for (let seq = 1; seq <= state.last_seq; seq++) {
      const message = await jsm.streams.getMessage(name, { seq });
      texts.push(message?.subject ?? '', JSON.stringify(message?.header), Buffer.from(message?.data ?? []).toString());
    }
  }
  return texts.join('\n');
}

/** The value itself is in no part of the task, so wherever it is found, it leaked. */
const script = String.raw`
echo "bytes: $(printf %s "$API_KEY" | wc -c)"
echo "key: $API_KEY."; echo "key: $API_KEY." >&2
printf "cut: "
# Far enough apart to be two messages.
printf %s "$API_KEY" | head -c 11; sleep 0.3; printf %s "$API_KEY" | tail -c +12; echo .
perl -CAS -e '$_ = shift; s/(["\\])/\\$1/g; s/([^ -~])/sprintf "\\u%04x", ord $1/ge; print qq({"key": "$_"})' "$API_KEY" > "$VM_TASK_RESULT"
touch "$API_KEY.txt"
`;

test('a secret is in the environment of the process, and stored nowhere', async () => {
  const task = await rig.submit({
    secrets: { API_KEY: 'analysis-key' },
    run: script,
    artifacts: ['*.txt'],
  });
  const end = await rig.completed(task);
  const stars = '*'.repeat(Buffer.byteLength(value));
  expect(end).toMatchObject({
    outcome: 'succeeded',
    result: { kind: 'json', value: { key: stars } },
    artifacts: [{ path: `${stars}.txt` }],
  });
  const { stdout, stderr } = await rig.output(task);
  expect(stdout.toString()).toBe(`bytes: ${stars.length}\nkey: ${stars}.\ncut: ${stars}.\n`);
  expect(stderr.toString()).toBe(`key: ${stars}.\n`);
  const stored = await everythingStored();
  for (const part of ['tr0ub4dor', 'quoted"', '密码']) expect(stored).not.toContain(part);
});

test('a file that contains a secret is left out, nothing of it is stored, and the task fails with the others kept', async () => {
  const script = `
    mkdir -p files
    echo clean > files/a
    { yes mark-of-what-came-before | head -c 400000; printf %s "$API_KEY"; yes | head -c 200000; } > files/b
    printf 'u:%s' "$API_KEY" | base64 > files/c
    echo clean > files/d; ln -s /etc/passwd files/e
    cp files/b allowed`;
  const end = await rig.run({ secrets: { API_KEY: 'analysis-key' }, run: script, artifacts: ['files/*'] });
  expect(end).toMatchObject({
    outcome: 'failed',
    exitCode: 0,
    error: {
      code: 'artifact-has-secret',
      message: expect.stringContaining('files/b: it contains a secret of the task'),
    },
  });
  expect(end.artifacts.map(({ path }) => path).sort()).toEqual(['files/a', 'files/d']);
  expect(end.error?.message).toMatch(/files\/c: it contains.*files\/e: it is a link.*allowSecrets/);
  const stored = await everythingStored();
  expect(stored).not.toContain('tr0ub4dor');
  expect(stored).not.toContain('mark-of-what-came-before\n');
});

test('a secret is found wherever the reading of the file is cut', async () => {
  const names = Array.from({ length: 40 }, (_, at) => at);
  const run = names
    .map((at) => `{ head -c ${32 * 1024 - 20 + at} /dev/zero; printf %s "$API_KEY"; echo .; } > cut-${at}`)
    .join('\n');
  const end = await rig.run({ secrets: { API_KEY: 'analysis-key' }, run, artifacts: ['cut-*'] });
  expect(end).toMatchObject({ error: { code: 'artifact-has-secret' }, artifacts: [] });
  expect(end.error?.message).toContain(`and ${names.length - 5} more`);
});

test('a task that says so leaves files with its secrets, byte for byte', async () => {
  const artifacts = { paths: ['wanted-*'], allowSecrets: true };
  const run = 'printf %s "$API_KEY" > wanted-1; echo 2 > wanted-2';
  const end = await rig.run({ secrets: { API_KEY: 'analysis-key' }, run, artifacts });
  expect(end).toMatchObject({ outcome: 'succeeded' });
  const sizes = Object.fromEntries(end.artifacts.map(({ path, bytes }) => [path, bytes]));
  expect(sizes).toEqual({ 'wanted-1': Buffer.byteLength(value), 'wanted-2': 2 });
  const refused = await rig.run({ secrets: { API_KEY: 'analysis-key' }, run, artifacts: { paths: ['wanted-*'] } });
  expect(refused).toMatchObject({ error: { code: 'artifact-has-secret' }, artifacts: [{ path: 'wanted-2' }] });
});

test('a secret across the seam of two runners stays masked', async () => {
  const task = await rig.submit({
    secrets: { API_KEY: 'analysis-key' },
    run: `printf 'before '; printf %s "$API_KEY" | head -c 11; until [ -e go ]; do sleep 0.02; done
      printf %s "$API_KEY" | tail -c +12; printf ' after'`,
  });
  await eventually(async () => (await rig.output(task)).stdout.length > 0, { what: 'the first output' });
  await runner.stop();
  await writeFile(`${rig.guest.home}/work/go`, '');
  runner = await rig.startRunner();
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  const stars = '*'.repeat(Buffer.byteLength(value));
  expect((await rig.output(task)).stdout.toString()).toBe(`before ${stars} after`);
});

test('a secret that others may read, or that is not there, ends the task before anything is started', async () => {
  await writeFile(rig.home.secret('open-key'), 'visible', { mode: 0o644 });
  const open = await rig.run({ secrets: { KEY: 'open-key' }, run: 'true' });
  expect(open).toMatchObject({ outcome: 'failed', error: { code: 'secret-unusable' } });
  expect(open.error?.message).toContain(`chmod 600 ${rig.home.secret('open-key')}`);
  const none = await rig.run({ secrets: { KEY: 'no-key' }, run: 'true' });
  expect(none.error?.message).toContain(`there is no ${rig.home.secret('no-key')}`);
});

test('a secret that was set for all hosts is opened by the runner of its host, and masked as one of a file', async () => {
  await writeFile(rig.home.secretsKey, newHostKey(), { mode: 0o600 });
  const keys = new Map([[sampleHost, readHostKey(rig.home)?.publicKey ?? '']]);
  const { connection } = rig.broker;
  await storeSecret(connection, { name: 'set-key', team: null, value: 'of-the-bucket' }, keys, new Date());
  const task = await rig.submit({ secrets: { KEY: 'set-key' }, run: 'printf %s "$KEY" | wc -c; echo "$KEY"' });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  expect((await rig.output(task)).stdout.toString()).toBe(`13\n${'*'.repeat(13)}\n`);
  // A host that has lost its key says what to do.
  await writeFile(rig.home.secretsKey, newHostKey(), { mode: 0o600 });
  const lost = await rig.run({ secrets: { KEY: 'set-key' }, run: 'true' });
  expect(lost).toMatchObject({ outcome: 'failed', error: { code: 'secret-unusable' } });
  expect(lost.error?.message).toContain('./vm-task secret set set-key');
});

test("a task of a team finds its team's secret, and of the home's those alone that are shared; no file", async () => {
  await writeFile(rig.home.secretsKey, newHostKey(), { mode: 0o600 });
  const keys = new Map([[sampleHost, readHostKey(rig.home)?.publicKey ?? '']]);
  const set = (name: string, value: string, more: { readonly team?: string; readonly shared?: boolean }) =>
    storeSecret(rig.broker.connection, { name, value, team: null, ...more }, keys, new Date());
  await set('of-red', '1234', { team: 'red' });
  await set('of-all', '12345', { shared: true });
  await set('of-home', '123456', {});
  const lengthFor = async (team: string, name: string) => {
    const { error, result } = await rig.runFor(team, { secrets: { KEY: name }, run: 'printf %s "${#KEY}"' });
    return error === null ? result?.value : error.code;
  };
  expect(await lengthFor('red', 'of-red')).toBe('4');
  expect(await lengthFor('red', 'of-all')).toBe('5');
  expect(await lengthFor('blue', 'of-red')).toBe('secret-unusable');
  expect(await lengthFor('red', 'of-home')).toBe('secret-unusable');
  // There is such a file, which is the home's.
  expect(await lengthFor('red', 'analysis-key')).toBe('secret-unusable');
});
