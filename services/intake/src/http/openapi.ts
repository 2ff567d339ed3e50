/** `GET /openapi.json`: the API described by the schemas that its routes check. The same is committed as `docs/openapi.json`. */
import swagger from '@fastify/swagger';
import { allRoutes } from '@vm-task/api/api';
import { systemRoutes } from '@vm-task/api/system';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { nameSchemas, withComponents } from './openapi-components.ts';
import { serve } from './serve.ts';
import { type App, createServer } from './server.ts';

/** Describes every route that is added afterwards. */
export async function describeApi(app: App): Promise<void> {
  nameSchemas();
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'vm-task',
        version: '1',
        description:
          'Tasks in virtual machines. Errors are RFC 9457 documents. Within /v1 answers only ever gain members.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: withComponents,
  });
  serve(app, systemRoutes.description, async () => ({ ...app.swagger() }));
}

/** The description without a system behind it. */
export async function describedApi(): Promise<object> {
  const app = createServer();
  await describeApi(app);
  for (const route of allRoutes.filter(({ path }) => path !== systemRoutes.description.path)) {
    serve(app, route, () => Promise.reject(new Error('nothing is served here')));
  }
  await app.ready();
  return app.swagger();
}
