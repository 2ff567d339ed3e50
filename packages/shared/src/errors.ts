/**
 * Every error that a user, an API client or an operator can meet, in one table. A code is stable for ever;
 * `docs/errors.md` lists the same codes, and `errors.test.ts` proves that the two are equal.
 *
 * `status` is the HTTP status of a problem detail with that code; `permanent` says that trying the same thing
 * again cannot help, so no retry policy ever applies to it.
 */
export const errorCodes = {
  internal: { status: 500, permanent: false, title: 'Something failed that should not' },
  'invalid-config': { status: 500, permanent: true, title: 'The configuration cannot be used' },
  'home-unusable': { status: 500, permanent: true, title: 'The state folder cannot be used' },
  'already-up': { status: 409, permanent: true, title: 'The system runs on this home already' },
  interrupted: { status: 500, permanent: true, title: 'Stopped on request before it was done' },
  'not-up': { status: 503, permanent: false, title: 'No system runs on this home' },
  'not-here': { status: 400, permanent: true, title: 'The command is for the machine that the system is on' },
  'not-ready': { status: 503, permanent: false, title: 'The system did not get ready in time' },
  'invalid-task': { status: 400, permanent: true, title: 'The task cannot be accepted as written' },
  'invalid-template': { status: 400, permanent: true, title: 'The template cannot be used as written' },
  'invalid-pipeline': { status: 400, permanent: true, title: 'The pipeline cannot be accepted as written' },
  'invalid-request': { status: 400, permanent: true, title: 'The request has a part that cannot be understood' },
  'invalid-id': { status: 400, permanent: true, title: 'Not an id of the kind that is expected here' },
  'unreadable-event': { status: 500, permanent: true, title: 'A stored message cannot be read' },
  'not-switched-on': { status: 503, permanent: false, title: 'A service is there that is too old for that' },
  'newer-event': { status: 503, permanent: false, title: 'A stored message is of a version that is not known here' },
  'broker-unreachable': { status: 503, permanent: false, title: 'NATS is unreachable or rejected the credentials' },
  'broker-denied': {
    status: 503,
    permanent: false,
    title: 'NATS does not permit this user something that it has to do',
  },
  'broker-too-old': { status: 503, permanent: true, title: 'nats-server is older than what the guarantees need' },
  'program-altered': { status: 503, permanent: true, title: 'A program is not the one that the set-up recorded' },
  'stream-altered': { status: 503, permanent: true, title: 'A stream or consumer is missing or not as defined' },
  'stream-full': { status: 503, permanent: false, title: 'A stream is at its limit' },
  'log-overtaken': { status: 500, permanent: false, title: 'Another runner writes this output now' },
  'payload-too-large': { status: 413, permanent: true, title: 'More bytes than one message may have' },
  'result-not-written': { status: 507, permanent: true, title: 'The disk was full when the result was written' },
  'result-not-text': { status: 400, permanent: true, title: 'The result is not UTF-8 text' },
  'result-too-large': { status: 413, permanent: true, title: 'The result has more bytes than it may have' },
  'webhook-failed': { status: 502, permanent: false, title: 'A webhook did not accept what was posted to it' },
  'invalid-message': { status: 400, permanent: true, title: 'The message cannot be sent as written' },
  'message-too-large': { status: 413, permanent: true, title: 'The text has more bytes than a message may have' },
  'message-not-found': { status: 404, permanent: true, title: 'There is no message of that id, or no longer' },
  'pool-not-found': { status: 400, permanent: true, title: 'There is no pool of that name' },
  'image-not-allowed': { status: 400, permanent: true, title: 'The pool does not allow tasks with this image' },
  'no-size-fits': { status: 400, permanent: true, title: 'The pool has no size that is large enough' },
  'image-not-found': { status: 400, permanent: true, title: 'There is no image of that name' },
  'image-in-use': { status: 409, permanent: true, title: 'Something still runs from the image' },
  'image-altered': { status: 500, permanent: true, title: 'The image is not what was signed' },
  'image-refused': { status: 400, permanent: true, title: 'The disk cannot be imported' },
  'image-unreadable': { status: 500, permanent: true, title: 'The image was written by another version' },
  'image-build-failed': { status: 500, permanent: false, title: 'The image could not be built' },
  'invalid-recipe': { status: 500, permanent: true, title: 'The recipe cannot be used as written' },
  'tool-missing': { status: 500, permanent: true, title: 'A program that is needed is not on this machine' },
  'tool-failed': { status: 500, permanent: false, title: 'A program that was started ended with an error' },
  unauthorized: { status: 401, permanent: true, title: 'The bearer token is missing or not the right one' },
  forbidden: { status: 403, permanent: true, title: 'The token may not do that' },
  'quota-exceeded': { status: 429, permanent: false, title: 'The team has as much as its quota allows' },
  'team-not-found': { status: 404, permanent: true, title: 'There is no team of that name' },
  'too-many-guesses': { status: 429, permanent: false, title: 'Too many wrong tokens came from this address' },
  'token-not-found': { status: 404, permanent: true, title: 'There is no token of that name' },
  'token-exists': { status: 409, permanent: true, title: 'There is, or was, a token of that name' },
  'host-refused': { status: 421, permanent: true, title: 'The request was meant for another host' },
  'not-found': { status: 404, permanent: true, title: 'There is nothing at this address' },
  'method-not-allowed': { status: 405, permanent: true, title: 'This address is not asked for that' },
  'request-timed-out': { status: 408, permanent: false, title: 'The request did not come to its end in time' },
  'headers-too-large': { status: 431, permanent: true, title: 'More bytes than a request may have before its body' },
  'unsupported-media-type': { status: 415, permanent: true, title: 'The content type of the body is not supported' },
  'task-not-found': { status: 404, permanent: true, title: 'There is no task of that id' },
  'pipeline-not-found': { status: 404, permanent: true, title: 'There is no pipeline of that id' },
  'deadletter-not-found': { status: 404, permanent: true, title: 'There is no dead letter of that number' },
  'artifact-not-found': { status: 404, permanent: true, title: 'The task has no such file, or it is no longer kept' },
  'file-exists': { status: 409, permanent: true, title: 'There is a file of that name already' },
  'ambiguous-id': { status: 409, permanent: true, title: 'More than one id begins with that' },
  'idempotency-conflict': { status: 409, permanent: true, title: 'The key was used for another request' },
  'task-already-over': { status: 409, permanent: true, title: 'The task has ended already' },
  'template-not-found': { status: 404, permanent: true, title: 'There is no template of that name and version' },
  'pipeline-already-over': { status: 409, permanent: true, title: 'The pipeline has ended already' },
  'pipeline-not-resumable': {
    status: 409,
    permanent: true,
    title: 'Only a pipeline that ended without success is resumed',
  },
  'not-answerable': { status: 409, permanent: true, title: 'The task waits for no answer of that kind' },
  'result-already-set': { status: 409, permanent: true, title: 'The result of the task is set already' },
  'child-refused': { status: 403, permanent: true, title: 'The task may not submit that task' },
  'limit-reached': {
    status: 429,
    permanent: true,
    title: 'The task has reached the limit of how often it may do that',
  },
  'answer-too-late': { status: 409, permanent: true, title: 'The deadline for an answer has passed' },
  'projection-behind': { status: 503, permanent: false, title: 'The projection has not caught up with the events' },
  'ssh-unreachable': { status: 503, permanent: false, title: 'No SSH server answered in time' },
  'ssh-host-key-mismatch': { status: 502, permanent: false, title: 'Another machine answered than the expected one' },
  'ssh-auth-failed': { status: 502, permanent: false, title: 'The machine refused the login key' },
  'ssh-lost': { status: 502, permanent: false, title: 'The connection to the machine ended before its answer' },
  'key-unusable': { status: 500, permanent: false, title: 'The login key of a machine is missing or not kept safely' },
  'machine-held': { status: 503, permanent: false, title: 'Another controller has the machine' },
  'guest-failed': { status: 502, permanent: false, title: 'The machine could not do what it was asked' },
  'identity-failed': { status: 502, permanent: false, title: 'A clone did not prove an identity of its own' },
  'qemu-too-old': { status: 500, permanent: true, title: 'QEMU is older than what clones need' },
  'kvm-required': {
    status: 500,
    permanent: true,
    title: 'This host may run VMs with KVM only, and has none that works',
  },
  'egress-unavailable': { status: 500, permanent: true, title: 'No network namespace can be made on this host' },
  'snapshot-failed': { status: 503, permanent: false, title: 'The image could not be booted and frozen' },
  'ledger-unreadable': { status: 500, permanent: true, title: 'A record of a machine cannot be read' },
  'vm-not-gone': { status: 500, permanent: false, title: 'Something of a machine could not be removed' },
  'vm-not-started': { status: 503, permanent: false, title: 'No machine could be made for the task' },
  'vm-lost': { status: 502, permanent: false, title: 'The machine ended, or could not be reached any more' },
  'no-vm-yet': { status: 409, permanent: false, title: 'The task has no machine at this moment' },
  'left-vm-gone': { status: 410, permanent: true, title: 'The machine that an earlier stage left is not there' },
  'secret-not-found': { status: 404, permanent: true, title: 'There is no secret of that name' },
  'invalid-secret': { status: 400, permanent: true, title: 'The value cannot be that of a secret' },
  'secret-unusable': { status: 400, permanent: true, title: 'A secret of the task is missing or not kept safely' },
  'runtime-not-found': { status: 400, permanent: true, title: 'The image declares no runtime of that name' },
  'setup-failed': { status: 400, permanent: false, title: 'A setup step of the task failed' },
  'process-not-started': { status: 400, permanent: true, title: 'The program of the task could not be executed' },
  'process-failed': { status: 400, permanent: false, title: 'The process ended with an error' },
  'process-lost': { status: 502, permanent: false, title: 'How the process ended is not known' },
  'out-of-memory': { status: 400, permanent: false, title: 'The process needed more memory than it may have' },
  'timed-out-queue': { status: 504, permanent: true, title: 'No machine was free for the task in time' },
  'timed-out-setup': { status: 504, permanent: true, title: 'The setup steps took longer than they may' },
  'timed-out-run': { status: 504, permanent: true, title: 'The process ran longer than it may' },
  'timed-out-total': { status: 504, permanent: true, title: 'The task as a whole took longer than it may' },
  'cancel-forced': { status: 504, permanent: true, title: 'Cancelling was not answered; the machine was removed' },
  'expression-failed': { status: 400, permanent: true, title: 'An expression of the pipeline has no value' },
  'too-many-items': { status: 400, permanent: true, title: 'A stage would run for more items than it may' },
  'needed-files-too-large': {
    status: 413,
    permanent: true,
    title: 'Needed stages left more files than a task is given',
  },
  'needed-result-gone': { status: 410, permanent: true, title: 'What a needed stage left behind is no longer kept' },
  'stage-failed': { status: 400, permanent: false, title: 'A stage of the pipeline failed' },
  rejected: { status: 400, permanent: true, title: 'Somebody rejected what the stage asked for' },
  'timed-out-answer': { status: 504, permanent: true, title: 'Nobody answered in time' },
  'artifacts-full': { status: 507, permanent: true, title: 'The store of files that tasks leave has no room' },
  'artifact-has-secret': { status: 400, permanent: true, title: 'A file of the task contains a secret of the task' },
  'artifact-refused': { status: 400, permanent: true, title: 'A file of the task cannot be collected' },
} as const satisfies Record<string, { status: number; permanent: boolean; title: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** True when trying the same thing again cannot help; a code that a newer version wrote is taken for such a one. */
export function isPermanent(code: string): boolean {
  return Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode].permanent : true;
}

/** How an error travels in events, logs and HTTP bodies: the code, and a sentence that says what to do. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The one error class of the project: a stable code, a sentence with the offending value, and the cause. */
export class VmTaskError extends Error {
  override readonly name = 'VmTaskError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  get info(): ErrorInfo {
    return { code: this.code, message: this.message };
  }
}

/** The error's code and sentence; anything that is not ours becomes `internal` with its own message. */
export function errorInfo(error: unknown): ErrorInfo {
  if (error instanceof VmTaskError) return error.info;
  return { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}
