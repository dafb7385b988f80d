/** Seeded choices for experiments: the same seed gives the same states on every host (mulberry32). */
export class Random {
  private state: number;

  /** A stream of choices; streams of different words are independent. */
  constructor(seed: number, word = "") {
    let hash = (seed ^ 0x811c9dc5) | 0;
    for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
    this.state = hash;
  }

  /** 32 random bits. */
  bits(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 to n - 1. */
  below(n: number): number {
    return this.bits() % n;
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  /** `mask` or 0, as a coin falls for each of its bits. */
  some(mask: number): number {
    return (this.bits() & mask) >>> 0;
  }

  /** One of these. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}
