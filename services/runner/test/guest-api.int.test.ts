/** The guest API: each call, what is refused, and that it is about that task alone. */
import { listMessages, sendMessage } from '@vm-task/bus/inbox';
import { readProgress } from '@vm-task/bus/task-progress';
import { newMessageId } from '@vm-task/shared/new-ids';
import { alertSubjects } from '@vm-task/shared/subjects';
import { eventually } from '@vm-task/testing/conditions';
import { sampleHost, sampleTask } from '@vm-task/testing/sample-events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, startRunningRig } from './rig.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRunningRig();
});
afterAll(() => rig[Symbol.asyncDispose]());

/** Standard output of a task that succeeds. */
async function outputOf(run: string, more: object = {}): Promise<string> {
  const task = await rig.submit({ run: `set -e\n${run}`, ...more });
  const completed = await rig.completed(task);
  const { stdout, stderr } = await rig.output(task);
  expect(completed, stderr.toString()).toMatchObject({ outcome: 'succeeded' });
  return stdout.toString();
}

test('a task reads what it is and what it was given, with the command and with anything that speaks HTTP', async () => {
  const byHand =
    'socket S, 1, 1, 0; connect S, pack "Sa108", 1, $ENV{VM_TASK_API} or die $!; ' +
    'syswrite S, "GET /v1/inputs HTTP/1.0\\r\\n\\r\\n"; print <S>';
  const said = await outputOf(`vm-task show; vm-task inputs; vm-task needs; perl -e '${byHand}'`, {
    inputs: { topic: '垃圾域名', limit: 15 },
    labels: { team: 'security' },
  });
  const [show = '', inputs = '', needs, ...http] = said.split('\n');
  expect(JSON.parse(show)).toMatchObject({ pool: 'default', attempt: 1, labels: { team: 'security' }, children: 0 });
  expect(JSON.parse(inputs)).toEqual({ topic: '垃圾域名', limit: 15 });
  expect(needs).toBe('{}');
  expect(http[0]).toContain('200 OK');
  expect(http.at(-1)).toBe(inputs);
});

test('a result that is set by the guest API is the result, whatever is in the file; a second one is refused', async () => {
  const task = await rig.submit({
    run: `echo '"before"' > "$VM_TASK_RESULT"
vm-task complete --result '{"found": "垃圾"}' && echo done
vm-task complete --result '{"found": "垃圾"}' || echo "refused: $?"
echo '"later"' > "$VM_TASK_RESULT"`,
  });
  expect(await rig.completed(task)).toMatchObject({
    outcome: 'succeeded',
    result: { kind: 'json', source: 'file', value: { found: '垃圾' } },
  });
  const { stdout, stderr } = await rig.output(task);
  expect(stdout.toString()).toBe('done\nrefused: 1\n');
  expect(stderr.toString()).toContain('has its result already');
});

test('a result on standard input arrives byte for byte; one that is too large is refused, and the file counts', async () => {
  expect(await rig.run({ run: `printf 'a "b"\\n\\\\c\\n' | vm-task complete` })).toMatchObject({
    result: { kind: 'text', value: 'a "b"\n\\c\n' },
  });
  expect(
    await rig.run({ run: 'head -c 300000 /dev/zero | vm-task complete || echo 7 > "$VM_TASK_RESULT"' }),
  ).toMatchObject({ outcome: 'succeeded', result: { kind: 'json', value: 7 } });
});

test('after the deadline, and while the task is being cancelled, a result is refused', async () => {
  const late = await rig.submit({
    run: 'trap "" TERM; sleep 1.5; vm-task complete --result 1 || echo "refused: $?"',
    timeouts: { run: '1s' },
  });
  expect(await rig.completed(late)).toMatchObject({ result: { source: 'stdout', value: 'refused: 1\n' } });
  expect((await rig.output(late)).stderr.toString()).toContain('the deadline was');
  const cancelled = await rig.submit({
    run: `trap 'vm-task complete --result 1; exit 3' TERM; echo ready; while true; do sleep 0.1; done`,
  });
  await eventually(async () => (await rig.output(cancelled)).stdout.includes('ready'), { what: 'it runs' });
  await rig.cancel(cancelled);
  expect(await rig.completed(cancelled)).toMatchObject({
    outcome: 'cancelled',
    exitCode: 3,
    result: { source: 'stdout' },
  });
  expect((await rig.output(cancelled)).stderr.toString()).toContain('being cancelled');
});

