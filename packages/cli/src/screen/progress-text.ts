/** How far a process says that it is, in a line: `40 %: comparing`. */
import type { ProgressView } from '@vm-task/shared/progress';
import { shorten } from './plain-text.ts';

const textMaxChars = 80;

export function progressText({ percent, text }: ProgressView): string {
  const parts = [
    percent === null ? [] : [`${Math.round(percent)} %`],
    text === null ? [] : [shorten(text, textMaxChars)],
  ];
  return parts.flat().join(': ');
}
