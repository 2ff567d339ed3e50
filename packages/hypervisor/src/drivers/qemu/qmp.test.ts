import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { Qmp } from './qmp.ts';

/** A monitor that answers with `answers`, one per command, and tells what it was asked. */
function lendMonitor(answers: readonly object[]) {
  const [ours, qemus] = duplexPair();
  const asked: unknown[] = [];
  qemus.write('{"QMP": {"version": {}, "capabilities": []}}\n');
  qemus.on('data', (bytes: Buffer) => {
    for (const line of bytes.toString().trim().split('\n')) {
      qemus.write(`${JSON.stringify(answers[asked.length])}\n`);
      asked.push(JSON.parse(line));
    }
  });
  return { qmp: new Qmp(ours), asked, qemus };
}

const capable = { return: {} };

test('commands sent at once get their answers in order', async () => {
  const { qmp, asked } = lendMonitor([capable, { return: 1 }, { return: 2 }]);
  expect(await Promise.all([qmp.execute('a', { x: 1 }), qmp.execute('b')])).toEqual([1, 2]);
  expect(asked).toEqual([
    { execute: 'qmp_capabilities' },
    { execute: 'a', arguments: { x: 1 } },
    { execute: 'b', arguments: {} },
  ]);
});

test('a refusal is told in the words of QEMU', async () => {
  const { qmp } = lendMonitor([capable, { error: { class: 'GenericError', desc: 'no such file' } }]);
  await expect(qmp.execute('migrate')).rejects.toThrow('QEMU refused migrate: no such file');
});

test('an event that came before anybody waited for it is not lost', async () => {
  const { qmp, qemus } = lendMonitor([capable, { return: {} }]);
  qemus.write('{"event": "RESUME", "timestamp": {}}\n');
  await qmp.execute('cont');
  await qmp.event('RESUME');
});

test('the end of QEMU fails what waits for it, and what comes later', async () => {
  const { qmp, qemus } = lendMonitor([capable]);
  const waiting = qmp.event('RESUME');
  qemus.destroy();
  await expect(waiting).rejects.toThrow('QEMU ended');
  await expect(qmp.execute('cont')).rejects.toThrow('QEMU ended');
});

test.each([
  ['no JSON', 'qemu: warning: something\n'],
  ['no message of the protocol', '{"surprise": 1}\n'],
  ['half a message', '{"return":\n'],
  ['an answer that nobody asked for', '{"return": {}}\n{"return": {}}\n'],
])('a line that is %s ends the monitor, and nothing else', async (_what, lines) => {
  const { qmp, qemus } = lendMonitor([capable]);
  const waiting = qmp.event('RESUME');
  qemus.write(lines);
  await expect(waiting).rejects.toMatchObject({ code: 'vm-not-started' });
  await expect(qmp.execute('cont')).rejects.toMatchObject({ code: 'vm-not-started' });
});

test('a line without an end is not kept', async () => {
  const { qmp, qemus } = lendMonitor([capable]);
  const waiting = qmp.event('RESUME');
  qemus.on('error', () => undefined);
  for (let n = 0; n < 64; n++) qemus.write('x'.repeat(65_536));
  await expect(waiting).rejects.toMatchObject({ code: 'vm-not-started' });
});

test('more kinds of events than there are end the monitor', async () => {
  const { qmp, qemus } = lendMonitor([capable]);
  const waiting = qmp.event('RESUME');
  for (let n = 0; n < 2_000; n++) qemus.write(`{"event": "E${n}"}\n`);
  await expect(waiting).rejects.toMatchObject({ code: 'vm-not-started' });
});
