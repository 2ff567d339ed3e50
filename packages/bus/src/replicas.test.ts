/** Reads that any replica may answer: what is made of an answer from one that lags. */

import type { Draft, Stored } from '@vm-task/shared/events';
import { eventSubject } from '@vm-task/shared/subjects';
import { created, sampleTask, vmReady } from '@vm-task/testing/sample-events';
import { describe, expect, it } from 'vitest';
import { readHeadSince } from './append.ts';
import type { Connection } from './connection.ts';
import { seal } from './envelope.ts';
import { readCreated } from './find-task.ts';

const task = sampleTask();
const spine = { pool: 'default', task };

function stored(draft: Draft, seq: number) {
  const { payload, headers } = seal(draft, `id-${seq}`, 'vm-task/test', new Date());
  return { seq, subject: eventSubject(draft), header: headers, data: payload, time: new Date() };
}

const begun = stored(created(task), 1);
const ready = stored(vmReady(task), 2);
const atHand = { ...vmReady(task), seq: 2, subject: ready.subject } as Stored;

/** A cluster whose replica has `theirs`, and whose leader has `leaders`. */
function cluster(theirs: ReturnType<typeof stored> | null, leaders: ReturnType<typeof stored> | null): Connection {
  const jsm = { direct: { getMessage: async () => theirs }, streams: { getMessage: async () => leaders } };
  return { jsm } as unknown as Connection;
}

describe('the head, for whoever has an event at hand', () => {
  it('is that event while nothing follows it', async () => {
    expect(await readHeadSince(cluster(ready, null), atHand)).toBe(atHand);
  });

  it('is that event where the replica does not have it yet', async () => {
    expect(await readHeadSince(cluster(begun, null), atHand)).toBe(atHand);
  });

  it('is what came after it', async () => {
    const later = stored(vmReady(task), 3);
    expect(await readHeadSince(cluster(later, null), atHand)).toMatchObject({ type: 'vm.ready', seq: 3 });
  });

  it('is what the leader says where the replica has nothing of the task', async () => {
    expect(await readHeadSince(cluster(null, ready), atHand)).toMatchObject({ seq: 2 });
    expect(await readHeadSince(cluster(null, null), atHand)).toBeNull();
  });
});

describe('how a task began', () => {
  it('is read from a replica', async () => {
    expect(await readCreated(cluster(begun, null), spine)).toMatchObject({ type: 'task.created', seq: 1 });
  });

  it('is read from the leader where the replica does not have it yet', async () => {
    expect(await readCreated(cluster(null, begun), spine)).toMatchObject({ type: 'task.created', seq: 1 });
    expect(await readCreated(cluster(null, null), spine)).toBeNull();
  });
});
