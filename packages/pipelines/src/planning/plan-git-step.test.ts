/** Repositories that are cloned in setup steps: which addresses are taken, and with which secret. */
import { parseConfig } from '@vm-task/service/config';
import { secretNamesOf } from '@vm-task/shared/task-spec';
import { expect, test } from 'vitest';
import { planTask } from './plan-task.ts';

const config = parseConfig('', 'vm-task.yaml');

test.each([
  'https://me:hunter2@host/a.git',
  'https://hunter2@host/a.git',
  'http://:hunter2@host/a',
  'ssh://git:hunter2@host/a',
])('a git URL with a password is refused, and the refusal does not repeat it: %s', (url) => {
  const file = { setup: [{ git: { url, path: 'a' } }], run: 'true' };
  const refused = () => planTask(file, config);
  expect(refused).toThrow(/setup.0.git.url: has a user name or a password in it/);
  expect(refused).not.toThrow('hunter2');
});

test.each([
  ['http://host/a', 'goes with https:// and a host'],
  ['ssh://git@host/a', 'goes with https:// and a host'],
  ['https://a.helper=!reboot;/x', 'goes with https:// and a host'],
  ['https://me@host/a', 'setup.0.git.url: has a user name'],
])('a secret of a git step goes with plain https alone: %s', (url, message) => {
  const file = { setup: [{ git: { url, path: 'a', secret: 'git-token' } }], run: 'true' };
  expect(() => planTask(file, config)).toThrow(message);
});

test('a git step names its secret, and a user only with one', () => {
  const git = { url: 'https://git.example:8443/a', path: 'a', secret: 'git-token', user: 'me' };
  const { spec } = planTask({ setup: [{ git }], run: 'true' }, config);
  expect(spec.setup).toEqual([{ kind: 'git', ...git }]);
  expect(secretNamesOf({ ...spec, secrets: { KEY: 'other', AGAIN: 'git-token' } })).toEqual(['other', 'git-token']);
  const alone = { setup: [{ git: { ...git, secret: undefined } }], run: 'true' };
  expect(() => planTask(alone, config)).toThrow('setup.0.git.user: goes with secret only');
});

test.each(['ssh://git@host/a.git', 'https://host/@scope/a.git', 'ssh://git@host:2222/a'])(
  'a git URL without one is taken: %s',
  (url) => {
    expect(planTask({ setup: [{ git: { url, path: 'a' } }], run: 'true' }, config).spec.setup).toMatchObject([{ url }]);
  },
);
