/**
 * Which guest frames of a range were written since the log was last taken, as KVM_GET_DIRTY_LOG tells it: a bitmap that is
 * returned and cleared. Two ways to know: write-protect and learn of the first store, or let the processor set dirty flags (SDM 3C 28.2.5).
 * Invariant: a frame whose bit is clear and that is RAM is not writable (`protect`) or has a clear dirty flag (`flags`).
 */
import { Ept } from "../../assembly/abi/ept.js";
import type { Gfn } from "../address.js";
import { NO_FRAME, type P2m, type P2mListener, type StoreLog } from "./p2m.js";

/** How stores are noticed. */
export type DirtyLogKind = "protect" | "flags";

/** The dirty log of a range of guest frames. */
export class DirtyLog implements StoreLog {
  private readonly dirty: Uint32Array;
  /** A frame that comes while there is a log has another content than before. */
  private readonly listener: P2mListener = { mapped: (gfn) => this.markDirty(gfn) };

  /** Begins to log: all frames are clean. Large entries of the range are split. It is the map's log from now on. */
  constructor(
    private readonly p2m: P2m,
    readonly kind: DirtyLogKind,
    readonly first: Gfn,
    readonly count: number,
  ) {
    this.dirty = new Uint32Array((count + 31) >>> 5);
    p2m.log = this;
    p2m.listen(this.listener);
    for (let i = 0; i < count; i++) {
      p2m.split((first + i) as Gfn);
      this.clean((first + i) as Gfn);
    }
  }

  /** Whether a store to a guest frame must be noticed: it is in the range and clean. */
  isClean(gfn: number): boolean {
    if (!this.covers(gfn) || !this.p2m.mayWrite(gfn)) return false;
    return this.kind === "protect" ? this.p2m.isLogged(gfn) : !this.p2m.isDirty(gfn);
  }

  /** Notes a store to a guest frame; the frame is writable again. */
  markDirty(gfn: number): void {
    if (!this.covers(gfn)) return;
    const i = gfn - this.first;
    this.dirty[i >>> 5]! |= 1 << (i & 31);
    if (this.kind === "protect") this.p2m.setLogged(gfn as Gfn, false);
    else this.p2m.setDirtyFlag(gfn);
  }

  /** Frames written since the last call, bit n of word m for frame first + 32 m + n; all are clean again. */
  take(): Uint32Array {
    for (let i = 0; i < this.count; i++) {
      const gfn = (this.first + i) as Gfn;
      if (this.kind === "flags" && this.p2m.isDirty(gfn)) this.dirty[i >>> 5]! |= 1 << (i & 31);
      if (((this.dirty[i >>> 5]! >>> (i & 31)) & 1) !== 0) this.clean(gfn);
    }
    const taken = this.dirty.slice();
    this.dirty.fill(0);
    return taken;
  }

  /** Ends logging: protected frames are writable again. */
  stop(): void {
    this.p2m.unlisten(this.listener);
    if (this.p2m.log === this) this.p2m.log = undefined;
    if (this.kind === "protect")
      for (let i = 0; i < this.count; i++) this.p2m.setLogged((this.first + i) as Gfn, false);
  }

  private covers(gfn: number): boolean {
    return gfn >= this.first && gfn - this.first < this.count;
  }

  private clean(gfn: Gfn): void {
    if (this.p2m.mfn(gfn) === NO_FRAME) return;
    if (this.kind === "protect") this.p2m.setLogged(gfn, true);
    else if (this.p2m.takeFlags(gfn, Ept.D) === 0) this.p2m.revoke(gfn);
  }
}
