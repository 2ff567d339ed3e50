import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stored, UnknownEvent } from '@vm-task/shared/events';
import { eventSubject } from '@vm-task/shared/subjects';
import { asNewer } from '@vm-task/testing/newer-events';
import { created as createdOf, sampleTask } from '@vm-task/testing/sample-events';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { openDatabase } from './open-database.ts';
import { readProgress, saveProgress } from './progress.ts';
import { createProjection } from './projection.ts';

const draft = createdOf(sampleTask());
const sample = { ...draft, subject: eventSubject(draft), time: new Date(0) };

async function withFile(action: (path: string) => void): Promise<void> {
  await using folder = await makeTempFolder('projection');
  const path = join(folder.path, 'intake', 'projection.sqlite');
  const db = openDatabase(path, { created: 'then', lastSeq: 10 });
  saveProgress(db, 10);
  db.close();
  action(path);
}

function positionFor(path: string, created: string, lastSeq: number): number {
  const db = openDatabase(path, { created, lastSeq });
  const { seq } = readProgress(db);
  db.close();
  return seq;
}

test('the file is kept while it fits the stream', () =>
  withFile((path) => expect(positionFor(path, 'then', 12)).toBe(10)));

test('another stream, or one that ends before the position, begins it anew', () =>
  withFile((path) => {
    expect(positionFor(path, 'then', 9)).toBe(0);
    const db = openDatabase(path, { created: 'then', lastSeq: 10 });
    saveProgress(db, 10);
    db.close();
    expect(positionFor(path, 'later', 12)).toBe(0);
  }));

test('one that has passed over an event is begun anew by whoever can read that, and by nobody for one that is damaged', () =>
  withFile((path) => {
    const passOver = (event: UnknownEvent) => {
      using projection = createProjection(openDatabase(path, { created: 'then', lastSeq: 20 }));
      projection.advance([{ seq: event.seq, event }]);
    };
    const created = asNewer({ ...sample, seq: 11 } as Stored);
    passOver(created);
    passOver({ ...created, seq: 12, version: 1 });
    expect(positionFor(path, 'then', 20)).toBe(12);
    const db = openDatabase(path, { created: 'then', lastSeq: 20 });
    // What a build has noted that knew less than this one.
    db.exec("INSERT INTO unread (type, version) VALUES ('task.created', 1)");
    db.close();
    expect(positionFor(path, 'then', 20)).toBe(0);
  }));

test('another version of the tables, and a file that is no database, begin it anew', () =>
  withFile((path) => {
    const db = openDatabase(path, { created: 'then', lastSeq: 10 });
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(positionFor(path, 'then', 10)).toBe(0);
    writeFileSync(path, 'this is text and no database, however long it may be '.repeat(100));
    expect(positionFor(path, 'then', 10)).toBe(0);
  }));
