/**
 * Where a process that is started writes what it says: a log file with a limit. A process of its own stores it, so that
 * what is said last arrives also when the supervisor has died.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const writerProgram = fileURLToPath(new URL('./log-writer.pl', import.meta.url));
/** There are two such files at most: the log, and the one before it with `.1` behind its name. */
const logMaxBytes = 32 * 1024 * 1024;
/** Storing the last lines takes milliseconds; a child's own children may keep the log open for as long as they like. */
const lastLinesMs = 1_000;

export interface ChildLog {
  /** For the `stdio` of the child. */
  readonly input: Socket;
  /** Called once the child has `input`: the log then ends with those who have it. */
  handedOver(): void;
  /** Resolves when everything is stored, or when somebody still has the log a second later. */
  stored(): Promise<void>;
}

export function openChildLog(file: string): ChildLog {
  const writer = spawn('perl', [writerProgram, file, String(logMaxBytes)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  writer.unref();
  const gone = once(writer, 'exit').catch(() => undefined);
  writer.stdin.on('error', () => undefined);
  return {
    input: writer.stdin as Socket,
    handedOver: () => void writer.stdin.destroy(),
    async stored() {
      await Promise.race([gone, delay(lastLinesMs)]);
    },
  };
}
