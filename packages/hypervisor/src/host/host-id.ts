/** Which host this is: an id made once per home, because host names repeat and change. */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { anyHost } from '@vm-task/shared/events';
import type { Home } from '@vm-task/shared/home';
import { namePattern } from '@vm-task/shared/ids';
import { z } from 'zod';

/** A host must not pass for control. What else stands there is a newer version's. */
const hostSchema = z.object({
  id: z
    .string()
    .regex(namePattern)
    .refine((id) => id !== anyHost),
});

/** The home's host id; the first caller makes it, and of two at once one wins. */
export function readHostId(home: Home): string {
  try {
    return hostSchema.parse(JSON.parse(readFileSync(home.host, 'utf8'))).id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 20);
  const suffix = randomBytes(4).toString('hex');
  const draft = `${home.host}.${process.pid}.${suffix}`;
  mkdirSync(home.root, { recursive: true, mode: 0o711 });
  writeFileSync(draft, JSON.stringify({ id: name === '' ? suffix : `${name}-${suffix}` }));
  try {
    linkSync(draft, home.host);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return hostSchema.parse(JSON.parse(readFileSync(home.host, 'utf8'))).id;
}
