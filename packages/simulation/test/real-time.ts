/** A simulated broker in real time, with a network that does nothing but carry. */
import type { Connection } from '@vm-task/bus/connection';
import { Broker } from '../src/broker/broker.ts';
import { connectTo, type Network } from '../src/broker/connection.ts';
import type { StreamDefinition } from '../src/broker/stream.ts';

const network: Network = {
  client: 'the test',
  request: async (_what, perform) => perform(),
  send: (_what, perform) => perform(),
  deliver: (_order, arrive) => queueMicrotask(arrive),
  onReconnect: () => () => undefined,
  isConnected: true,
};

const clock = {
  nowMs: () => Date.now(),
  after(delayMs: number, action: () => void) {
    const timer = setTimeout(action, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

export function simulateBroker(definition: StreamDefinition): Connection {
  return connectTo(new Broker([definition], clock), network);
}
