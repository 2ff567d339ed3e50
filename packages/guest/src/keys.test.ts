import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { generateSshKey } from './keys.ts';

test('every generated key can be read again', () => {
  // One in 180 of those that ssh2 makes cannot: 2,000 without one by chance happens once in 10,000 runs.
  for (let made = 0; made < 2_000; made++) {
    const { privateKey, publicKey } = generateSshKey();
    expect(ssh2.utils.parseKey(privateKey)).not.toBeInstanceOf(Error);
    expect(ssh2.utils.parseKey(publicKey)).not.toBeInstanceOf(Error);
  }
});
