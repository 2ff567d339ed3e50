/**
 * The HTTP API for programs: one method for each question, live answers as iterators, for Node and browsers.
 *
 * | file | role |
 * |---|---|
 * | `tasks.ts`, `pipelines.ts`, `templates.ts`, `inbox.ts`, `dead-letters.ts`, `secrets.ts`, `tokens.ts`, `teams.ts`, `audit.ts` | the questions, by subject |
 * | `keyed.ts` | submissions that may be repeated |
 * | `http.ts` | a route of the contract, asked |
 * | `request.ts`, `event-stream.ts` | one request; server-sent events over broken connections |
 * | `read.ts`, `reader-of.ts`, `as-data.ts`, `views.ts` | answers of this version and later ones |
 */
import { routes } from '@vm-task/api/api';
import { auditMethods } from './audit.ts';
import { deadLetterMethods } from './dead-letters.ts';
import { createHttp } from './http.ts';
import { inboxMethods } from './inbox.ts';
import { pipelineMethods } from './pipelines.ts';
import type { Address, Ask, Reply, RequestOptions } from './request.ts';
import { secretMethods } from './secrets.ts';
import { taskMethods } from './tasks.ts';
import { teamMethods } from './teams.ts';
import { templateMethods } from './templates.ts';
import { tokenMethods } from './tokens.ts';

const { hosts, pools, system } = routes;

export type { Ask, Reply };

export type Client = ReturnType<typeof createClient>;

/** A function is asked for the address before each request. Without `isComingBack` nothing is asked twice. */
export function createClient(address: Address | (() => Address | Promise<Address>), options: Options = {}) {
  const http = createHttp({
    address: typeof address === 'function' ? address : () => address,
    isComingBack: () => false,
    fetch: (input, init) => fetch(input, init),
    ...options,
  });
  const { ask } = http;
  return {
    tasks: taskMethods(http),
    pipelines: pipelineMethods(http),
    templates: templateMethods(http),
    inbox: inboxMethods(http),
    deadLetters: deadLetterMethods(http),
    tokens: tokenMethods(http),
    teams: teamMethods(http),
    audit: auditMethods(http),
    pools: { list: () => ask(pools.list) },
    secrets: secretMethods(http),
    hosts: { list: () => ask(hosts.list) },
    system: {
      health: () => ask(system.health),
      ready: () => ask(system.ready),
      /** As Prometheus reads them. */
      metrics: async () => (await http.fetch(system.metrics)).text(),
      /** The API as OpenAPI describes it. */
      description: (signal?: AbortSignal) => ask(system.description, { signal }),
    },
  };
}

type Options = Partial<Omit<RequestOptions, 'address'>>;
