/** One thing measured against another in the same run: A B A B …, so that a machine whose speed drifts drifts for both. */

export interface PairedResult {
  name: string;
  /** What the two are, and in which unit. */
  subject: string;
  baseline: string;
  unit: string;
  subjectMedian: number;
  baselineMedian: number;
  /** subject / baseline, pair by pair. */
  ratio: { median: number; min: number; max: number };
  pairs: number;
}

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Measures both once uncounted (warm-up), then `pairs` times in turn, the order swapped from pair to pair. */
export async function measurePairs(
  labels: Pick<PairedResult, 'name' | 'subject' | 'baseline' | 'unit'>,
  subject: () => Promise<number>,
  baseline: () => Promise<number>,
  pairs: number,
): Promise<PairedResult> {
  await subject();
  await baseline();
  const measured: { a: number; b: number }[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = pair % 2 === 0 ? await subject() : await baseline();
    const second = pair % 2 === 0 ? await baseline() : await subject();
    measured.push(pair % 2 === 0 ? { a: first, b: second } : { a: second, b: first });
    console.log(`  ${labels.name}, pair ${pair + 1}/${pairs}: ${measured.at(-1)!.a.toFixed(1)} against ${measured.at(-1)!.b.toFixed(1)} ${labels.unit}`);
  }
  const ratios = measured.map(({ a, b }) => a / b);
  return {
    ...labels, pairs,
    subjectMedian: median(measured.map(({ a }) => a)), baselineMedian: median(measured.map(({ b }) => b)),
    ratio: { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) },
  };
}
