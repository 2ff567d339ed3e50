/** What a process leaves as its result: the file that `$VM_TASK_RESULT` names, else the end of its standard output. */
import { type JobEnd, resultMaxBytes, type StreamTotals } from '@vm-task/guest/job';
import type { ErrorInfo } from '@vm-task/shared/errors';
import type { TaskResult } from '@vm-task/shared/events';
import { isDeeper, type Json } from '@vm-task/shared/json';
import { readJson } from '@vm-task/shared/json-text';
import { decodeUtf8 } from '@vm-task/shared/utf8';
import type { Secrets } from './secrets.ts';

/** Deeper JSON is kept as text: whoever reads the event must be able to walk it. */
const jsonMaxDepth = 64;

export interface ReadResult {
  readonly result: TaskResult | null;
  /** Why there is none. */
  readonly error: ErrorInfo | null;
}

/** JSON where the file is that and the value says the same, else text; secrets masked. */
export function readResult({ result, stdout }: JobEnd, secrets: Secrets): ReadResult {
  if (result === null) {
    return { result: { kind: 'text', source: 'stdout', value: lastLines(stdout, secrets) }, error: null };
  }
  if (result === 'not-written') return { result: null, error: notWritten };
  if (result.length > resultMaxBytes) return { result: null, error: tooLarge };
  const decoded = decodeUtf8(result);
  if (decoded.kind === 'refused') return { result: null, error: notText(decoded.why) };
  const json = parseShallow(decoded.text);
  return {
    result:
      json === undefined
        ? { kind: 'text', source: 'file', value: secrets.maskText(decoded.text) }
        : { kind: 'json', source: 'file', value: secrets.maskJson(json) },
    error: null,
  };
}

function notText(why: string): ErrorInfo {
  return { code: 'result-not-text', message: `the result cannot be taken: ${why}; leave other data as an artifact` };
}

const notWritten: ErrorInfo = {
  code: 'result-not-written',
  message: 'the disk was full when the result was written: leave less on it, or ask for more with resources.diskMiB',
};

/** How much larger it is, nobody counts: it is read up to the limit. */
const tooLarge: ErrorInfo = {
  code: 'result-too-large',
  message: `the result has more than the ${resultMaxBytes} bytes that it may have; leave large data as an artifact`,
};

/** The last output as text, from the start of a line where there is one. */
export function lastLines({ tail, seenBytes }: StreamTotals, secrets: Secrets): string {
  const masked = secrets.maskBytes(tail);
  if (seenBytes <= tail.length) return masked.toString();
  // A secret that is cut at the beginning is not recognised; what may be the rest of one is left out.
  const certain = masked.subarray(Math.min(secrets.reachBytes, masked.length));
  const newline = certain.subarray(0, -1).indexOf('\n');
  return certain.subarray(newline < 0 ? characterStart(certain) : newline + 1).toString();
}

/** Behind the rest of a UTF-8 character that was cut, which has three bytes at most. */
function characterStart(bytes: Buffer): number {
  const first = bytes.subarray(0, 4).findIndex((byte) => (byte & 0xc0) !== 0x80);
  return Math.max(0, first);
}

function parseShallow(text: string): Json | undefined {
  const read = readJson(text);
  return read.kind === 'value' && !isDeeper(read.value, jsonMaxDepth) ? read.value : undefined;
}
