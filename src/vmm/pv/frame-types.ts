/**
 * What each machine frame is to a domain, with counts: the heart of direct paging (Barham et al. 2003, 3.3.3). A frame has one type at a
 * time, and the type can change only when nobody relies on it any more.
 * Invariants: only frames the domain holds, or that are shared with it, are ever referenced; a frame with type count > 0 and type L1, L2 or SEGMENT is
 * mapped writable nowhere, and its content has been validated; `references` counts every mapping, pin and register that names the frame.
 */
import type { MachineMemory } from "../../mm/machine-memory.js";

/** What a frame is used as. */
export enum FrameUse {
  NONE = 0,
  /** Page table. */
  L1 = 1,
  /** Page directory. */
  L2 = 2,
  /** Part of a GDT or LDT. */
  SEGMENT = 3,
  /** Mapped writable somewhere. */
  WRITABLE = 4,
}

/** Whose frame it is. */
export enum Holding {
  /** Not to be seen by the domain. */
  FOREIGN = 0,
  /** The domain's own memory. */
  OWN = 1,
  /** The monitor's, and mapped by the domain as memory. */
  SHARED = 2,
}

/** Checks a frame's content before it becomes of a use, and gives up what that content referred to. */
export interface FrameContent {
  /** Takes what the frame's content refers to; false if the content must not be so, then nothing is taken. */
  validate(mfn: number, use: FrameUse): boolean;
  /** Gives it up. */
  devalidate(mfn: number, use: FrameUse): void;
}

/** The frames of one domain. */
export class FrameTypes {
  /** Why something was refused, and how often. */
  readonly refused = new Map<string, number>();
  /** Contents checked, by use. */
  readonly validations = new Uint32Array(5);
  content!: FrameContent;
  private readonly holding: Uint8Array;
  private readonly uses: Uint8Array;
  private readonly useCounts: Uint32Array;
  private readonly references: Uint32Array;
  private readonly pins: Uint8Array;
  /** Flushes made when the frame was mapped last, plus one; 0: never. */
  private readonly stamps: Uint32Array;
  private flushes = 1;

  /** `flush` drops the translations of the domain. */
  constructor(
    private readonly memory: MachineMemory,
    readonly flush: () => void,
  ) {
    const { frames } = memory;
    this.holding = new Uint8Array(frames);
    this.uses = new Uint8Array(frames);
    this.useCounts = new Uint32Array(frames);
    this.references = new Uint32Array(frames);
    this.pins = new Uint8Array(frames);
    this.stamps = new Uint32Array(frames);
  }

  /** Number of frames of the machine. */
  get frames(): number {
    return this.memory.frames;
  }

  /** Forgets everything. */
  reset(): void {
    for (const array of [this.holding, this.uses, this.useCounts, this.references, this.pins, this.stamps])
      array.fill(0);
  }

  /** The domain gets a frame, or shares it. */
  hold(mfn: number, holding: Holding): void {
    this.holding[mfn] = holding;
  }

  /** The domain gives a frame up; nobody refers to it. A translation of it may still be cached: that goes first. */
  letGo(mfn: number): void {
    this.settle(mfn);
    this.holding[mfn] = Holding.FOREIGN;
    this.uses[mfn] = FrameUse.NONE;
  }

  /** Whose a frame is; FOREIGN for what is no frame. */
  holdingOf(mfn: number): Holding {
    return mfn < this.holding.length ? this.holding[mfn]! : Holding.FOREIGN;
  }

  /** True if the domain's own memory. */
  owns(mfn: number): boolean {
    return this.holdingOf(mfn) === Holding.OWN;
  }

  /** What a frame is in use as, NONE if nobody relies on it. */
  useOf(mfn: number): FrameUse {
    return this.useCounts[mfn] === 0 ? FrameUse.NONE : this.uses[mfn]!;
  }

  /** How many rely on its use. */
  useCountOf(mfn: number): number {
    return this.useCounts[mfn]!;
  }

  /** How many refer to it. */
  referencesOf(mfn: number): number {
    return this.references[mfn]!;
  }

  /** True if the domain has pinned it. */
  isPinned(mfn: number): boolean {
    return this.pins[mfn] !== 0;
  }

  /** Notes that the domain has pinned a frame or not. */
  setPinned(mfn: number, pinned: boolean): void {
    this.pins[mfn] = pinned ? 1 : 0;
  }

  /** Refers to a frame without relying on its use; false if the domain may not. */
  getFrame(mfn: number): boolean {
    if (this.holdingOf(mfn) === Holding.FOREIGN) return this.refuse("foreign frame");
    this.references[mfn]!++;
    return true;
  }

  /** Gives such a reference up. */
  putFrame(mfn: number): void {
    if (--this.references[mfn]! === 0) this.stamps[mfn] = this.flushes;
  }

  /** Refers to a frame and relies on it being of `use`; false if it cannot be. */
  getFrameAs(mfn: number, use: FrameUse): boolean {
    if (!this.getFrame(mfn)) return false;
    if (this.getUse(mfn, use)) return true;
    this.putFrame(mfn);
    return false;
  }

  /** Gives that up. */
  putFrameAs(mfn: number): void {
    this.putUse(mfn);
    this.putFrame(mfn);
  }

  private getUse(mfn: number, use: FrameUse): boolean {
    if (this.useCounts[mfn] !== 0) {
      if (this.uses[mfn] !== use)
        return this.refuse(`${FrameUse[use]} of a frame in use as ${FrameUse[this.uses[mfn]!]}`);
      this.useCounts[mfn]!++;
      return true;
    }
    if (use === FrameUse.WRITABLE) {
      this.uses[mfn] = use;
      this.useCounts[mfn] = 1;
      return true;
    }
    if (this.holding[mfn] !== Holding.OWN) return this.refuse("table in a shared frame");
    // While the content is looked at, the frame is of the use: a table that maps itself writable is refused.
    this.settle(mfn);
    this.uses[mfn] = use;
    this.useCounts[mfn] = 1;
    this.validations[use]!++;
    if (this.content.validate(mfn, use)) return true;
    this.useCounts[mfn] = 0;
    return false;
  }

  private putUse(mfn: number): void {
    if (--this.useCounts[mfn]! !== 0) return;
    const use: FrameUse = this.uses[mfn]!;
    if (use === FrameUse.WRITABLE) this.stamps[mfn] = this.flushes;
    else this.content.devalidate(mfn, use);
  }

  /** No stale translation may let the domain write to the frame, or see it. */
  private settle(mfn: number): void {
    if (this.stamps[mfn] === this.flushes) this.flush();
    this.stamps[mfn] = 0;
  }

  /** The domain's translations have been dropped. */
  flushed(): void {
    this.flushes++;
  }

  /** Counts a refusal; returns false. */
  refuse(reason: string): false {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
    return false;
  }
}
