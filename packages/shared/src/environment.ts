/** The few environment variables there are. This is the one file that reads `process.env`. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { VmTaskError } from './errors.ts';
import { type Cache, cacheAt, type Home, homeAt } from './home.ts';

export interface Environment {
  readonly home: Home;
  readonly cache: Cache;
  /** Set: traces and metrics are exported there (OTLP). */
  readonly otlpEndpoint: string | null;
  readonly logLevel: string;
}

/** What the environment says. An option on the command line (`homeOption`) wins over `VM_TASK_HOME`. */
export function readEnvironment(homeOption?: string): Environment {
  const env = process.env;
  const home = absolute('VM_TASK_HOME', homeOption ?? env['VM_TASK_HOME'] ?? join(homedir(), '.vm-task'));
  const cacheBase = env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const cache = absolute('VM_TASK_CACHE', env['VM_TASK_CACHE'] ?? join(cacheBase, 'vm-task'));
  return Object.freeze({
    home: homeAt(home),
    cache: cacheAt(cache),
    otlpEndpoint: env['OTEL_EXPORTER_OTLP_ENDPOINT'] || null,
    logLevel: env['VM_TASK_LOG_LEVEL'] ?? 'info',
  });
}

/** Which system the command line speaks to, as far as the environment says. */
export interface ClientEnvironment {
  /** `VM_TASK_URL`: a system that is reached over HTTP. */
  readonly url: string | null;
  readonly token: string | null;
  /** `VM_TASK_CA`: the file with the certificate that the system's own has to lead to. */
  readonly ca: string | null;
  /** `VM_TASK_HOME` is another one than the usual, which `./vm-task` itself sets. */
  readonly isHomeNamed: boolean;
  /** Where `vm-task login` keeps systems. */
  readonly contexts: string;
}

export function readClientEnvironment(): ClientEnvironment {
  const env = process.env;
  const home = env['VM_TASK_HOME'];
  return {
    url: env['VM_TASK_URL'] || null,
    token: env['VM_TASK_TOKEN'] || null,
    ca: env['VM_TASK_CA'] || null,
    isHomeNamed: home !== undefined && resolve(home) !== join(homedir(), '.vm-task'),
    contexts: join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'vm-task', 'contexts.json'),
  };
}

/** The environment of a program that is started: this process's own, with `more` on top. */
export function childEnvironment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...more };
}

/** A home is named on command lines and in QEMU's options, so it must be plain: absolute, no control characters. */
function absolute(name: string, path: string): string {
  const full = isAbsolute(path) ? resolve(path) : resolve(process.cwd(), path);
  if (/\p{Cc}/u.test(full)) {
    throw new VmTaskError('invalid-config', `${name} has a control character: ${JSON.stringify(full)}`);
  }
  return full;
}
