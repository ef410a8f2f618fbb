import type { RoutingPolicy } from '../../deployments/deployment.entity.js';

/**
 * The arm that a call goes to: an index of `policy.arms`. The same key goes to the same arm, by weighted rendezvous
 * hashing: each arm draws a number from key and target, scaled by its weight, and the best wins. So a weight that is
 * raised moves only keys to that arm, one that is lowered only keys away from it, and the order of arms means nothing.
 * @param salt keeps the draws of one deployment apart from those of another; its id
 * @param stickyKey null: drawn anew
 */
export function pickArm({ arms }: Pick<RoutingPolicy, 'arms'>, salt: string, stickyKey: string | null): number {
  if (arms.length === 1) return 0;
  if (stickyKey === null) return drawArm(arms);
  const key = hash(stickyKey, hash(salt, 0));
  let [best, bestScore] = [0, -1];
  for (let index = 0; index < arms.length; index += 1) {
    const { target, weight } = arms[index]!;
    if (weight === 0) continue;
    // An exponential variable divided by its rate, turned round: the least of them wins with odds as the weights.
    const score = weight / -Math.log((hash(target, key) + 0.5) / 2 ** 32);
    if (score > bestScore) [best, bestScore] = [index, score];
  }
  return best;
}

function drawArm(arms: RoutingPolicy['arms']): number {
  let total = 0;
  for (const { weight } of arms) total += weight;
  let left = Math.random() * total;
  for (let index = 0; index < arms.length; index += 1) {
    left -= arms[index]!.weight;
    if (left < 0) return index;
  }
  return arms.findIndex(({ weight }) => weight > 0);
}

/** MurmurHash3 (32 bits) of a text's UTF-16 units, two at a time. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let at = 0; at < text.length; at += 2) {
    let k = text.charCodeAt(at) | ((at + 1 < text.length ? text.charCodeAt(at + 1) : 0) << 16);
    k = Math.imul(k, 0xcc9e2d51);
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    h ^= k;
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  h ^= text.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
