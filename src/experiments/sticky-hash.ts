const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
const scratch = Buffer.alloc(512);

/**
 * MurmurHash3 x86_32 (Austin Appleby, public domain) of a text's UTF-8 bytes: fast and well spread, not secret.
 * @returns 32 bits, unsigned
 */
export function murmur3(text: string, seed: number): number {
  const bytes = text.length * 3 <= scratch.length ? scratch : Buffer.from(text);
  const length = bytes === scratch ? scratch.write(text) : bytes.length;
  const whole = length & ~3;
  let hash = seed | 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scramble(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = length - 1; at >= whole; at -= 1) tail = (tail << 8) | bytes[at]!;
  if (length > whole) hash ^= scramble(tail);
  return mix(hash ^ length);
}

function scramble(block: number): number {
  const mixed = Math.imul(block, C1);
  return Math.imul((mixed << 15) | (mixed >>> 17), C2);
}

/** MurmurHash3's finalizer: a bijection of 32 bits under which each bit of the input changes half of the output's. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Of 32 bits a number between 0 and 1, both excluded. */
const unit = (hash: number): number => (hash + 0.5) / 2 ** 32;

/** Something that a share of the keys goes to, in proportion to its weight. */
export interface Weighted {
  weight: number;
  /** Tells it from the others; the same for ever. */
  seed: number;
}

/**
 * Whether a key is among the share of keys that take part. A share that grows keeps those it has.
 * @param hash `murmur3` of the key
 */
export const takesPart = (hash: number, share: number): boolean => share >= 1 || unit(mix(hash ^ 0x5bd1e995)) < share;

/**
 * Which of several a key goes to: weighted rendezvous hashing (Thaler & Ravishankar 1998; with weights by −w / ln u as in
 * Schindelhauer & Schomaker 2005, "Weighted distributed hash tables"). Keys spread as the weights say; when one weight
 * changes, keys move only to it or away from it.
 * @param hash `murmur3` of the key
 * @param among with some weight above 0
 */
export function stick<T extends Weighted>(hash: number, among: readonly T[]): T {
  let best = among[0]!;
  let bestScore = -1;
  for (const each of among) {
    const score = each.weight / -Math.log(unit(mix(hash ^ each.seed)));
    if (score > bestScore) {
      best = each;
      bestScore = score;
    }
  }
  return best;
}

/** One at random, in proportion to the weights. */
export function draw<T extends { weight: number }>(among: readonly T[]): T {
  let rest = Math.random() * among.reduce((sum, { weight }) => sum + weight, 0);
  for (const each of among) {
    rest -= each.weight;
    if (rest < 0) return each;
  }
  return among.findLast(({ weight }) => weight > 0)!;
}
