/**
 * Who has which machine frame. Frames are handed out in the order of a fixed permutation, so that guest frames that are neighbours lie
 * apart in the machine: nothing may rely on contiguous memory. Everything is in constant time except a search for 2 MB.
 * Invariants: a free frame is all zero; a frame has one owner, and others only by the owner's grant; a frame is free again when the
 * last holder has let go of it.
 */
import type { Mfn } from "../address.js";
import type { MachineMemory } from "./machine-memory.js";

declare const ownerKind: unique symbol;
/** Somebody who can hold frames. */
export type Owner = number & { readonly [ownerKind]: true };

/** The owner of free frames: nobody. */
export const NOBODY = 0 as Owner;
/** Frames of a 2 MB group. */
export const LARGE_FRAMES = 512;

/** Machine RAM has too few frames left for what was asked. */
export class OutOfFramesError extends Error {
  /** Names what was asked and what there is. */
  constructor(wanted: number, free: number) {
    super(`machine frames: expected ${wanted} free, found ${free}`);
    this.name = "OutOfFramesError";
  }
}

/** A step through `n` frames that visits each once and never goes to a neighbour, near the golden section for spread. */
function stride(n: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let step = Math.max(1, Math.round(n * 0.6180339887));
  while (gcd(step, n) !== 1) step++;
  return step;
}

/** Gives machine frames to owners. */
export class FrameAllocator {
  /** Number of frames given out or to be had. */
  readonly total: number;
  private readonly first: number;
  private readonly names: string[] = ["nobody"];
  private readonly held: number[] = [0];
  /** Numbers of owners that are no more. */
  private readonly unused: number[] = [];
  private readonly owners: Uint16Array;
  private readonly holders: Uint16Array;
  private readonly grants = new Map<number, Owner[]>();
  /** Free frames; those at the end are given next. */
  private readonly stack: Uint32Array;
  /** Where a free frame is in the stack. */
  private readonly place: Uint32Array;
  /** Free frames of each 2 MB group. */
  private readonly freeOfGroup: Uint16Array;
  private freeCount = 0;
  private last = -2;

  /** All frames of `memory` from `first` on; they must hold zeros. */
  constructor(
    private readonly memory: MachineMemory,
    first = 0,
  ) {
    const { frames } = memory;
    this.first = first;
    this.total = frames - first;
    this.owners = new Uint16Array(frames);
    this.holders = new Uint16Array(frames);
    this.stack = new Uint32Array(this.total);
    this.place = new Uint32Array(frames);
    this.freeOfGroup = new Uint16Array(Math.ceil(frames / LARGE_FRAMES));
    const step = stride(this.total);
    for (let i = 0, at = 0; i < this.total; i++, at = (at + step) % this.total) this.push(first + at);
  }

  /** Frames that nobody holds. */
  get free(): number {
    return this.freeCount;
  }

  /** Makes a new owner, named for reports. */
  addOwner(name: string): Owner {
    const owner = this.unused.pop() ?? this.names.length;
    this.names[owner] = name;
    this.held[owner] = 0;
    return owner as Owner;
  }

  /** Ends an owner. Errors: Error if it still holds frames, of its own or by grant: they would leak. */
  removeOwner(owner: Owner): void {
    const granted = [...this.grants.values()].filter((owners) => owners.includes(owner)).length;
    const count = this.held[owner]! + granted;
    if (count !== 0) throw new Error(`${this.nameOf(owner)} still holds ${count} frames`);
    this.unused.push(owner);
  }

  /** Name of an owner. */
  nameOf(owner: Owner): string {
    return this.names[owner]!;
  }

  /** Number of frames an owner holds as its own. */
  heldBy(owner: Owner): number {
    return this.held[owner]!;
  }

  /** The owner of a frame; NOBODY if it is free. */
  ownerOf(mfn: Mfn): Owner {
    return this.owners[mfn]! as Owner;
  }

  /** Whether `owner` may use a frame: its own, or granted to it. */
  mayUse(mfn: Mfn, owner: Owner): boolean {
    return this.owners[mfn] === owner || (this.grants.get(mfn)?.includes(owner) ?? false);
  }

