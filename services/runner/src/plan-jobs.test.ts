import { knownDrivers } from '@vm-task/hypervisor/drivers/drivers';
import { planTask } from '@vm-task/pipelines/planning/plan-task';
import { parseConfig } from '@vm-task/service/config';
import type { EventData } from '@vm-task/shared/events';
import { newTaskId, newVmId } from '@vm-task/shared/new-ids';
import { expect, test } from 'vitest';
import { planMain, planSetup } from './plan-jobs.ts';
import { Secrets } from './secrets.ts';

const ready: EventData<'vm.ready'> = {
  v: 1,
  task: newTaskId(0),
  pool: 'default',
  attempt: 2,
  vm: newVmId(0),
  host: 'here',
  driver: 'qemu',
  image: 'python@3',
  runtimes: { shell: ['/bin/sh'], python: ['/usr/bin/python3', '-u'] },
  size: { cpus: 2, memoryMiB: 512, diskMiB: 4096 },
  access: { host: '127.0.0.1', port: 22, user: 'root', hostKey: 'ssh-ed25519 AAAA' },
  warm: false,
};
const inVm = { ready, capabilities: knownDrivers.get('qemu').capabilities };
const specOf = (file: object) => planTask(file, parseConfig('', 'test')).spec;

test('every job of an attempt has a name of its own, the same each time', () => {
  const spec = specOf({ setup: [{ run: 'a' }, { git: { url: 'https://x/y', path: 'y' } }], run: 'c' });
  const names = () => [...planSetup(inVm, spec).map(({ job }) => job.name), planMain(inVm, spec, {}).name];
  expect(names()).toEqual([`${ready.task}-2-setup-1`, `${ready.task}-2-setup-2`, `${ready.task}-2-main`]);
  expect(names()).toEqual(names());
});

test('what a user typed is an argument or a file, never part of a shell line', () => {
  const url = 'https://x/$(reboot)`id`;"\'';
  const spec = specOf({
    setup: [{ git: { url, path: 'a b/$(c)', ref: 'v1;x' } }, { run: 'echo $(id)' }],
    command: ['-x', '$(y)'],
  });
  const [git, run] = planSetup(inVm, spec).map(({ job }) => job.program);
  expect(git?.kind === 'command' && git.argv.slice(3)).toEqual([
    'git-step',
    url,
    'a b/$(c)',
    '',
    'v1;x',
    '',
    'x-access-token',
  ]);
  expect(git?.kind === 'command' && git.argv[2]).not.toContain('reboot');
  expect(run).toEqual({
    kind: 'script',
    script: 'echo $(id)',
    runtime: ['/bin/sh', '-c', 'exec "$0" "$@" 2>&1', '/bin/sh', '-e'],
  });
  expect(planMain(inVm, spec, {}).program).toMatchObject({ kind: 'command', argv: ['-x', '$(y)'] });
});

test('a step is named without what its address may have of credentials', () => {
  // Refused when it is submitted; a task that was stored before may have one.
  const setup = [{ kind: 'git', url: 'https://me:token@x/y', path: 'y' }] as const;
  const spec = { ...specOf({ run: 'c' }), setup: [...setup] };
  expect(planSetup(inVm, spec)[0]?.label).toBe('git y');
});

test.each([
  ['#!/bin/bash\necho', ['/bin/bash']],
  ['#! /usr/bin/env  python3 -u \nprint()', ['/usr/bin/env', 'python3 -u']],
  ['#!/bin/sh -e\r\necho', ['/bin/sh', '-e']],
  ['#!\necho', ['/bin/sh']],
  [' #!/bin/bash', ['/bin/sh']],
])('the first line of a script says what runs it: %j', (run, expected) => {
  expect(planMain(inVm, specOf({ run }), {}).program).toMatchObject({ runtime: expected });
  const step = planSetup(inVm, specOf({ setup: [{ run }], run: 'x' }))[0]?.job.program;
  const merged = ['/bin/sh', '-c', 'exec "$0" "$@" 2>&1'];
  expect(step).toMatchObject({
    runtime: [...merged, ...(expected.join() === '/bin/sh' ? ['/bin/sh', '-e'] : expected)],
  });
});

test('a runtime that is named runs the script, whatever its first line', () => {
  const { program } = planMain(inVm, specOf({ runtime: 'python', run: '#!/bin/bash\n' }), {});
  expect(program).toMatchObject({ runtime: ['/usr/bin/python3', '-u'] });
});

test('Python prints live, unless the task wants it otherwise', () => {
  const file = { setup: [{ run: 'a' }], run: 'b' };
  const spec = specOf(file);
  for (const { env } of [...planSetup(inVm, spec).map(({ job }) => job), planMain(inVm, spec, {})])
    expect(env).toEqual({ PYTHONUNBUFFERED: '1' });
  const buffered = specOf({ ...file, env: { PYTHONUNBUFFERED: '' } });
  expect(planMain(inVm, buffered, {}).env).toEqual({ PYTHONUNBUFFERED: '' });
});

test('a script runs by the runtime that the image declares under its name', () => {
  const { program } = planMain(inVm, specOf({ runtime: 'python', run: 'print(1)' }), {});
  expect(program).toEqual({ kind: 'script', script: 'print(1)', runtime: ['/usr/bin/python3', '-u'] });
  for (const runtime of ['ruby', 'constructor']) {
    expect(() => planMain(inVm, specOf({ runtime, run: 'x' }), {})).toThrow(
      `no runtime "${runtime}"; it declares: shell, python`,
    );
  }
});

test('secrets are the main process’s alone', () => {
  const spec = specOf({ setup: [{ run: 'a' }], run: 'b', secrets: { KEY: 'key' } });
  expect(planSetup(inVm, spec)[0]?.job.secrets).toEqual({});
  expect(planMain(inVm, spec, { KEY: 'hunter2' }).secrets).toEqual({ KEY: 'hunter2' });
});

test('a git step alone has its password, for its server, and never as an argument', () => {
  const git = { url: 'https://git.example:8443/team/repo', path: 'repo', secret: 'git-token', user: 'me' };
  const spec = specOf({ setup: [{ git }, { run: 'a' }], run: 'b' });
  const secrets = new Secrets({}, new Map([['git-token', 'hunter2']]));
  const [cloning, running] = planSetup(inVm, spec, null, secrets).map(({ job }) => job);
  expect(cloning?.secrets).toEqual({ VM_TASK_GIT_PASSWORD: 'hunter2' });
  expect(cloning?.program.kind === 'command' && cloning.program.argv.slice(-2)).toEqual([
    'https://git.example:8443',
    'me',
  ]);
  expect(JSON.stringify(cloning?.program)).not.toContain('hunter2');
  expect(running?.secrets).toEqual({});
  expect(planMain(inVm, spec, secrets.environment).secrets).toEqual({});
});

test('the guest’s own system keeps its memory, of a small machine the half', () => {
  const limitsAt = (memoryMiB: number) =>
    planMain({ ...inVm, ready: { ...ready, size: { ...ready.size, memoryMiB } } }, specOf({ run: 'x' }), {}).limits;
  expect(limitsAt(512)).toEqual({ memoryBytes: 384 * 1024 * 1024, cpus: 2, processes: 1024 });
  expect(limitsAt(129).memoryBytes).toBe(64.5 * 1024 * 1024);
});
