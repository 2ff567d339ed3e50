import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { newTaskId } from '@vm-task/shared/new-ids';
import { eventually } from '@vm-task/testing/conditions';
import { expect, test } from 'vitest';
import { makeHome, startIntake, startIntakeBroker } from './intake-process.ts';
import { created } from './task-events.ts';

/** A connection that is open, and has not said a word yet. */
async function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).resume();
  await once(socket, 'connect');
  return socket;
}

test('neither who says nothing, nor who keeps a connection, nor who follows a task holds intake back from ending', async () => {
  await using broker = await startIntakeBroker();
  await using folder = await makeHome(broker);
  await using intake = await startIntake(folder.home);
  const task = newTaskId(Date.now());
  await broker.bus.append(created(task), 0, new AbortController().signal);
  await eventually(async () => (await intake.ask('GET', `/v1/tasks/${task}`)).ok, { what: 'the task is shown' });
  const [silent, kept] = [await openConnection(intake.url), await openConnection(intake.url)];
  kept.write('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(kept, 'data');
  const headers = { accept: 'text/event-stream', connection: 'keep-alive' };
  const follower = await intake.ask('GET', `/v1/tasks/${task}/logs`, { headers });
  const closed = Promise.all([silent, kept].map((socket) => once(socket, 'close')));
  expect(await intake.stop()).toBe(0);
  await closed;
  // The stream was ended, not broken off.
  expect(await follower.text()).toContain(': waiting');
  // Below the minute after which Node itself gives up who says nothing.
}, 50_000);