test('the newest progress is kept; what is none is refused', async () => {
  const task = await rig.submit({
    run: 'for i in 1 2 3 4 5; do vm-task progress --percent $i step $i; done; vm-task progress --percent 101 || true',
  });
  expect(await rig.completed(task)).toMatchObject({ outcome: 'succeeded' });
  expect(await readProgress(rig.broker.connection, task.task, sampleHost)).toMatchObject({
    percent: 5,
    text: 'step 5',
  });
  expect((await rig.output(task)).stderr.toString()).toContain('percent');
});

test('the same alert is raised once, and so many are too many', async () => {
  const task = await rig.submit({
    run: `vm-task alert --severity critical --link report=https://example.org/1 disk "is full"
vm-task alert --severity critical --link report=https://example.org/1 disk "is full"
for i in $(seq 2 16); do vm-task alert --severity info "number $i"; done
vm-task alert one more || echo refused`,
  });
  await rig.completed(task);
  const { stdout, stderr } = await rig.output(task);
  expect(stdout.toString(), stderr.toString()).toBe('refused\n');
  const filter = { subjects_filter: alertSubjects(task.task) };
  const { state } = await rig.broker.connection.jsm.streams.info('EVENTS', filter);
  expect(Object.keys(state.subjects ?? {})).toHaveLength(16);
  const [critical = ''] = Object.keys(state.subjects ?? {}).filter((subject) => subject.includes('.critical.'));
  const stored = await rig.broker.connection.jsm.streams.getMessage('EVENTS', { last_by_subj: critical });
  expect(stored?.json()).toMatchObject({
    text: 'disk is full',
    links: [
      { title: 'report', href: 'https://example.org/1' },
      { title: 'task', href: `/v1/tasks/${task.task}` },
    ],
  });
});

test('messages go out in the name of the task, and of those that came only its own are shown', async () => {
  const { connection } = rig.broker;
  const task = await rig.submit({
    run: `vm-task send --to anna --priority urgent 'look at "this"'
until vm-task inbox | grep -q hello; do sleep 0.1; done
vm-task inbox`,
  });
  const send = (to: string, text: string) =>
    sendMessage(
      connection,
      { to, text, from: 'test', priority: 'normal', links: [] },
      { id: newMessageId(Date.now()), keepMs: 60_000 },
    );
  await send(sampleTask(), 'of another');
  await send(task.task, 'hello');
  await rig.completed(task);
  const { stdout } = await rig.output(task);
  const [id, inbox = ''] = stdout.toString().trim().split('\n');
  expect(JSON.parse(inbox).messages).toMatchObject([{ text: 'hello', from: 'test' }]);
  const { messages } = await listMessages(connection, 'anna', { after: 0, limit: 10 });
  expect(messages[0]?.message).toMatchObject({
    id,
    from: `task ${task.task}`,
    text: 'look at "this"',
    priority: 'urgent',
  });
});

test('a task that may not have children gets none', async () => {
  expect(await outputOf('vm-task submit < /dev/null || echo "{ run: true }" | vm-task submit || echo refused')).toBe(
    'refused\n',
  );
});

test('a task that may have two gets two: the same one once, a third never, and no more than it has itself', async () => {
  const said = await outputOf(
    `child() { echo "{ run: 'echo $1' }" | vm-task submit; }
[ "$(child one)" = "$(child one)" ] && echo same
id=$(child two); vm-task task "$id"
child three || echo too many
ask() { echo "$1" | vm-task submit 2>&1 || true; }
ask '{ run: x, egress: internet }'; ask '{ run: x, secrets: { A: other } }'; ask '{ run: x, children: 1 }'; ask '{ rnu: x }'
vm-task task ${sampleTask()} || echo not mine`,
    { children: 2 },
  );
  const [same, child = '', tooMany, ...refusals] = said.trim().split('\n');
  expect([same, tooMany, refusals.at(-1)]).toEqual(['same', 'too many', 'not mine']);
  expect(JSON.parse(child)).toMatchObject({ status: 'submitted', outcome: null });
  expect(refusals.slice(0, -1)).toMatchObject([
    expect.stringContaining('no network to give'),
    expect.stringContaining('secret other'),
    expect.stringContaining('children itself'),
    expect.stringContaining('rnu'),
  ]);
});
