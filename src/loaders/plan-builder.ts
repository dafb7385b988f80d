/**
 * Collects the writes of a boot plan and refuses the ones that cannot be: outside the usable RAM, or over another
 * write. Safe because: nothing reaches a plan except through `put`, `fill` and `placeLow`, which all check.
 */
import type { PlannedWrite } from "./boot-plan.js";
import { hex, ImageError } from "./image-error.js";
import { isUsable } from "./memory-map.js";

interface Claim {
  base: number;
  end: number;
  what: string;
}

/** Rounds `value` up to a multiple of `alignment` (a power of two below 2^31), exact beyond 32 bits. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Rounds `value` down to a multiple of `alignment`. */
export function alignDown(value: number, alignment: number): number {
  return Math.floor(value / alignment) * alignment;
}

/** The growing list of writes of one plan. */
export class PlanBuilder {
  readonly writes: PlannedWrite[] = [];
  readonly #ramBytes: number;
  readonly #claims: Claim[] = [];

  constructor(ramBytes: number) {
    this.#ramBytes = ramBytes;
  }

  /** End of the highest byte written so far, 0 if nothing was. */
  get end(): number {
    return this.#claims.reduce((end, claim) => Math.max(end, claim.end), 0);
  }

  /**
   * Plans `bytes` at `pa`. Raises `ImageError` if they do not fit into usable RAM (`anywhere`: into RAM) or overlap
   * what is planned; `what` names them and `offset` is where the image asked for it.
   */
  put(pa: number, bytes: Uint8Array, what: string, offset?: number, anywhere = false): void {
    this.#claim(pa, bytes.length, what, offset, anywhere);
    if (bytes.length > 0) this.writes.push({ pa, bytes });
  }

  /** Plans `size` zero bytes at `pa`; same checks as `put`. */
  fill(pa: number, size: number, what: string, offset?: number): void {
    this.#claim(pa, size, what, offset, false);
    if (size > 0) this.writes.push({ pa, zero: size });
  }

  /** Claims a range that nothing else may be written to (a place the kernel will unpack itself into). */
  reserve(pa: number, size: number, what: string, offset?: number): void {
    this.#claim(pa, size, what, offset, false);
  }

  /** True if the range is usable RAM that nothing has claimed. */
  isFree(pa: number, size: number): boolean {
    return isUsable(this.#ramBytes, pa, size) && this.#overlapping(pa, pa + size) === undefined;
  }

  /** The first of `candidates` with `size` free bytes. Raises if the image covers them all. */
  placeLow(size: number, candidates: readonly number[], what: string): number {
    const found = candidates.find((pa) => this.isFree(pa, size));
    if (found !== undefined) return found;
    throw new ImageError(
      `the image leaves no room for ${what}: expected ${size} free bytes at one of ${candidates.map(hex).join(", ")}`,
    );
  }

  #overlapping(base: number, end: number): Claim | undefined {
    return this.#claims.find((claim) => base < claim.end && end > claim.base);
  }

  #claim(base: number, size: number, what: string, offset: number | undefined, anywhere: boolean): void {
    if (size === 0) return;
    const end = base + size;
    if (base < 0 || end > this.#ramBytes) {
      throw new ImageError(
        `${what} does not fit: it wants ${hex(base)} to ${hex(end)} and RAM ends at ${hex(this.#ramBytes)}`,
        offset,
      );
    }
    if (!anywhere && !isUsable(this.#ramBytes, base, size)) {
      throw new ImageError(
        `${what} lies outside usable memory: it wants ${hex(base)} to ${hex(end)}, over the PC's hole from 0x9fc00 to 0x100000`,
        offset,
      );
    }
    const other = this.#overlapping(base, end);
    if (other !== undefined) {
      throw new ImageError(
        `${what} overlaps ${other.what}: ${hex(base)} to ${hex(end)} over ${hex(other.base)} to ${hex(other.end)}`,
        offset,
      );
    }
    this.#claims.push({ base, end, what });
  }
}
