import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import {
  differenceInterval, evidenceAbove, evidenceOfExcess, logEvidence, lowestExcess, lowestMean, margin, meanInterval, type Moments, type Share, START_AT, steadied,
} from './confidence-sequence.js';
import { logBeta, logGamma } from './log-gamma.js';

const ALPHA = 0.05;
const TUNED_AT = 1000;

/** Seeded draws of one kind. */
function source(seed: number) {
  const random = xoroshiro128plus(seed);
  const uniform = () => ((random.next() >>> 0) + 0.5) / 2 ** 32;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal, coin: (p: number) => Number(uniform() < p), skewed: () => Math.exp(normal()) };
}
type Source = ReturnType<typeof source>;

/** What an arm gave so far, by Welford's sums. */
class Running {
  n = 0;
  mean = 0;
  private squares = 0;

  add(value: number): void {
    this.n += 1;
    const step = value - this.mean;
    this.mean += step / this.n;
    this.squares += step * (value - this.mean);
  }

  get moments(): Moments {
    return { n: this.n, mean: this.mean, variance: this.n < 2 ? 0 : this.squares / (this.n - 1) };
  }

  get share(): Share {
    return { n: this.n, sum: this.mean * this.n };
  }
}

/** Share of runs in which `excludes` says so at some look, each unit being a look. */
function everExcluded(runs: number, units: number, value: (random: Source, arm: boolean) => number, excludes: (control: Running, arm: Running) => boolean): number {
  let excluded = 0;
  for (let run = 0; run < runs; run += 1) {
    const random = source(run + 1);
    const [control, arm] = [new Running(), new Running()];
    for (let unit = 0; unit < units; unit += 1) {
      const inArm = random.uniform() < 0.5;
      (inArm ? arm : control).add(value(random, inArm));
      if (excludes(control, arm)) {
        excluded += 1;
        break;
      }
    }
  }
  return excluded / runs;
}

const sequenceExcludes0 = (control: Running, arm: Running, moments = (of: Running) => of.moments) => {
  const interval = differenceInterval([{ control: moments(control), arm: moments(arm) }], ALPHA, TUNED_AT);
  return interval !== null && (interval.low > 0 || interval.high < 0);
};
/** The textbook interval, which is for one look. */
const textbookExcludes0 = (control: Running, arm: Running) => {
  if (control.n < START_AT || arm.n < START_AT) return false;
  const error = Math.sqrt(control.moments.variance / control.n + arm.moments.variance / arm.n);
  return Math.abs(arm.mean - control.mean) > 1.96 * error;
};
/** Three standard errors of a share of 5% over so many runs. */
const noise = (runs: number) => 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / runs);

describe('asymptotic confidence sequence', () => {
  it('is the formula of the paper', () => {
    // By hand: t = 100, ρ² = 0.01 gives tρ² = 1, σ̂ = 2: 2 √(4 / 100 · ln(√2 / 0.05)).
    const surprise = -2 * Math.log(ALPHA);
    const tunedAt = (surprise + Math.log(surprise + 1)) / 0.01;
    expect(margin(2 / 10, 100, ALPHA, tunedAt)).toBeCloseTo(2 * Math.sqrt(0.04 * Math.log(Math.SQRT2 / 0.05)), 12);
  });

  it('is about as tight as can be where it was tuned, and 3 standard errors wide there', () => {
    const errorsAt = (units: number, tunedAt: number) => margin(1, units, ALPHA, tunedAt);
    expect(errorsAt(5000, 5000)).toBeCloseTo(3.035, 3);
    expect(errorsAt(5000, 5000)).toBeLessThan(errorsAt(5000, 500));
    expect(errorsAt(5000, 5000)).toBeLessThan(errorsAt(5000, 50_000));
  });

  it('gives nothing while there are too few units', () => {
    const few = { n: START_AT - 1, mean: 1, variance: 1 };
    expect(meanInterval(few, ALPHA, TUNED_AT)).toBeNull();
    expect(differenceInterval([{ control: few, arm: { ...few, n: 1000 } }], ALPHA, TUNED_AT)).toBeNull();
  });

  it.each([
    ['normal values', (random: Source) => random.normal()],
    ['skewed values, as latencies are', (random: Source) => random.skewed()],
  ])('holds for %s when looked at after every unit, where the textbook interval fails', (_, value) => {
    const runs = 2000;
    expect(everExcluded(runs, 1500, value, sequenceExcludes0)).toBeLessThan(ALPHA + noise(runs));
    expect(everExcluded(400, 1500, value, textbookExcludes0)).toBeGreaterThan(0.25);
  });

  it.each([0.5, 0.05, 0.01])('holds for shares of %d with their steadied variance', (p) => {
    const runs = 1000;
    expect(everExcluded(runs, 1500, (random) => random.coin(p), (control, arm) => sequenceExcludes0(control, arm, (of) => steadied(of.moments)))).toBeLessThan(ALPHA + noise(runs));
  });

  it('finds a difference of half a standard deviation within 500 units', () => {
    expect(everExcluded(200, 500, (random, arm) => random.normal() + (arm ? 0.5 : 0), sequenceExcludes0)).toBeGreaterThan(0.95);
  });

  it('is not misled by a change of weights together with a change in time', () => {
    // The same in both arms at any time; what all calls give rises from 0 to 10 as the arm's share rises from 10 to 90%.
    const moments = (n: number, mean: number): Moments => ({ n, mean, variance: 1 });
    const strata = [{ control: moments(900, 0), arm: moments(100, 0) }, { control: moments(100, 10), arm: moments(900, 10) }];
    expect(differenceInterval(strata, ALPHA, TUNED_AT)).toMatchObject({ value: 0, low: expect.any(Number) });
    expect(differenceInterval(strata, ALPHA, TUNED_AT)!.high).toBeLessThan(0.3);
  });

  it('does not take shares without a failure for certain', () => {
    const none = steadied({ n: 100, mean: 0, variance: 0 });
    expect(none).toMatchObject({ mean: 0 });
    expect(none.variance).toBeCloseTo((1 / 102) * (101 / 102) * (102 / 101), 6);
  });
});

