/** Seeded random choices for tests: the same seed gives the same choices on every host (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
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

  /** An integer from a to b. */
  between(a: number, b: number): number {
    return a + this.below(b - a + 1);
  }

  /** True with this probability in percent. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One of these. */
  pick<T>(...choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
