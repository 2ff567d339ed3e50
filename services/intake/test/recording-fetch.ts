/** What intake answers, as it sends it, beside what a client makes of it. */
import { allRoutes } from '@vm-task/api/api';
import { endEvent, eventStreamType } from '@vm-task/api/live';
import type { Route } from '@vm-task/api/route';

export interface Message {
  readonly event: string;
  readonly data: unknown;
}

export interface Exchange {
  readonly route: Route;
  /** The JSON of a success; undefined for all else. */
  readonly json: unknown;
  /** Of a live answer, the events that were read. */
  readonly messages: readonly Message[];
}

export interface Recorder {
  readonly fetch: typeof fetch;
  readonly exchanges: readonly Exchange[];
}

export function recordExchanges(): Recorder {
  const exchanges: Exchange[] = [];
  return {
    exchanges,
    async fetch(input, init) {
      const headers = { ...Object.fromEntries(new Headers(init?.headers)), connection: 'close' };
      const response = await fetch(input, { ...init, headers });
      if (!response.ok) return response;
      const route = routeOf(init?.method ?? 'GET', new URL(String(input)).pathname);
      if (response.headers.get('content-type')?.startsWith(eventStreamType) !== true || response.body === null) {
        const json = route.answer === undefined ? undefined : await response.clone().json();
        exchanges.push({ route, json, messages: [] });
        return response;
      }
      const messages: Message[] = [];
      exchanges.push({ route, json: undefined, messages });
      return new Response(response.body.pipeThrough(tap(messages)), response);
    },
  };
}

/** @throws when there is no such route in the contract */
function routeOf(method: string, path: string): Route {
  const found = allRoutes.find(
    (route) =>
      route.method === method && new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+').replace('*', '.+')}$`).test(path),
  );
  if (found === undefined) throw new Error(`${method} ${path} is no route`);
  return found;
}

/** Lets everything through; `messages` gets each server-sent event that has passed. */
function tap(messages: Message[]): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  let text = '';
  return new TransformStream({
    transform(bytes, controller) {
      text += decoder.decode(bytes, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/m.exec(block) ?? [];
        if (event !== undefined && event !== endEvent) messages.push({ event, data: JSON.parse(data ?? '') });
      }
      controller.enqueue(bytes);
    },
  });
}
