import { expect, test } from 'vitest';
import { assessKvm, assessWalls, refused } from './doctor.ts';

test('KVM that is not there, or that this host cannot use, is nothing to worry about', () => {
  expect(assessKvm(true, 'open')).toMatchObject({ status: 'pass', detail: 'guests run with KVM' });
  expect(assessKvm(false, 'absent')).toMatchObject({ status: 'pass', detail: expect.stringContaining('emulated') });
  expect(assessKvm(false, 'open')).toMatchObject({ status: 'pass', detail: expect.stringContaining('emulated') });
});

test('KVM that this user may not open is reported, with the command that opens it', () => {
  const finding = assessKvm(false, 'closed');
  expect(finding).toMatchObject({ status: 'warn', fix: expect.stringContaining('usermod') });
});

test('a host that cannot jail a program is told what is weaker, why, and what to do', () => {
  expect(assessWalls({ kind: 'whole' })).toMatchObject({ status: 'pass' });
  const lacking = assessWalls({ kind: 'lacking', why: 'unshare: Operation not permitted' });
  expect(lacking).toMatchObject({
    status: 'warn',
    detail: expect.stringMatching(/host's network.*: unshare: Operation/),
  });
  expect(lacking.fix).toContain('bubblewrap');
});

test('where KVM is required, the lack of it fails, with the reason and what to do', () => {
  const finding = refused(assessKvm(false, 'absent'));
  expect(finding).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(/host.requireKvm is true.*there is no .dev.kvm/),
  });
  expect(finding.fix).toContain('host.requireKvm');
  expect(refused(assessKvm(false, 'closed')).fix).toContain('usermod');
});
