import { mkdir, writeFile } from 'node:fs/promises';
import { listMessages } from '@vm-task/bus/inbox';
import { workAlerts } from '@vm-task/intake/work-alerts';
import { parseConfig } from '@vm-task/service/config';
import { homeAt } from '@vm-task/shared/home';
import { eventually } from '@vm-task/testing/conditions';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { type Received, signingKey, startReceiver } from '@vm-task/testing/webhook-receiver';
import { expect, test } from 'vitest';
import { beginPipeline } from './pipelines.ts';
import { startSystem } from './system.ts';

test('a task that is late is reported in the inbox and at a webhook, and a stage that nobody answers, too; both go on', async () => {
  await using folder = await makeTempFolder('alerts');
  await using receiver = await startReceiver();
  await using system = await startSystem();
  await using connection = await system.broker.connect();
  const home = homeAt(folder.path);
  await mkdir(home.secrets);
  await writeFile(home.secret('key'), signingKey, { mode: 0o600 });
  const webhook = `{ url: "${receiver.url}", secret: key, allow: [127.0.0.0/8] }`;
  const config = parseConfig(`alerts: { to: [anna], webhooks: { pager: ${webhook} } }`, 'test');
  const stop = new AbortController();
  const working = workAlerts({ bus: connection.bus, config, home, stop: stop.signal, abort: stop.signal });

  const task = await system.submit({ run: `while [ ! -e ${folder.path}/go ]; do sleep 0.1; done`, alertAfter: '1s' });
  const stages = { ask: { kind: 'approval', description: '可以吗？', alertAfter: '500ms' } };
  await beginPipeline(system, { stages });
  const about = ({ data }: Received) => `${data['kind']} ${data['id'] === task ? 'task' : 'question'}`;
  await eventually(() => receiver.received.length === 2, { what: 'both are posted to the webhook' });
  expect(receiver.received.map(about).sort()).toEqual(['task-late question', 'task-late task']);
  const { messages } = await listMessages(connection.connection, 'anna', { after: 0, limit: 10 });
  const texts = messages.map(({ message }) => message.text);
  expect(texts.find((text) => text.includes(task))).toMatch(/ is not done 1s after it was submitted; it goes on$/);

  await writeFile(`${folder.path}/go`, '');
  expect((await system.headOf(task, 'task.completed')).data.outcome).toBe('succeeded');
  stop.abort(new Error('draining'));
  await working;
});
