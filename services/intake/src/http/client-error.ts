/** What Node's HTTP parser refuses never becomes a request, and is answered on the connection itself. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { problemOf, problemType } from '@vm-task/api/problem';
import { VmTaskError } from '@vm-task/shared/errors';

export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = problemOf(asOurs(error));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function asOurs(error: Error & { code?: string }): VmTaskError {
  const cause = { cause: error };
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new VmTaskError('headers-too-large', 'the address and the headers may have 16 KiB together', cause);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new VmTaskError('request-timed-out', 'the request did not come to its end in time', cause);
    default:
      return new VmTaskError('invalid-request', `this is not HTTP: ${error.message}`, cause);
  }
}
