/** What runs in the thread of `expression-thread.ts`: one order, one answer. */
import { parentPort } from 'node:worker_threads';
import { type FillOrder, fillAll } from '@vm-task/pipelines/expressions/fill';

const port = parentPort;
if (port === null) throw new Error('this is a thread, and no program');
port.on('message', (order: FillOrder) => port.postMessage(fillAll(order)));
port.postMessage('ready');
