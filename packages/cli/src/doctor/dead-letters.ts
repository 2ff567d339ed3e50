/** Messages that no handler could take. */
import { listLetters } from '@vm-task/bus/dead-letters';
import { type Check, pass, warn } from './check.ts';

export const deadLetters: Check = {
  name: 'dead-letters',
  limitMs: 20_000,
  async look({ connect }) {
    const connection = await connect('intake', ['DEAD']);
    const { state } = await connection.jsm.streams.info('DEAD');
    const [oldest] = await listLetters(connection, 0, 1);
    if (oldest === undefined) return pass('there are none');
    const { consumer, reason } = oldest.letter;
    const detail = `${state.messages} wait for a person; the oldest, ${oldest.seq}, is of ${consumer}: ${reason}`;
    return warn(detail, './vm-task deadletter list, then replay or drop each');
  },
};
