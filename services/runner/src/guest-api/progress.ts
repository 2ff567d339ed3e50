/** `POST /v1/progress`: how far the task says that it is. */
import { progressSchema } from '@vm-task/shared/progress';
import type { GuestApiDeps, GuestApiServer } from './deps.ts';
import { parseBody } from './request.ts';

export function progressRoute(app: GuestApiServer, { progress, secrets }: GuestApiDeps): void {
  app.post('/v1/progress', async ({ body }, reply) => {
    const { text, ...said } = parseBody(body, progressSchema);
    progress.say(text === undefined ? said : { ...said, text: secrets.maskText(text) });
    return reply.code(204).send();
  });
}
