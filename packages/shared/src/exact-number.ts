/** Numbers as they are written, against the doubles that JavaScript makes of them. */

/**
 * True when `value` is written by JSON with the value that `source` has, digit by digit: 1.50 is 1.5, and
 * 9007199254740993 is not 9007199254740992. `source` is a number of JSON or of YAML, `0x` and `0o` included.
 */
export function isExact(source: string, value: number): boolean {
  if (/^0[xo]/.test(source)) return Number.isSafeInteger(value);
  return Number.isFinite(value) && decimalOf(source) === decimalOf(String(value));
}

/** One form for each decimal number: its digits without zeros around them, and its exponent. */
function decimalOf(text: string): string | null {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  const digits = whole + fraction;
  let begin = 0;
  while (digits[begin] === '0') begin++;
  let end = digits.length;
  while (end > begin && digits[end - 1] === '0') end--;
  if (begin === end) return digits === '' ? null : '0';
  return `${sign === '-' ? '-' : ''}${digits.slice(begin, end)}e${Number(exponent) - fraction.length + digits.length - end}`;
}

/** The sentence for one that is not. */
export function inexact(source: string, place: string): string {
  const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source;
  const what = /inf|nan/i.test(source) ? 'is none that JSON has' : 'would not keep its digits';
  return `the number ${shown} at ${place} ${what}; write it in quotes`;
}
