/** The projection's file: kept while it fits the stream, made anew when it does not. It can always be rebuilt. */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readableTypes } from '@vm-task/shared/read-event';
import { readProgress, startProgress } from './progress.ts';
import { schemaVersion, tables } from './schema.ts';

/** Which stream it is, and how far it goes: a projection of another stream, or from a later time, is worthless. */
export interface StreamIdentity {
  readonly created: string;
  readonly lastSeq: number;
}

/** Another instance of intake may be writing its batch. */
const busyTimeoutMs = 10_000;

export function openDatabase(path: string, stream: StreamIdentity): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return openIfFitting(path, stream) ?? makeAnew(path, stream);
}

function openIfFitting(path: string, stream: StreamIdentity): DatabaseSync | null {
  let db: DatabaseSync | null = null;
  try {
    db = openFile(path);
    if (fits(db, stream)) return db;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  db?.close();
  return null;
}

function makeAnew(path: string, stream: StreamIdentity): DatabaseSync {
  for (const file of path === ':memory:' ? [] : [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
  const db = openFile(path);
  db.exec(`BEGIN; ${tables}`);
  startProgress(db, stream.created);
  db.exec('COMMIT');
  return db;
}

function openFile(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: busyTimeoutMs });
  // What a power cut takes comes again from the stream, so no write waits for the disk.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
  // Every checkpoint waits for the disk, and a rebuild writes the same pages again and again: 16 MiB of each.
  db.exec('PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384;');
  return db;
}

function fits(db: DatabaseSync, stream: StreamIdentity): boolean {
  const version = db.prepare('PRAGMA user_version').get()?.['user_version'];
  if (version !== schemaVersion) return false;
  if (canReadMore(db)) return false;
  const progress = readProgress(db);
  return progress.stream === stream.created && progress.seq <= stream.lastSeq;
}

/** True when an event that was passed over is one that this build knows. */
function canReadMore(db: DatabaseSync): boolean {
  const unread = db.prepare('SELECT type, version FROM unread').all();
  return unread.some(({ type, version }) => readableTypes.has(`${type}@${version}`));
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isUnreadable(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0;
  return code === 11 || code === 26;
}
