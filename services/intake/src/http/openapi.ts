/** `GET /openapi.json`: the API described by the schemas that its routes check. */
import swagger from '@fastify/swagger';
import { jsonSchema } from '@vm-task/shared/json';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { App } from './server.ts';

// A schema that contains itself can be described by its name only.
z.globalRegistry.add(jsonSchema, { id: 'Json' });

/** Describes every route that is added afterwards. */
export async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'vm-task',
        version: '1',
        description: 'Tasks in virtual machines. Errors are RFC 9457 documents.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
