/** `complete`, `approve` and `reject`: answers to stages that wait for one. */
import { hostname, userInfo } from 'node:os';
import type { Json } from '@vm-task/shared/json';
import { readJson } from '@vm-task/shared/json-text';
import { print, printJson } from '../screen/print.ts';
import type { Common } from './tasks.ts';

/** `text` is the result: JSON where that says the same, else as it is. */
export async function complete(common: Common, id: string, text: string): Promise<void> {
  const completed = await common.system.client.tasks.complete(id, parsed(text));
  tell(common, completed, 'completed');
}

export interface Decision {
  readonly comment: string | undefined;
  /** The user of this machine where nobody is named. */
  readonly by: string | undefined;
}

export async function decide(common: Common, id: string, verb: 'approve' | 'reject', given: Decision): Promise<void> {
  const { tasks } = common.system.client;
  const decision = { by: given.by ?? `${userInfo().username}@${hostname()}`, comment: given.comment ?? '' };
  if (verb === 'approve') tell(common, await tasks.approve(id, decision), 'approved');
  else tell(common, await tasks.reject(id, decision), 'rejected');
}

function tell({ json }: Common, answered: { readonly id: string }, what: string): void {
  if (json) printJson(answered);
  else print(`${answered.id}: ${what}`);
}

function parsed(text: string): Json {
  const read = readJson(text);
  return read.kind === 'value' ? read.value : text;
}
