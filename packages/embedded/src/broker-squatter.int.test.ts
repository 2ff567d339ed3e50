/** Somebody else sits where the broker listened until it ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readBrokerAddress } from '@vm-task/bus/credentials';
import { issueAuthority, issueCertificate, newKey } from '@vm-task/certificates/issue';
import { eventually } from '@vm-task/testing/conditions';
import { needs } from '@vm-task/testing/needs';
import { dyingWithUs } from '@vm-task/testing/processes';
import { startSquatter } from '@vm-task/testing/squatter';
import { makeTempFolder } from '@vm-task/testing/temp-folder';
import { expect, test } from 'vitest';
import { type EmbeddedBroker, startEmbedded } from '../test/embedded-broker.ts';
import { createHomeClient } from './home-client.ts';
import { makeHttpToken } from './http-token.ts';
import { serviceMain } from './repository.ts';
import { serviceArguments } from './service-command.ts';

const plainInfo = { server_id: 'N', version: '2.15.1', proto: 1, headers: true, max_payload: 8_388_608, nonce: 'abc' };

/** As the home's own, by somebody who has not its authority's key. */
async function foreignPem(): Promise<string> {
  const [authorityKey, key] = [newKey(), newKey()];
  const validity = { days: 10, now: new Date() };
  const authority = { key: authorityKey, certificate: await issueAuthority(authorityKey, 'vm-task', validity) };
  const names = ['localhost', '127.0.0.1', '::1'];
  return `${await issueCertificate(authority, key, names, validity)}${key}`;
}

async function startIntake({ home }: EmbeddedBroker) {
  makeHttpToken(home);
  writeFileSync(home.config, 'http: { port: 0 }');
  const program = dyingWithUs(process.execPath, ...serviceArguments(serviceMain('intake'), home));
  const intake = spawn(...program, { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = once(intake, 'exit');
  let said = '';
  intake.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  await once(intake.stdout, 'data');
  return {
    said: () => said,
    async [Symbol.asyncDispose]() {
      intake.kill('SIGTERM');
      await gone;
    },
  };
}

needs.root(test)(
  'a service tells whoever took the port of its broker nothing, and goes on when that is back',
  async () => {
    await using folder = await makeTempFolder('squatter');
    await using server = await startEmbedded(folder.path);
    await using intake = await startIntake(server);
    const client = createHomeClient(server.home);
    const comeBack = await server.leave();
    const port = Number(new URL(server.url).port);
    const greeting = `INFO ${JSON.stringify(plainInfo)}\r\n`;
    const secureGreeting = greeting.replace('{', '{"tls_required":true,');
    const manners = [
      { squats: { greeting }, reason: "server does not support 'tls'" },
      {
        squats: { greeting: secureGreeting, pem: await foreignPem() },
        reason: 'unable to verify the first certificate',
      },
    ];
    for (const { squats, reason } of manners) {
      await using squatter = await startSquatter(port, squats);
      await expect(server.connect('intake')).rejects.toThrow(reason);
      const isDialled = () => squatter.heard().split('<connected>').length > 3;
      await eventually(isDialled, { what: 'intake has dialled it, too' });
      const heard = squatter.heard();
      const { login } = readBrokerAddress(server.home, 'intake') as { login: () => { jwt: string } };
      for (const secret of ['CONNECT', 'PING', 'SUB ', login().jwt]) expect(heard).not.toContain(secret);
    }
    expect(intake.said()).toContain('the connection to NATS is lost');
    await comeBack();
    await eventually(() => client.tasks.submit({ run: 'true' }, 'key'), { what: 'a task is taken', limitMs: 60_000 });
    await eventually(() => intake.said().includes('connected to NATS again'), { what: 'it says so' });
  },
);
