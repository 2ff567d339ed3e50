/**
 * The way out for guests that reach some names and nothing else: a resolver (dnsmasq) that knows these names alone, and a proxy
 * (HAProxy). Each name has an address of its own, which leads to the proxy. There a connection has to say the name that it was
 * opened for: TLS by its SNI on 443, HTTP by its Host on 80. The proxy then asks the host's resolver for the name itself.
 * On another port nothing is said, so a connection goes to the name that the address stands for.
 */
import { parseTarget, type Target } from '@vm-task/shared/egress';
import { hostResolver } from './pasta.ts';

/** Of the proxy and the resolver in the namespace between the guest's and the host's, and of the guest's end. */
export const link = { gate: '192.0.2.9', guest: '192.0.2.10', mask: 30 } as const;

/** The addresses of names: from a range for benchmarks (RFC 2544), which no guest reaches otherwise. */
export const nameRange = '198.18.0.0/24';

/** Connections of one VM at once, which bounds the memory of its proxy. */
const maxConnections = 512;

export const proxyConfig = 'proxy.cfg';
export const resolverConfig = 'resolver.cfg';
export const reportSocket = 'report.sock';

interface Entry extends Target {
  readonly address: string;
}

/** One for each target, in its order: `t0`, `t1` in the proxy's report. */
function entriesOf(allow: readonly string[]): Entry[] {
  const targets = allow.map(parseTarget);
  const names = [...new Set(targets.map(domainOf))];
  return targets.map((target) => ({ ...target, address: `198.18.0.${names.indexOf(domainOf(target)) + 1}` }));
}

function domainOf({ name, isWildcard }: Target): string {
  return isWildcard ? `*.${name}` : name;
}

export function resolverText(allow: readonly string[]): string {
  const record = ({ name, isWildcard, address }: Entry) =>
    isWildcard ? `address=/${name}/${address}` : `host-record=${name},${address}`;
  const base = [
    'user=',
    'group=',
    'no-resolv',
    'no-hosts',
    'no-poll',
    'bind-interfaces',
    'cache-size=0',
    `listen-address=${link.gate}`,
  ];
  return `${[...base, ...new Set(entriesOf(allow).map(record))].join('\n')}\n`;
}

export function proxyText(allow: readonly string[]): string {
  return `global
  maxconn ${maxConnections}
  stats socket unix@${reportSocket} mode 600 level user
defaults
  mode tcp
  timeout connect 30s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
resolvers host
  nameserver host ${hostResolver}:53
  accepted_payload_size 4096
  resolve_retries 3
  timeout resolve 1s
  timeout retry 2s
${entriesOf(allow).map(entryText).join('')}`;
}

function entryText(entry: Entry, index: number): string {
  const { port, address } = entry;
  const mode = port === 80 ? 'http' : 'tcp';
  const rules = port === 80 ? httpRules(entry) : port === 443 ? tlsRules(entry) : plainRules(entry);
  return `frontend t${index}
  mode ${mode}
  bind ${address}:${port}
${rules.map((rule) => `  ${rule}\n`).join('')}  default_backend t${index}
backend t${index}
  mode ${mode}
  server named 0.0.0.0:${port}
`;
}

function isNamed({ name, isWildcard }: Target): string {
  return isWildcard ? `-m end .${name}` : `-m str ${name}`;
}

/** The name is asked for where it was said; the address that it has then is the one that is dialled. */
function dial(keyword: string, refuse: string, said: string): string[] {
  return [
    `${keyword} do-resolve(txn.address,host,ipv4) ${said}`,
    `${keyword} ${refuse} unless { var(txn.address) -m found }`,
    `${keyword} set-dst var(txn.address)`,
  ];
}

function tlsRules(target: Target): string[] {
  const said = 'req.ssl_sni,lower';
  return [
    'tcp-request inspect-delay 30s',
    `tcp-request content reject unless { req.ssl_hello_type 1 } { ${said} ${isNamed(target)} }`,
    ...dial('tcp-request content', 'reject', said),
  ];
}

function httpRules(target: Target): string[] {
  const said = 'req.hdr(host),field(1,:),lower';
  return [
    'http-request deny if METH_CONNECT',
    'http-request deny unless { url_beg / }',
    'http-request deny unless { req.hdr_cnt(host) eq 1 }',
    `http-request deny unless { ${said} ${isNamed(target)} }`,
    ...dial('http-request', 'deny', said),
  ];
}

function plainRules({ name }: Target): string[] {
  return ['tcp-request inspect-delay 30s', ...dial('tcp-request content', 'reject', `str(${name})`)];
}
