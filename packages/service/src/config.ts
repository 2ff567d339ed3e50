/**
 * Configuration: `vm-task.yaml` of the home. Everything has a default; what is wrong stops a service at start with a
 * sentence that names it.
 */

import { readFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';
import { type Drivers, knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import type { Pools } from '@vm-task/hypervisor/pool-config';
import { durationSchema } from '@vm-task/shared/durations';
import { VmTaskError } from '@vm-task/shared/errors';
import type { Home } from '@vm-task/shared/home';
import { manualPool } from '@vm-task/shared/ids';
import { nameSchema } from '@vm-task/shared/names';
import { quotasSchema } from '@vm-task/shared/quotas';
import { explainIssues } from '@vm-task/shared/unknown-keys';
import { requireUtf8 } from '@vm-task/shared/utf8';
import { parseYaml } from '@vm-task/shared/yaml-text';
import { z } from 'zod';

const webhookSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be an address that begins with https:// or http://' }),
  /** The file in the home's secrets with the signing key: 24 to 64 bytes in base64, with or without "whsec_". */
  secret: nameSchema,
  /** Addresses that are not public and may be posted to all the same, as ranges such as 10.1.2.0/24. */
  allow: z.array(z.union([z.cidrv4(), z.cidrv6()])).default([]),
  /** An alert that has not been taken for so long becomes a dead letter. */
  retryFor: durationSchema.prefault('24h'),
});
export type WebhookConfig = Readonly<z.infer<typeof webhookSchema>>;

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));

const isAnyAddress = (host: string) => host === '0.0.0.0' || host === '::';

const httpSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1'),
    port: z.int().min(0).max(65_535).default(7788),
    /**
     * True: a certificate that the authority of the home signs. Or one of one's own with all that it leads to, and its
     * private key: files, as PEM; a relative path is one in the home.
     */
    tls: z.union([z.literal(true), z.strictObject({ cert: z.string().min(1), key: z.string().min(1) })]).optional(),
    /** Host names and addresses by which others reach this machine: the certificate of the home's authority is for them. */
    names: z
      .array(z.union([z.hostname(), z.ipv4(), z.ipv6()]))
      .max(32)
      .optional(),
  })
  .superRefine(({ host, tls, names }, context) => {
    if (names !== undefined && tls !== true) {
      const message = 'are for http.tls: true; a certificate of your own has its names';
      context.addIssue({ code: 'custom', path: ['names'], message });
    }
    if (tls === true && isAnyAddress(host) && names === undefined) {
      const message = `must say by which names or addresses others reach this machine, because http.host is ${host}`;
      context.addIssue({ code: 'custom', path: ['names'], message });
    }
    // The token goes over this connection: in the clear only where this machine is at the other end.
    if (tls !== undefined || isLoopback(host)) return;
    const message = 'must be an address of the loopback while http.tls names no certificate';
    context.addIssue({ code: 'custom', path: ['host'], message });
  });
export type HttpTls = NonNullable<z.infer<typeof httpSchema>['tls']>;

/** Of one team. */
const teamSchema = z.strictObject({
  /** Nobody answers a stage of a pipeline that they have submitted. */
  approvals: z.enum(['strict']).optional(),
  quotas: quotasSchema.prefault({}),
});

/** What the certificate of HTTP has to be for besides the loopback; null where the home's authority signs none. */
export function certifiedNames({ http: { tls, host, names = [] } }: Pick<SystemConfig, 'http'>): string[] | null {
  if (tls !== true) return null;
  return isAnyAddress(host) ? names : [host, ...names];
}

const serverSchema = z.string().superRefine((text, context) => {
  const message = complaintAbout(text);
  if (message !== null) context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} ${message}` });
});

function complaintAbout(server: string): string | null {
  const url = URL.parse(server);
  const isServer = url !== null && ['nats:', 'tls:'].includes(url.protocol) && url.hostname !== '';
  if (!isServer || url.href !== `${url.protocol}//${url.host}`) return 'must be as tls://nats.example:4222';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'nats:') {
    return isLoopback(host) ? null : 'must begin with tls://: off this machine nothing goes in the clear';
  }
  return isIP(host) === 0 ? null : 'must have the name of the server, which its certificate is for';
}

const natsSchema = z
  .strictObject({
    /** Of the server that `up` starts. */
    port: z.int().min(0).max(65_535).default(4222),
    /** Servers of somebody else: `up` starts none then. */
    servers: z.array(serverSchema).min(1).max(16).optional(),
    /** What their certificates lead to: a file, as PEM; a relative path is one in the home. By default the authorities that Node knows. */
    ca: z.string().min(1).optional(),
  })
  .superRefine(({ servers = [], ca }, context) => {
    const isSecure = servers.map((server) => server.startsWith('tls://'));
    if (new Set(isSecure).size > 1) {
      context.addIssue({ code: 'custom', path: ['servers'], message: 'must all begin with tls://, or none of them' });
    }
    if (ca !== undefined && isSecure[0] !== true) {
      context.addIssue({ code: 'custom', path: ['ca'], message: 'is for servers that begin with tls://' });
    }
  });

