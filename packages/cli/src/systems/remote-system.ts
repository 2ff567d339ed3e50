/** A system on another machine, over HTTPS: its certificate is proved before anything is sent. */
import { type Ask, createClient } from '@vm-task/client/client';
import { askHttp } from '@vm-task/embedded/ask-http';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Remote } from './remote.ts';
import type { System } from './system.ts';

export function remoteSystem(remote: Remote): System {
  const { url, token } = remote;
  let hasAnswered = false;
  const fetch: Ask = async (to, init) => {
    try {
      const reply = await askRemote(remote, to, init);
      hasAnswered = true;
      return reply;
    } catch (error) {
      if (init.signal?.aborted === true) throw error;
      throw new VmTaskError('not-up', whyNot(remote, error as NodeJS.ErrnoException), { cause: error });
    }
  };
  return {
    // What has never answered is not waited for: more likely its address is wrong.
    client: createClient({ url, token }, { fetch, isComingBack: () => hasAnswered }),
    up: async () => undefined,
    poolNote: () => null,
  };
}

const askRemote = async ({ ca }: Remote, to: URL, init: Parameters<Ask>[1]): ReturnType<Ask> => {
  if (to.protocol === 'http:') return await askHttp(to, init);
  const { askHttps } = await import('@vm-task/embedded/ask-https');
  return await askHttps(ca)(to, init);
};

function whyNot({ url, ca }: Remote, { message, code = '' }: NodeJS.ErrnoException): string {
  const text = `${url} does not answer: ${message}`;
  if (!/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_)/.test(code)) return text;
  const fix =
    ca === null
      ? 'give the certificate of its authority with VM_TASK_CA or login --ca'
      : 'its authority is another one';
  return `${text} (${code}); ${fix}`;
}
