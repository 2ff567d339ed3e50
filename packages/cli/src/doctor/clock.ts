/** This host's clock against the broker's, which decides about deadlines. */
import { createBus } from '@vm-task/bus/bus';
import { silentLogger } from '@vm-task/service/log';
import { type Check, fail, pass } from './check.ts';

/** More than what asking takes on a busy host; less than what anybody would notice. */
const toleratedMs = 2_000;

export const clock: Check = {
  name: 'clock',
  limitMs: 20_000,
  async look({ connect, now }) {
    const bus = createBus(await connect('reaper', ['EVENTS']), 'vm-task/doctor', silentLogger);
    const asked = now();
    const brokerMs = (await bus.now()).getTime();
    const answered = now();
    // The broker looked at its clock at some moment between question and answer.
    const apartMs = Math.max(asked - brokerMs, brokerMs - answered, 0);
    const detail = `host and broker are ${apartMs} ms apart`;
    return apartMs > toleratedMs
      ? fail(detail, 'have both hosts set their clocks by NTP: timedatectl set-ntp true')
      : pass(detail);
  },
};
