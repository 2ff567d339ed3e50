/** `complete`, `approve` and `reject`: answers to stages that wait for one. */
import { hostname, userInfo } from 'node:os';
import { createClient } from '@vm-task/client/client';
import type { Json } from '@vm-task/shared/json';
import { print, printJson } from '../screen/print.ts';
import type { Common } from './tasks.ts';

/** `text` is the result: JSON where it parses, else as it is. */
export async function complete(common: Common, id: string, text: string): Promise<void> {
  await answer(common, id, 'complete', { result: parsed(text) });
}

export interface Decision {
  readonly comment: string | undefined;
  /** The user of this machine where nobody is named. */
  readonly by: string | undefined;
}

export async function decide(common: Common, id: string, verb: 'approve' | 'reject', given: Decision): Promise<void> {
  const by = given.by ?? `${userInfo().username}@${hostname()}`;
  await answer(common, id, verb, { by, comment: given.comment ?? '' });
}

async function answer({ home, json }: Common, id: string, verb: string, body: object): Promise<void> {
  const answered = await createClient(home).answer(id, verb, body);
  if (json) printJson(answered);
  else print(`${answered.id}: ${{ complete: 'completed', approve: 'approved', reject: 'rejected' }[verb]}`);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
