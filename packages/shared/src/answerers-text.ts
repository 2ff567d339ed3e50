import type { Answerers } from './answerers.ts';

/** Who may answer, in words, behind "may be answered by". */
export function answerersText(answerers: Answerers): string {
  if ('allBut' in answerers) return `any operator but "${answerers.allBut}", which submitted the pipeline`;
  const names = answerers.only.map((name) => `"${name}"`);
  const last = names.pop();
  return `${names.length === 0 ? last : `${names.join(', ')} or ${last}`} only`;
}
