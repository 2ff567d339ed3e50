import { JetStreamApiError } from '@nats-io/jetstream';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/transport-node';
import { VmTaskError } from '@vm-task/shared/errors';
import { expect, test } from 'vitest';
import { isUnanswered } from './answers.ts';

const starting = new RequestError('', { cause: new NoRespondersError('$JS.API.STREAM.MSG.GET.EVENTS') });

test.each([
  ['a request that waited in vain', new TimeoutError(), true],
  ['a server that is just starting', new Error('jetstream is not enabled', { cause: starting }), true],
  ['a refusal', new JetStreamApiError({ code: 404, err_code: 10059, description: 'stream not found' }), false],
  ['an error of ours', new VmTaskError('stream-full', 'the stream EVENTS takes no more'), false],
  ['something else', 'timeout', false],
])('%s is told from an answer', (_, error, unanswered) => {
  expect(isUnanswered(error)).toBe(unanswered);
});
