import { expect, test } from 'vitest';
import { assessKvm } from './doctor.ts';

test('KVM that is not there, or that this host cannot use, is nothing to worry about', () => {
  expect(assessKvm(true, 'open')).toMatchObject({ status: 'pass', detail: 'guests run with KVM' });
  expect(assessKvm(false, 'absent')).toMatchObject({ status: 'pass', detail: expect.stringContaining('emulated') });
  expect(assessKvm(false, 'open')).toMatchObject({ status: 'pass', detail: expect.stringContaining('emulated') });
});

test('KVM that this user may not open is reported, with the command that opens it', () => {
  const finding = assessKvm(false, 'closed');
  expect(finding).toMatchObject({ status: 'warn', fix: expect.stringContaining('usermod') });
});
