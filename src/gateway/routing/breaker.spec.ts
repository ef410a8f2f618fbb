import { describe, expect, it } from 'vitest';
import { Breaker } from './breaker.js';

const policy = { failureRatio: 0.5, minCalls: 4, windowSeconds: 10, openSeconds: 5 };
const at = 1_000_000;
function after(...outcomes: ('ok' | 'failed' | 'given_up')[]): Breaker {
  const breaker = new Breaker();
  outcomes.forEach((outcome, index) => breaker.settle(policy, breaker.admit(policy, at + index)!, outcome, at + index));
  return breaker;
}

describe('Breaker', () => {
  it('opens at the share of failures, when there are calls enough to tell', () => {
    expect(after('failed', 'failed', 'failed').isOpen).toBe(false);
    expect(after('failed', 'failed', 'ok', 'ok').isOpen).toBe(false); // it opens by a failure only
    expect(after('ok', 'ok', 'failed', 'failed').isOpen).toBe(true);
    expect(after('ok', 'ok', 'ok', 'failed').isOpen).toBe(false);
    expect(after('given_up', 'given_up', 'given_up', 'failed').isOpen).toBe(false);
  });

  it('forgets what is older than the window, also after a long silence', () => {
    const breaker = after('failed', 'failed', 'failed');
    for (const later of [at + 12_000, at + 3_600_000]) {
      breaker.settle(policy, 'ordinary', 'failed', later);
      expect(breaker.isOpen).toBe(false);
    }
  });

  it('lets one call probe after the rest, and goes by it', () => {
    const breaker = after('failed', 'failed', 'failed', 'failed');
    const opened = at + 3;
    expect(breaker.admit(policy, opened + 4_999)).toBeNull();
    expect(breaker.admit(policy, opened + 5_000)).toBe('probe');
    expect(breaker.admit(policy, opened + 5_001)).toBeNull();
    expect(breaker.settle(policy, 'probe', 'failed', opened + 5_010)).toBeNull();
    expect(breaker.admit(policy, opened + 10_000)).toBeNull();
    expect(breaker.admit(policy, opened + 10_010)).toBe('probe');
    expect(breaker.settle(policy, 'probe', 'ok', opened + 10_020)).toBe('closed');
    expect(breaker.admit(policy, opened + 10_021)).toBe('ordinary');
    breaker.settle(policy, 'ordinary', 'failed', opened + 10_022);
    expect(breaker.isOpen).toBe(false);
  });

  it('hands a probe that was given up to the next call, and one that never ends too, after a rest', () => {
    const breaker = after('failed', 'failed', 'failed', 'failed');
    const due = at + 3 + 5_000;
    expect(breaker.admit(policy, due)).toBe('probe');
    breaker.settle(policy, 'probe', 'given_up', due + 1);
    expect(breaker.admit(policy, due + 2)).toBe('probe');
    expect(breaker.admit(policy, due + 4_000)).toBeNull();
    expect(breaker.admit(policy, due + 2 + 5_000)).toBe('probe');
  });

  it('is not moved by calls that began before it opened', () => {
    const breaker = after('failed', 'failed', 'failed', 'failed');
    breaker.settle(policy, 'ordinary', 'ok', at + 10);
    breaker.settle(policy, 'ordinary', 'failed', at + 4_000);
    expect(breaker.admit(policy, at + 3 + 5_000)).toBe('probe');
  });
});
