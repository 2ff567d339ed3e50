/** `POST /v1/progress`: how far the task says that it is. */
import { progressSchema } from '@vm-task/shared/progress';
import type { InsideApp, InsideDeps } from './deps.ts';
import { parseBody } from './request.ts';

export function progressRoute(app: InsideApp, { progress, secrets }: InsideDeps): void {
  app.post('/v1/progress', async ({ body }, reply) => {
    const { text, ...said } = parseBody(body, progressSchema);
    progress.say(text === undefined ? said : { ...said, text: secrets.maskText(text) });
    return reply.code(204).send();
  });
}
