/** Commands about secrets: set, list, rm. A value comes from standard input and is never an argument. */
import type { SecretView } from '@vm-task/client/views';
import { readText } from '../input.ts';
import { print, printJson } from '../screen/print.ts';
import { startProgress } from '../screen/progress.ts';
import { startNote } from '../screen/start-note.ts';
import { table } from '../screen/table.ts';
import { askSecret } from './ask-secret.ts';
import type { Common } from './tasks.ts';

interface Owner {
  readonly team?: string;
}

interface NewSecretOptions extends Owner {
  readonly shared?: boolean;
}

export async function setSecret({ system, json }: Common, name: string, options: NewSecretOptions): Promise<void> {
  const value = process.stdin.isTTY ? await askSecret(`value of ${name}: `) : await fromInput();
  using progress = startProgress({ quiet: json });
  await system.up((what) => progress.update(startNote(what)));
  const { team, shared } = options;
  const secret = await system.client.secrets.set(name, value, { team, shared });
  if (json) return printJson(secret);
  const whose = secret.team === null ? (secret.shared ? ', shared with teams' : '') : ` of the team ${secret.team}`;
  print(`${secret.name}${whose}, version ${secret.version}: ${hostsOf(secret)}`);
}

/** As of a secret's file: one line end at the end is not part of the value. */
async function fromInput(): Promise<string> {
  return (await readText('-', 'invalid-secret')).replace(/\r?\n$/, '');
}

export async function listSecrets({ system, json }: Common, { team }: Owner): Promise<void> {
  const { secrets } = await system.client.secrets.list({ team });
  if (json) return printJson({ secrets });
  const rows = secrets.map((secret) => [
    secret.name,
    secret.team ?? (secret.shared ? 'shared' : '-'),
    secret.version,
    secret.setAt,
    hostsOf(secret),
  ]);
  print(table(['name', 'team', 'version', 'set at', 'hosts'], rows));
}

export async function removeSecret({ system, json }: Common, name: string, { team }: Owner): Promise<void> {
  const removed = await system.client.secrets.remove(name, { team });
  if (json) return printJson(removed);
  print(`removed ${removed.name}`);
}

function hostsOf({ name, team, shared, hosts }: Pick<SecretView, 'name' | 'team' | 'shared' | 'hosts'>): string {
  const options = `${team === null ? '' : ` --team ${team}`}${shared ? ' --shared' : ''}`;
  const of = (state: SecretView['hosts'][number]['state']) =>
    hosts.filter((host) => host.state === state).map((host) => host.name);
  const [has, lacks, absent, keyless] = [of('has'), of('lacks'), of('absent'), of('no-key')];
  return [
    ...(has.length > 0 ? [`encrypted for ${has.join(', ')}`] : []),
    ...(lacks.length > 0 ? [`${lacks.join(', ')} lacks it (./vm-task secret set ${name}${options})`] : []),
    ...(absent.length > 0 ? [`${absent.join(', ')} is left out, not heard of for 5 minutes`] : []),
    ...(keyless.length > 0 ? [`${keyless.join(', ')} has no key yet`] : []),
    ...(hosts.length === 0 ? ['no host is known yet; set it again once one is'] : []),
  ].join('; ');
}
