const tty = process.stdout.isTTY;
const bold = (text: string) => (tty ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text: string) => (tty ? `\x1b[2m${text}\x1b[0m` : text);
const startedAt = Date.now();

export const clock = (seconds: number): string => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, '0')}`;
export const elapsed = (): string => clock((Date.now() - startedAt) / 1000);

export function heading(text: string): void {
  console.log(`\n${bold(text)} ${dim(`[${elapsed()}]`)}`);
}

export const say = (text: string): void => console.log(`  ${text}`);

/** A line that is rewritten on a terminal; elsewhere only every tenth share is printed. */
export class Progress {
  private lastShare = -1;

  constructor(private readonly label: string) {}

  show(done: number, total: number, detail: string): void {
    const share = total > 0 ? done / total : 0;
    const bar = `${'█'.repeat(Math.round(share * 24)).padEnd(24, '░')} ${done}/${total}`;
    if (tty) process.stdout.write(`\r\x1b[2K  ${this.label} ${bar} ${detail}`);
    else if (Math.floor(share * 4) > this.lastShare) {
      this.lastShare = Math.floor(share * 4);
      console.log(`  ${this.label} ${bar} ${detail}`);
    }
  }

  end(text: string): void {
    if (tty) process.stdout.write('\r\x1b[2K');
    console.log(`  ${text}`);
  }
}

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
export function table(header: string[], rows: string[][]): void {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  const line = (row: string[]) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ');
  say(bold(line(header)));
  rows.forEach((row) => say(line(row)));
}

export const fixed = (value: number | null | undefined, digits = 2): string => (value == null ? '–' : value.toFixed(digits));
export const interval = (estimate: { value: number; low: number; high: number } | null | undefined): string =>
  estimate ? `${fixed(estimate.value)} (${fixed(estimate.low)}–${fixed(estimate.high)})` : '–';
export const signed = (estimate: { value: number; low: number; high: number }): string => {
  const sign = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
  return `${sign(estimate.value)} (${sign(estimate.low)}…${sign(estimate.high)})`;
};
