import { join } from 'node:path';
import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendMachines, type Machines } from './machines.ts';
import { lendRunningSystem, repositoryRoot, type TestSystem } from './system.ts';
import type { Audit, Status } from './views.ts';

const example = join(repositoryRoot, 'examples/spam-domain-review.yaml');

/** What the machines' owners have there: each takes its result from its inputs, and waits while it is held. */
const hops = [
  { machine: 'finder', program: 'find-spam-domains', work: `printf '["免费现金.example","win-win.example"]'` },
  { machine: 'database', program: 'check-domains', work: extract('domains', '{"found":\\1,"database":"生产库"}') },
  {
    machine: 'reviewer',
    program: 'review-domains',
    work: extract('found', '{"delete":\\1,"reason":"确实是垃圾域名"}'),
  },
  { machine: 'finder', program: 'delete-domains', work: extract('delete', '{"deleted":\\1,"status":"已全部删除"}') },
] as const;

function extract(key: string, to: string): string {
  return `sed 's/.*"${key}":\\(\\[[^]]*\\]\\).*/${to}/' "$VM_TASK_INPUTS"`;
}

const domains = ['免费现金.example', 'win-win.example'];
const results = [
  ['find', domains],
  ['check', { found: domains, database: '生产库' }],
  ['review', { delete: domains, reason: '确实是垃圾域名' }],
  ['delete', { deleted: domains, status: '已全部删除' }],
];

interface Shown {
  readonly id: string;
  readonly outcome: string | null;
  readonly stages: readonly {
    readonly name: string;
    readonly runs: readonly { readonly task: { result: unknown } }[];
  }[];
}

/** The system ends before the machines that it knows. */
const lent = new AsyncDisposableStack();
let machines: Machines;
let system: TestSystem;

beforeAll(async () => {
  machines = lent.use(
    await lendMachines(['finder', 'database', 'reviewer'], { cpus: 1, memoryMiB: 384, diskMiB: 2048 }),
  );
  for (const { machine, program, work } of hops) {
    const text = `#!/bin/sh
echo begun >> /root/${program}.ran
while [ -e /root/${program}.held ]; do sleep 0.1; done
${work} > "$VM_TASK_RESULT"
`;
    const path = `/usr/local/bin/${program}`;
    await machines.ssh(machine, `cat > ${path} <<'END'\n${text}END\nchmod +x ${path}`);
  }
  system = lent.use(await lendRunningSystem({ pools: { default: { warm: 0 }, ...machines.pools } }));
});

afterAll(() => lent.disposeAsync());

const timesRun = async (machine: string, program: string) =>
  Number(await machines.ssh(machine, `cat /root/${program}.ran 2>/dev/null | wc -l`));

async function expectAllDone(printed: string): Promise<void> {
  const view = JSON.parse(printed) as Shown;
  expect(view.outcome).toBe('succeeded');
  expect(view.stages.map(({ name, runs }) => [name, runs[0]?.task.result])).toEqual(results);
  const shown = (await system.vmTask(['pipeline', 'show', view.id])).stdout;
  for (const text of ['✓ find', '✓ delete', '免费现金.example', '生产库', '确实是垃圾域名', '已全部删除'])
    expect(shown).toContain(text);
}

it('four hops over three named VMs, and nobody forwards anything', async () => {
  const ran = await system.vmTask(['pipeline', 'run', example, '--json']);
  expect(ran).toMatchObject({ exitCode: 0 });
  await expectAllDone(ran.stdout);
});

it('with the runner killed in the middle of each hop, each program still runs once and the results are the same', async () => {
  const before = await Promise.all(hops.map(({ machine, program }) => timesRun(machine, program)));
  for (const { machine, program } of hops) await machines.ssh(machine, `touch /root/${program}.held`);
  const running = system.start(['pipeline', 'run', example, '--json']);
  for (const [n, { machine, program }] of hops.entries()) {
    const isRunning = async () => (await timesRun(machine, program)) > (before[n] ?? 0);
    await eventually(isRunning, { what: `${program} runs`, limitMs: 120_000 });
    const { services } = await system.json<Status>(['status']);
    for (const { name, pid } of services) if (name === 'runner') process.kill(pid, 'SIGKILL');
    await machines.ssh(machine, `rm /root/${program}.held`);
  }
  const { exitCode, stdout } = await running.finished;
  expect(exitCode).toBe(0);
  await expectAllDone(stdout);
  const after = await Promise.all(hops.map(({ machine, program }) => timesRun(machine, program)));
  expect(after).toEqual(before.map((times) => times + 1));
  await eventually(
    async () => {
      const { vms, leaked, missing } = await system.json<Audit>(['audit']);
      return vms === 0 && leaked.length === 0 && missing.length === 0;
    },
    { what: 'nothing is left', limitMs: 60_000 },
  );
});
