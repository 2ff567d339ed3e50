/** scratch */
import { borrowMachine } from './borrowed-machine.ts';
import { allSometimes } from './sometimes.ts';
const realNow = performance.now.bind(performance);
const write = (t: string) => process.stdout.write(`${t}\n`);
const { runSeed } = await import('./run-seed.ts');
borrowMachine();
const from = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const verbose = process.argv[4] === '-v';
const seen = new Set<string>(); const counts = new Map<string, number>();
const t = realNow();
const bad = new Map<string, number[]>();
for (let seed = from; seed < from + count; seed++) {
  const report = await runSeed(seed);
  for (const s of report.seen) { seen.add(s); counts.set(s, (counts.get(s) ?? 0) + 1); }
  if (report.violation !== null) {
    const key = `${report.violation.promise} ${report.violation.what.replace(/[0-9a-f]{8}-[0-9a-f-]+/g, 'ID').replace(/[0-9]+/g,'N')}`;
    bad.set(key, [...(bad.get(key) ?? []), seed]);
  }
  if (verbose) for (const line of report.trace) write(line);
  if (process.env['P']) write(`${seed} ${report.trace.length} ${report.violation?.what ?? ''} ${realNow()-t}`);
  if (count === 1) write(`${report.seed} ${report.hash} ${JSON.stringify(report.violation)} ${report.trace.length}`);
}
for (const [k, v] of bad) write(`${v.length} ${k}: ${v.slice(0, 5).join(' ')}`);
write(`${((realNow() - t) / count).toFixed(1)} ms a seed; never: ${allSometimes.filter((s) => !seen.has(s)).join(' | ')}`);

write([...counts].sort((a, b) => a[1] - b[1]).slice(0, 14).map(([s, n]) => `${n} ${s}`).join(' | '));
