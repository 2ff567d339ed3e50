/** How far the projection has come, in the same transaction as what it shows. */
import type { DatabaseSync } from 'node:sqlite';
import { statement } from './statement.ts';

export interface Progress {
  /** When the stream was created: which stream this is a projection of. */
  readonly stream: string;
  readonly seq: number;
}

export function startProgress(db: DatabaseSync, stream: string): void {
  statement(db, 'INSERT INTO progress (only_row, stream, seq) VALUES (1, ?, 0)').run(stream);
}

export function readProgress(db: DatabaseSync): Progress {
  return statement(db, 'SELECT stream, seq FROM progress').get() as unknown as Progress;
}

export function saveProgress(db: DatabaseSync, seq: number): void {
  statement(db, 'UPDATE progress SET seq = ?').run(seq);
}
