import { VmTaskError } from '@vm-task/shared/errors';
import { parseName } from '@vm-task/shared/ids';
import type { ImageRef, ImageVersion } from './image.ts';
import { versionPattern } from './version.ts';

/** @throws when `text` is neither `name` nor `name@version`: `invalid-id`. */
export function parseImageRef(text: string): ImageRef {
  const at = text.indexOf('@');
  if (at < 0) return { name: parseName('image', text), version: null };
  return { name: parseName('image', text.slice(0, at)), version: parseVersion(text.slice(at + 1)) };
}

/** @throws when `text` is not exactly one image, `name@version`: `invalid-id`. */
export function parseImageVersion(text: string): ImageVersion {
  const { name, version } = parseImageRef(text);
  if (version !== null) return { name, version };
  throw new VmTaskError('invalid-id', `${JSON.stringify(text)} names no version: write ${name}@<version>`);
}

/** `name` or `name@version`: what `parseImageRef` reads, and the name of an image's folder. */
export function formatImageRef(ref: ImageRef): string {
  return ref.version === null ? ref.name : `${ref.name}@${ref.version}`;
}

function parseVersion(text: string): string {
  if (versionPattern.test(text)) return text;
  throw new VmTaskError(
    'invalid-id',
    `${JSON.stringify(text.slice(0, 80))} is not an image version: 1 to 4 numbers with dots between them, such as 3.10`,
  );
}
