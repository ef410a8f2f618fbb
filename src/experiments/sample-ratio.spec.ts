import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { sampleRatioPValue } from './sample-ratio.js';

describe('sample ratio', () => {
  it('is quiet where units went as the weights say', () => {
    expect(sampleRatioPValue([{ weights: [50, 50], units: [5020, 4980] }])).toBe(1);
    expect(sampleRatioPValue([{ weights: [1, 1], units: [0, 0] }])).toBe(1);
  });

  it('finds what a chi-square test of one look finds, and adds up what each weighting gave', () => {
    expect(sampleRatioPValue([{ weights: [50, 50], units: [5400, 4600] }])).toBeLessThan(0.001);
    expect(sampleRatioPValue([{ weights: [50, 50], units: [5000, 5000] }, { weights: [90, 10], units: [9000, 1000] }])).toBe(1);
    expect(sampleRatioPValue([{ weights: [1, 0], units: [10, 1] }])).toBe(0);
  });

  it('raises a false alarm in fewer than 1% of runs that are looked at after every unit', () => {
    let alarms = 0;
    const runs = 500;
    for (let run = 0; run < runs; run += 1) {
      const random = xoroshiro128plus(run + 1);
      const units = [0, 0, 0];
      for (let unit = 0; unit < 1000; unit += 1) {
        const at = (random.next() >>> 0) / 2 ** 32;
        units[at < 0.6 ? 0 : at < 0.9 ? 1 : 2]! += 1;
        if (sampleRatioPValue([{ weights: [6, 3, 1], units }]) < 0.01) {
          alarms += 1;
          break;
        }
      }
    }
    expect(alarms / runs).toBeLessThanOrEqual(0.01);
  });
});
