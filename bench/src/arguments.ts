/** Options of a benchmark: numbers with defaults, and `--help`. */
import { parseArgs } from 'node:util';

export interface NumberOption {
  readonly default: number;
  /** For `--help`. */
  readonly about: string;
}

/** The options' values. Ends the process after `--help`, and with 2 after what it does not understand. */
export function readArguments<const T extends Readonly<Record<string, NumberOption>>>(
  about: string,
  options: T,
): { readonly [K in keyof T]: number } {
  try {
    const known = Object.fromEntries(Object.keys(options).map((name) => [name, { type: 'string' as const }]));
    const parsed = parseArgs({ options: { ...known, help: { type: 'boolean' } } });
    const values: Readonly<Record<string, string | boolean | undefined>> = parsed.values;
    if (values['help'] === true) {
      console.log(helpText(about, options));
      process.exit(0);
    }
    const entries = Object.entries(options).map(([name, option]) => [name, numberOf(name, values[name], option)]);
    return Object.fromEntries(entries) as { [K in keyof T]: number };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${helpText(about, options)}`);
    process.exit(2);
  }
}

function numberOf(name: string, value: string | boolean | undefined, option: NumberOption): number {
  if (value === undefined) return option.default;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} must be a whole number from 1 on`);
  return number;
}

function helpText(about: string, options: Readonly<Record<string, NumberOption>>): string {
  const lines = Object.entries(options).map(
    ([name, option]) => `${`  --${name} N`.padEnd(20)} ${option.about} (default ${option.default})`,
  );
  return [about, '', 'Options:', ...lines, '  --help'].join('\n');
}