/** What has nothing to do with pools. */
const settings = {
  host: z
    .strictObject({
      /** VMs of all pools at once on one host. */
      maxVms: z.int().min(1).max(4_096).default(16),
      /** Frozen machines kept in the cache; the least recently used goes first. */
      maxSnapshots: z.int().min(1).max(256).default(8),
      /** Started as root, the VM in slot n runs as this uid plus n: a range that belongs to nobody else. */
      uidBase: z.int().min(1_000).max(4_294_000_000).default(1_879_048_192),
      /** No clone is made where guests do not run with KVM, because without it QEMU promises no isolation. */
      requireKvm: z.boolean().default(false),
    })
    .prefault({}),
  egress: z
    .strictObject({
      /** Where no VM may go, whatever its egress: addresses and ranges, such as 203.0.113.0/24. */
      deny: z
        .array(z.union([z.cidrv4(), z.ipv4()]))
        .max(256)
        .default([]),
    })
    .prefault({}),
  http: httpSchema.prefault({}),
  nats: natsSchema.prefault({}),
  runner: z
    .strictObject({
      /** Tasks that one runner works on at once. */
      maxTasks: z.int().min(1).max(1_024).default(32),
    })
    .prefault({}),
  cancel: z
    .strictObject({
      /** From SIGTERM to SIGKILL. */
      grace: durationSchema.prefault('10s'),
    })
    .prefault({}),
  alerts: z
    .strictObject({
      /** Whose inbox every alert goes to. */
      to: z.array(nameSchema).max(16).default(['operators']),
      /** By name; every alert is posted to each of them. */
      webhooks: z.record(nameSchema, webhookSchema).default({}),
    })
    .prefault({}),
  inbox: z
    .strictObject({
      /** A message goes by itself so long after it was sent, by its priority. */
      keep: z
        .strictObject({
          urgent: durationSchema.prefault('7d'),
          normal: durationSchema.prefault('48h'),
          info: durationSchema.prefault('24h'),
        })
        .prefault({}),
    })
    .prefault({}),
  /** By name. */
  teams: z.record(nameSchema, teamSchema).default({}),
  reaper: z
    .strictObject({
      sweep: durationSchema.prefault('5s'),
      /** What carries our mark and is known to nobody lives this long: its owner may be just about to write it down. */
      orphanGrace: durationSchema.prefault('30s'),
      /** The events of a task, its VMs and its pipeline are kept so long after the end: of the pipeline, if it is a part of one. */
      retention: durationSchema.prefault('30d'),
      /** So many tasks are kept, the newest, beside those that live and what belongs to pipelines that are kept; without it any number. */
      maxTasks: z.int().min(1).optional(),
    })
    .prefault({}),
};

function schemaFor(drivers: Drivers) {
  return z
    .strictObject({
      defaultPool: nameSchema.default('default'),
      pools: z.record(nameSchema, drivers.poolSchema).prefault({ default: {} }),
      ...settings,
    })
    .superRefine(checkPools);
}

interface ConfiguredPools {
  readonly defaultPool: string;
  readonly pools: Pools;
}

function checkPools(config: ConfiguredPools, context: z.RefinementCtx): void {
  if (!Object.hasOwn(config.pools, config.defaultPool)) {
    const known = Object.keys(config.pools).join(', ');
    context.addIssue({
      code: 'custom',
      path: ['defaultPool'],
      message: `"${config.defaultPool}" is none of ${known}`,
    });
  }
  if (Object.hasOwn(config.pools, manualPool)) {
    const message = 'is reserved for tasks that people answer; call the pool something else';
    context.addIssue({ code: 'custom', path: ['pools', manualPool], message });
  }
  for (const [name, pool] of Object.entries(config.pools)) {
    if (pool.warm > pool.max) {
      context.addIssue({
        code: 'custom',
        path: ['pools', name, 'warm'],
        message: `${pool.warm} is more than max, ${pool.max}`,
      });
    }
  }
}

export interface SystemConfig extends Readonly<z.infer<ReturnType<typeof schemaFor>>> {
  /** Every driver that a pool may be of: what its pools and its VMs are is asked there. */
  readonly drivers: Drivers;
  /** What it was read from: YAML. */
  readonly text: string;
}

/** The configuration in `text` (YAML). @throws `invalid-config` with every key that is wrong. */
export function parseConfig(text: string, source: string, drivers: Drivers = knownDrivers): SystemConfig {
  const schema = schemaFor(drivers);
  const parsed = schema.safeParse(parseYaml(text, source, 'invalid-config') ?? {});
  if (parsed.success) return Object.freeze({ ...parsed.data, drivers, text });
  throw new VmTaskError('invalid-config', `${source}: ${explainIssues(parsed.error, schema)}`);
}

/** The configuration in the file that is named; without that file, the defaults. */
export function loadConfig(home: Pick<Home, 'config'>, drivers: Drivers = knownDrivers): SystemConfig {
  return parseConfig(readConfigText(home), home.config, drivers);
}

/** Empty where there is no file. */
export function readConfigText({ config }: Pick<Home, 'config'>): string {
  try {
    return requireUtf8(readFileSync(config), config, 'invalid-config');
  } catch (error) {
    if (error instanceof VmTaskError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new VmTaskError('invalid-config', `${config} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