describe('exact evidence of shares', () => {
  it('is the beta-binomial mixture', () => {
    // One success of one: ∫ q dBeta(½, ½) = ½, over p.
    expect(logEvidence({ n: 1, sum: 1 }, 0.25)).toBeCloseTo(Math.log(0.5 / 0.25), 10);
    expect(logEvidence({ n: 0, sum: 0 }, 0.3)).toBeCloseTo(0, 10);
  });

  it.each([0.001, 0.05, 0.5])('rarely tells against a true share of %d, however often one looks', (p) => {
    const runs = 1000;
    const wrong = everExcluded(runs, 1000, (random) => random.coin(p), (_, arm) => evidenceAbove(arm.share, p) >= -Math.log(ALPHA));
    expect(wrong).toBeLessThan(ALPHA);
  });

  it.each([[0.01, 0.01, 0], [0.2, 0.22, 0.02], [0.5, 0.5, 0]])('rarely tells of an excess: control %d, arm %d, bound %d', (control, other, bound) => {
    const wrong = everExcluded(500, 600, (random, arm) => random.coin(arm ? other : control),
      (left, right) => evidenceOfExcess([{ control: left.share, arm: right.share }], bound) >= -Math.log(ALPHA));
    expect(wrong).toBeLessThan(ALPHA);
  });

  it('holds for means of keys, which are between 0 and 1', () => {
    const wrong = everExcluded(500, 600, (random) => (random.coin(0.3) + random.coin(0.3) + random.coin(0.3)) / 3, (_, arm) => evidenceAbove(arm.share, 0.3) >= -Math.log(ALPHA));
    expect(wrong).toBeLessThan(ALPHA);
  });

  it('sees an arm that always fails within ten units', () => {
    expect(evidenceOfExcess([{ control: { n: 5, sum: 0 }, arm: { n: 5, sum: 5 } }], 0.02)).toBeGreaterThan(-Math.log(ALPHA));
  });

  it('sees 10% of errors against 1% within 1,000 units, most times', () => {
    const seen = everExcluded(200, 1000, (random, arm) => random.coin(arm ? 0.1 : 0.01),
      (control, arm) => evidenceOfExcess([{ control: control.share, arm: arm.share }], 0.02) >= -Math.log(ALPHA));
    expect(seen).toBeGreaterThan(0.8);
  });

  it('says up to where the evidence goes', () => {
    const pairs = [{ control: { n: 500, sum: 5 }, arm: { n: 500, sum: 100 } }];
    const low = lowestExcess(pairs, ALPHA);
    expect(low).toBeGreaterThan(0.08);
    expect(low).toBeLessThan(0.19);
    expect(evidenceOfExcess(pairs, low)).toBeCloseTo(-Math.log(ALPHA), 3);
    expect(lowestMean({ n: 500, sum: 100 }, ALPHA)).toBeGreaterThan(0.14);
    expect(lowestMean({ n: 0, sum: 0 }, ALPHA)).toBeCloseTo(0, 6);
    expect(lowestExcess([{ control: { n: 0, sum: 0 }, arm: { n: 0, sum: 0 } }], ALPHA)).toBeCloseTo(-1, 6);
  });
});

describe('ln Γ', () => {
  it.each([[0.5, Math.log(Math.sqrt(Math.PI))], [1, 0], [2, 0], [5, Math.log(24)], [101, 363.73937555556349]])('of %d', (x, expected) => {
    expect(logGamma(x)).toBeCloseTo(expected, 9);
  });
  it('gives ln B', () => expect(logBeta(2, 3)).toBeCloseTo(Math.log(1 / 12), 10));
});
