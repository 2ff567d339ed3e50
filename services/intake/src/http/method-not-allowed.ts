/** Requests that no route takes: of an address that there is, with what it may be asked for; else of none. */
import { allRoutes } from '@vm-task/api/api';
import { VmTaskError } from '@vm-task/shared/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** The error of such a request; `Allow` is set where the address has other methods. */
export function notServed({ method, url }: FastifyRequest, reply: FastifyReply): VmTaskError {
  const [path = ''] = url.split('?');
  const allowed = methodsOf(path);
  if (allowed.length === 0) return new VmTaskError('not-found', `there is no ${method} ${url}; see /openapi.json`);
  const allow = allowed.join(', ');
  reply.header('allow', allow);
  return new VmTaskError('method-not-allowed', `${path} has no ${method}; it has ${allow}`);
}

function methodsOf(path: string): string[] {
  const methods = allRoutes.filter((route) => matches(route.path, path)).map(({ method }) => method as string);
  // Whatever can be read can be asked for its headers alone.
  return [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort();
}

function matches(pattern: string, path: string): boolean {
  const steps = pattern.split('/');
  const given = path.split('/');
  const isRest = steps.at(-1) === '*';
  if (isRest ? given.length < steps.length : given.length !== steps.length) return false;
  return steps.every((step, at) => step === '*' || step === given[at] || (step.startsWith(':') && given[at] !== ''));
}
