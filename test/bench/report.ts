import { availableParallelism, cpus, totalmem } from 'node:os';
import type { PairedResult } from './pairs.js';

export interface Latency {
  name: string;
  count: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  max: number;
}

export interface Table {
  columns: string[];
  rows: string[][];
  /** How it was measured. */
  note: string;
}

/** What a benchmark found. */
export interface Findings {
  pairs?: PairedResult[];
  latencies?: Latency[];
  tables?: Table[];
  /** What could not be measured, and why. */
  notes?: string[];
}

const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
const table = (columns: string[], rows: string[][]) => [line(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** docs/benchmarks.md. */
export function report(all: Findings[]): string {
  const pairs = all.flatMap((each) => each.pairs ?? []).map((each) => [each.name, `${each.subject}: ${number(each.subjectMedian)} ${each.unit}`, `${each.baseline}: ${number(each.baselineMedian)} ${each.unit}`,
    `${each.ratio.median.toFixed(2)} (${each.ratio.min.toFixed(2)}–${each.ratio.max.toFixed(2)})`, String(each.pairs)]);
  const latencies = all.flatMap((each) => each.latencies ?? []).map((each) => [each.name, ...[each.p50, each.p99, each.max].map((value) => `${value.toFixed(1)} ms`), String(each.count)]);
  const tables = all.flatMap((each) => each.tables ?? []);
  return [
    `# Benchmarks

Measured by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.versions.node}, ${availableParallelism()} × ${cpus()[0]?.model ?? 'CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, no GPU; the load
generator ran on the same machine. Each pair measures both sides one after the other, in swapped order from pair to pair,
after a warm-up of both. Medians; the ratio is Triad over the baseline, pair by pair, with its least and greatest.`,
    ...(pairs.length > 0 ? [table(['what', 'Triad', 'baseline', 'ratio', 'pairs'], pairs)] : []),
    ...tables.map(({ columns, rows, note }) => `${table(columns, rows)}\n\n${note}`),
    ...(latencies.length > 0 ? [table(['latency', 'p50', 'p99', 'greatest', 'of'], latencies)] : []),
    ...new Set(all.flatMap((each) => each.notes ?? [])),
  ].join('\n\n') + '\n';
}
