import { eventually } from '@vm-task/testing/conditions';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lendMachines, type Machines } from './machines.ts';
import { lendRunningSystem, type TestSystem } from './system.ts';
import { submit, untilOver, untilPrinted } from './tasks.ts';
import type { Audit, Shown, Status } from './views.ts';

/** Room for a process of 1 GiB; what a task may use of it. */
const size = { cpus: 1, memoryMiB: 1536, diskMiB: 2048 };
const share = { cpus: 1, memoryMiB: 1300, diskMiB: 2048 };

/** The system ends before the machines that it knows. */
const lent = new AsyncDisposableStack();
let machines: Machines;
let system: TestSystem;

beforeAll(async () => {
  machines = lent.use(await lendMachines(['kali'], size, share));
  // Whoever runs sshd there gave it little.
  await machines.ssh('kali', 'systemctl set-property --runtime ssh.service MemoryMax=256M');
  const imposter = { ...machines.pools['kali'], hostKey: `ssh-ed25519 ${'A'.repeat(68)}` };
  system = lent.use(await lendRunningSystem({ pools: { default: { warm: 0 }, ...machines.pools, imposter } }));
});

afterAll(() => lent.disposeAsync());

/** Nothing of any task: lock, folder, unit, processes. */
async function expectNothingLeft(id: string): Promise<void> {
  await eventually(
    async () => {
      const { events } = await system.client.tasks.events(id);
      return events.some(({ type }) => type === 'vm.gone');
    },
    { what: 'its lease is said to be gone', limitMs: 120_000 },
  );
  const look =
    'ls -A ~/.vm-task ~/.vm-task/uses; ls -d /sys/fs/cgroup/system.slice/vm-task-*/vm-*; pgrep -f sleep.3[0-9]3';
  expect(await machines.ssh('kali', `{ ${look}; } 2>/dev/null || true`)).toBe(
    '/root/.vm-task:\nguard\nuses\n\n/root/.vm-task/uses:',
  );
  expect(await system.json<Audit>(['audit'])).toMatchObject({ leaked: [], missing: [] });
}

it('a task is in a unit apart from sshd, in a group with its own limits, and nothing of it stays', async () => {
  const file = await system.taskFile({
    vm: 'kali',
    resources: { memoryMiB: 1229 },
    run: `setsid -f sleep 303
dd if=/dev/zero of=/dev/null bs=1G count=1
cat "/sys/fs/cgroup$(sed s/^0:://p -n /proc/self/cgroup)/memory.max"
sed s/^0:://p -n /proc/self/cgroup > "$VM_TASK_RESULT"; touch left; pwd`,
  });
  const { exitCode, stdout, stderr } = await system.vmTask(['run', file]);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  const { tasks } = await system.json<{ tasks: Shown[] }>(['list']);
  const [task] = tasks;
  expect(stdout).toContain(`${1229 * 1024 * 1024}\n/root/.vm-task/uses/${task?.vm}/work\n`);
  expect(task?.result).toMatch(new RegExp(`^/system.slice/vm-task-[0-9-]+.scope/${task?.vm}/\\d+\n$`));
  await expectNothingLeft(task?.id ?? '');
});

it('a task survives the deaths of those who look after it, and its machine is free afterwards', async () => {
  const script = 'i=0; sleep 313 & while [ $i -lt 20 ]; do echo $i; i=$((i + 1)); sleep 0.3; done';
  const id = await submit(system, { vm: 'kali', run: script });
  await untilPrinted(system, id, '3\n');
  const { services } = await system.json<Status>(['status']);
  for (const { name, pid } of services) if (name !== 'intake') process.kill(pid, 'SIGKILL');
  expect(await untilOver(system, id)).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
  expect((await system.vmTask(['logs', id])).stdout).toBe(`${Array.from({ length: 20 }, (_, n) => n).join('\n')}\n`);
  await expectNothingLeft(id);
});

it('a machine with another host key than the pinned one is away, and people hear why', async () => {
  await eventually(
    async () => {
      const { stdout } = await system.vmTask(['pool', 'list']);
      return /imposter .* away: .* nothing was sent to it/.test(stdout);
    },
    { what: 'the machine is said to be away', limitMs: 60_000 },
  );
});
