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
