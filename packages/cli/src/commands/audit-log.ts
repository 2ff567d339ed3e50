/** `vm-task audit-log`: who did what over HTTP. */
import type { AuditEntryView } from '@vm-task/client/views';
import { shorten } from '../screen/plain-text.ts';
import { note, print, printJson, printJsonLine } from '../screen/print.ts';
import { table } from '../screen/table.ts';
import { readPages } from '../short-pages.ts';
import type { Common } from './tasks.ts';

export interface AuditLogOptions {
  readonly since: string;
  readonly who?: string;
  readonly about?: string;
  readonly after?: string;
  readonly limit?: string;
}

const usualLimit = 200;

export async function listAuditLog({ system, json }: Common, options: AuditLogOptions): Promise<void> {
  const { found: records, next } = await readPages(options, usualLimit, async ({ after, limit }) => {
    const page = await system.client.audit.list({
      ...queryOf(options),
      ...(after === undefined ? {} : { after }),
      limit,
    });
    return { found: page.records, next: page.next };
  });
  if (json) return printJson({ records, next });
  if (records.length === 0)
    note(`nothing of that is recorded for the last ${options.since}; --since looks further back`);
  else print(table(['at', 'who', 'team', 'act', 'about', 'from', 'status'], records.map(rowOf)));
  if (next === null) return;
  const same = (['since', 'who', 'about', 'limit'] as const).flatMap((name) =>
    options[name] === undefined ? [] : [`--${name} ${options[name]}`],
  );
  print(`\nmore: vm-task audit-log ${same.join(' ')} --after ${next}`);
}

/** Prints what is there and what comes, until the command is ended. */
export async function followAuditLog({ system, json }: Common, options: AuditLogOptions): Promise<void> {
  const { signal } = new AbortController();
  for await (const record of system.client.audit.follow(queryOf(options), signal)) {
    if (json) printJsonLine(record);
    else
      print(
        rowOf(record)
          .map((cell) => shorten(String(cell ?? '-'), 200))
          .join('  '),
      );
  }
}

function queryOf({ since, who, about, after }: AuditLogOptions) {
  return { since, who, about, after };
}

function rowOf({ at, who, act, about, from, outcome }: AuditEntryView): (string | number | null)[] {
  const things = about.map(({ kind, id }) => `${kind} ${id}`).join(', ');
  return [at, who?.name ?? '(unknown)', who?.team ?? null, act, things === '' ? null : things, from, outcome];
}
