/** Deterministic random numbers for the agreement tests. */

/** A generator of 32-bit numbers (xorshift); the same seed, not zero, gives the same numbers. */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
