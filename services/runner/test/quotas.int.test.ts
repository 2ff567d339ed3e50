/** What a task of a team is told by a real runner, with the rights that a host has, when control has said that there is no room. */
import { writeQuotaRefusals } from '@vm-task/bus/quota-refusals';
import { expect, test } from 'vitest';
import { startProcessRig, startRunnerProcess } from './runner-process.ts';

test('a task of a team at its quota gets no task and sends no message, and hears why; others do', async () => {
  await using rig = await startProcessRig();
  const { connection } = rig.broker;
  const [task, message] = ['the team red has 2 of 2 tasks', 'the team red has 1 of 1 messages'];
  await writeQuotaRefusals(connection, { red: { task, taskWithFiles: task, message } });
  await using _ = await startRunnerProcess(rig);
  const run = `ask() { "$@" 2>&1 || echo refused; }
echo "{ run: x }" > child; ask vm-task submit child; ask vm-task send --to anna hello`;
  // One after the other: they are on one machine.
  const saidBy = async (team: string) => {
    const one = await rig.submitFor(team, { run, children: 1 });
    await rig.completed(one);
    return (await rig.output(one)).stdout.toString();
  };
  const said = await saidBy('red');
  for (const why of [task, message]) expect(said).toContain(why);
  expect(said.match(/refused/g)).toHaveLength(2);
  expect(await saidBy('blue')).not.toContain('refused');
  const stored = async (stream: string) => (await connection.jsm.streams.info(stream)).state.messages;
  expect([await stored('COMMANDS'), await stored('INBOX')]).toEqual([1, 1]);
});
