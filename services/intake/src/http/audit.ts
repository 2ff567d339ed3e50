/** `/v1/audit`: who did what, in pages and live. */
import { type AuditEntryView, auditRoutes as routes } from '@vm-task/api/audit';
import type { Sent } from '@vm-task/api/live';
import { type AuditEntry, auditSeqBefore, followAuditRecords, listAuditRecords } from '@vm-task/bus/audit-log';
import { serve } from './serve.ts';
import type { App, HttpDeps } from './server.ts';
import { sendMessages, wantsEventStream } from './sse.ts';

export function auditRoute(app: App, { bus, stop }: HttpDeps): void {
  const seqBefore = async (sinceMs: number | undefined) => {
    if (sinceMs === undefined) return 0;
    const now = await bus.now();
    return auditSeqBefore(bus.connection, new Date(now.getTime() - sinceMs));
  };
  serve(app, routes.list, async (request, reply) => {
    const { since, after, limit, ...filter } = request.query;
    const from = Math.max(after, request.headers['last-event-id'], await seqBefore(since));
    if (wantsEventStream(request.raw)) {
      return sendMessages(reply, stop, (signal) => asEvents(followAuditRecords(bus.connection, filter, from, signal)));
    }
    const { entries, next } = await listAuditRecords(bus.connection, filter, { after: from, limit });
    return { records: entries.map(viewOf), next };
  });
}

async function* asEvents(entries: AsyncIterable<AuditEntry>): AsyncGenerator<Sent<typeof routes.list>, void, void> {
  for await (const entry of entries) yield { id: entry.seq, event: 'record', data: viewOf(entry) };
}

function viewOf({ seq, record: { v: _v, ...said } }: AuditEntry): AuditEntryView {
  return { seq, ...said };
}