  /** A frame of zeros. Errors: OutOfFramesError. */
  allocate(owner: Owner): Mfn {
    if (this.freeCount === 0) throw new OutOfFramesError(1, 0);
    let at = this.freeCount - 1;
    // Frames given back come in any order: step over a neighbour of the last one if there is another choice.
    if (Math.abs(this.stack[at]! - this.last) === 1 && at > 0) at--;
    const mfn = this.stack[at]!;
    this.remove(mfn);
    this.last = mfn;
    return this.give(mfn, owner);
  }

  /** The first of 512 frames that are one aligned 2 MB; undefined if there are none such. */
  allocateLarge(owner: Owner): Mfn | undefined {
    const group = this.freeOfGroup.indexOf(LARGE_FRAMES);
    if (group === -1) return undefined;
    const first = group * LARGE_FRAMES;
    for (let mfn = first; mfn < first + LARGE_FRAMES; mfn++) {
      this.remove(mfn);
      this.give(mfn, owner);
    }
    return first as Mfn;
  }

  /** Lets `to` use a frame of `owner` as well, until it releases it. */
  grant(mfn: Mfn, owner: Owner, to: Owner): void {
    if (this.owners[mfn] !== owner || owner === NOBODY) throw new RangeError(`frame ${mfn}: not the granter's`);
    const granted = this.grants.get(mfn) ?? [];
    granted.push(to);
    this.grants.set(mfn, granted);
    this.holders[mfn]!++;
  }

  /** `owner` lets go of a frame: one grant to it if it has one, else its own hold. The last holder frees the frame. */
  release(mfn: Mfn, owner: Owner): void {
    const granted = this.grants.get(mfn);
    const at = granted?.indexOf(owner) ?? -1;
    if (granted !== undefined && at !== -1) {
      granted.splice(at, 1);
      if (granted.length === 0) this.grants.delete(mfn);
    } else if (this.owners[mfn] !== owner || owner === NOBODY || this.ownHoldGone(mfn)) {
      throw new RangeError(`frame ${mfn}: released by ${this.nameOf(owner)}, which does not hold it`);
    }
    this.holders[mfn]!--;
    if (this.holders[mfn] !== 0) return;
    this.held[this.owners[mfn]!]!--;
    this.owners[mfn] = NOBODY;
    this.memory.clearFrame(mfn);
    this.push(mfn);
  }

  /** Frames that are not free, by the name of their owner: what a leak check looks at. Names without frames are left out. */
  framesByOwner(): Map<string, Mfn[]> {
    const found = new Map<string, Mfn[]>();
    for (let mfn = this.first; mfn < this.first + this.total; mfn++) {
      const owner = this.owners[mfn]!;
      if (owner === NOBODY) continue;
      const name = `${this.names[owner]}`;
      const frames = found.get(name);
      if (frames === undefined) found.set(name, [mfn as Mfn]);
      else frames.push(mfn as Mfn);
    }
    return found;
  }

  /** Whether the owner has released the frame and grants alone keep it. */
  private ownHoldGone(mfn: number): boolean {
    return this.holders[mfn] === (this.grants.get(mfn)?.length ?? 0);
  }

  private give(mfn: number, owner: Owner): Mfn {
    this.owners[mfn] = owner;
    this.holders[mfn] = 1;
    this.held[owner]!++;
    return mfn as Mfn;
  }

  private push(mfn: number): void {
    this.place[mfn] = this.freeCount;
    this.stack[this.freeCount++] = mfn;
    this.freeOfGroup[(mfn / LARGE_FRAMES) | 0]!++;
  }

  /** Takes a frame out of the stack; the one at its end moves to its place. */
  private remove(mfn: number): void {
    const end = this.stack[--this.freeCount]!;
    const at = this.place[mfn]!;
    this.stack[at] = end;
    this.place[end] = at;
    this.freeOfGroup[(mfn / LARGE_FRAMES) | 0]!--;
  }
}
