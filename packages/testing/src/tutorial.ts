/**
 * A page whose commands are run as they stand. A code block of `sh` is a step: commands, all in one shell, from the
 * root of the repository. A block of `text` right after it is what the step prints, both streams together; in it `…`
 * stands for some text within a line, and a line `…` for any number of lines.
 */

export interface Step {
  /** Of the page, from 1; where the commands begin. */
  readonly line: number;
  readonly commands: string;
  /** Null where the page does not say. */
  readonly shown: string | null;
}

const block = /^```sh\n([\s\S]*?)^```\n(?:\n*```text\n([\s\S]*?)^```$)?/gm;

export function stepsOf(page: string): Step[] {
  return Array.from(page.matchAll(block), ({ 1: commands = '', 2: shown = null, index }) => ({
    line: page.slice(0, index).split('\n').length + 1,
    commands,
    shown,
  }));
}

/** One script of all steps; after each it prints `<mark> <exit code>` on a line of its own. */
export function scriptOf(steps: readonly Step[], mark: string): string {
  return steps.map(({ commands }) => `${commands}printf '\\n%s %s\\n' '${mark}' "$?"\n`).join('');
}

export interface Printed {
  readonly exitCode: number;
  readonly output: string;
}

/** What each step has printed, as far as the script came; a last line without its end is given one. */
export function printedBy(output: string, mark: string): Printed[] {
  const parts = output.split(new RegExp(`\\n${escaped(mark)} (\\d+)\\n`));
  return Array.from({ length: (parts.length - 1) / 2 }, (_, n) => ({
    output: (parts[2 * n] ?? '').replace(/(?<!\n|^)$/, '\n'),
    exitCode: Number(parts[2 * n + 1]),
  }));
}

/** Matches what may be printed where `shown` stands on the page. */
export function patternOf(shown: string): RegExp {
  const lines = shown.split('\n').slice(0, -1);
  const patterns = lines.map((line) =>
    line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(escaped).join('.+')}\\n`,
  );
  return new RegExp(`^${patterns.join('')}$`);
}

/** A regular expression for exactly that text. */
function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
