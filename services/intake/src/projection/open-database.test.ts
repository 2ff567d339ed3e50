import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { openDatabase } from './open-database.ts';
import { readProgress, saveProgress } from './progress.ts';

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

test('another version of the tables, and a file that is no database, begin it anew', () =>
  withFile((path) => {
    const db = openDatabase(path, { created: 'then', lastSeq: 10 });
    db.exec('PRAGMA user_version = 99');
    db.close();
    expect(positionFor(path, 'then', 10)).toBe(0);
    writeFileSync(path, 'this is text and no database, however long it may be '.repeat(100));
    expect(positionFor(path, 'then', 10)).toBe(0);
  }));
