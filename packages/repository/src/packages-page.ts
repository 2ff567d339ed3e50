/** `docs/packages.md`: what each package is for, what it exports, and what it may use. */
import type { Package } from './workspace.ts';

const head = `# Packages

Written by \`pnpm run packages\` from each \`package.json\`; a test compares. A package imports what its dependencies
export and nothing else of them; there are no cycles, among packages or among files.
`;

/** Services and packages; measurements and tests are nobody's to use. */
export function packagesPage(packages: readonly Package[]): string {
  const shown = packages.filter(({ folder }) => /^(services|packages)\//.test(folder));
  return [head, ...shown.map(sectionOf)].join('\n');
}

function sectionOf({ name, folder, description, exports, dependencies }: Package): string {
  const [ours, others] = [true, false].map((isOurs) =>
    dependencies.filter((one) => one.startsWith('@vm-task/') === isOurs),
  );
  const rows = [
    ['uses', namesOf(ours ?? [])],
    ['libraries', namesOf(others ?? [])],
    ['exports', namesOf(Object.keys(exports).map((path) => path.replace(/^\.\//, '')))],
  ];
  const table = rows.map(([what, names]) => `| ${what} | ${names} |`).join('\n');
  return `## \`${folder}\`\n\n${description}\n\n| \`${name}\` | |\n|---|---|\n${table}\n`;
}

function namesOf(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.map((name) => `\`${name}\``).join(' ');
}
