/**
 * The map of one virtual machine from guest frames to machine frames, kept as its EPT tables (SDM 3C 28.2): what the processor walks
 * under `ept`, the machine's interpretation of a guest always, and the shadow tables' source.
 * Invariants: a leaf names a frame the VM holds; W is set in a leaf only if stores are permitted, its type is RAM and the dirty log
 * does not wait for a store; whoever listens is told of each right that goes away, before anybody else can notice.
 */
import { EPT_LOGGED, EPT_MAY_WRITE, EPT_RIGHTS, EPT_TYPE_SHIFT, Ept, FrameType } from "../../assembly/abi/ept.js";
import type { Gfn, Mfn } from "../address.js";
import { EptTables } from "./ept-tables.js";
import { type FrameAllocator, LARGE_FRAMES, type Owner } from "./frame-allocator.js";
import type { MachineMemory } from "./machine-memory.js";

/** Who wants to know that translations made from the map have changed. */
export interface P2mListener {
  /** A guest frame that was absent is there. */
  mapped?(gfn: Gfn): void;
  /** A guest frame is no longer this machine frame. */
  unmapped?(gfn: Gfn, mfn: Mfn): void;
  /** A guest frame may not be written, or not be executed, any more; or its dirty or accessed flag was cleared. */
  restricted?(gfn: Gfn, mfn: Mfn): void;
}

/** Who keeps account of stores to guest frames: the dirty log. */
export interface StoreLog {
  /** Whether a store to a guest frame must be noticed. */
  isClean(gfn: number): boolean;
  /** Notes a store to a guest frame, which need not be noticed again until the log is taken. */
  markDirty(gfn: number): void;
}

/** Who holds a VM's memory and who the tables about it. */
interface P2mOwners {
  /** The VM: its guest frames. */
  vm: Owner;
  /** The VMM on the VM's behalf: the tables. */
  tables: Owner;
}

/** What lookups return for a guest frame that is not there. */
export const NO_FRAME = -1;

/** Rights a frame has when nothing else is said. */
const DEFAULT_RIGHTS: Record<FrameType, number> = {
  [FrameType.RAM]: EPT_RIGHTS,
  [FrameType.TRACED]: EPT_RIGHTS,
  [FrameType.ROM]: Ept.R | Ept.X,
  [FrameType.ABSENT]: 0,
};

/** Guest frames to machine frames. */
export class P2m {
  /** The tables as such, for those who look at entries. */
  readonly tables: EptTables;
  /** The dirty log, while there is one. Whoever stores on the VM's behalf tells it. */
  log: StoreLog | undefined;
  private readonly listeners = new Set<P2mListener>();

  /** An empty map. Errors: OutOfFramesError. */
  constructor(
    readonly memory: MachineMemory,
    readonly allocator: FrameAllocator,
    readonly owners: P2mOwners,
  ) {
    this.tables = new EptTables(memory, allocator, owners.tables);
  }

  /** Value for the EPT-pointer field: write-back, four levels, accessed and dirty flags (SDM 3C 24.6.11). */
  get eptp(): number {
    return this.tables.root * 4096 + 0x5e;
  }

  /** Tells `listener` of changes from now on. */
  listen(listener: P2mListener): void {
    this.listeners.add(listener);
  }

  /** Ends that. */
  unlisten(listener: P2mListener): void {
    this.listeners.delete(listener);
  }

  /** The machine frame of a guest frame, or NO_FRAME. */
  mfn(gfn: number): Mfn | typeof NO_FRAME {
    const at = this.tables.find(gfn);
    if (at < 0) return NO_FRAME;
    const low = this.memory.words[at]!;
    return ((low >>> 12) + ((low & Ept.LARGE) === 0 ? 0 : gfn & (LARGE_FRAMES - 1))) as Mfn;
  }

  /** What a guest frame is. */
  type(gfn: number): FrameType {
    const at = this.tables.find(gfn);
    return at < 0 ? FrameType.ABSENT : (this.memory.words[at + 1]! >>> EPT_TYPE_SHIFT) & 3;
  }

  /** Whether a store to a guest frame needs nobody's attention. */
  writable(gfn: number): boolean {
    const at = this.tables.find(gfn);
    return at >= 0 && (this.memory.words[at]! & Ept.W) !== 0;
  }

  /** Whether a guest frame is RAM that the guest may write, if perhaps only after the VMM has looked. */
  mayWrite(gfn: number): boolean {
    const at = this.tables.find(gfn);
    return at >= 0 && (this.memory.words[at + 1]! & EPT_MAY_WRITE) !== 0;
  }

  /** Whether a guest frame waits for its first store since the dirty log was last taken by write protection. */
  isLogged(gfn: number): boolean {
    const at = this.tables.find(gfn);
    return at >= 0 && (this.memory.words[at + 1]! & EPT_LOGGED) !== 0;
  }

  /** Makes a guest frame a machine frame. Errors: RangeError if the VM does not hold it. */
  map(gfn: Gfn, mfn: Mfn, type: FrameType = FrameType.RAM, rights: number = DEFAULT_RIGHTS[type]): void {
    if (!this.allocator.mayUse(mfn, this.owners.vm)) {
      throw new RangeError(`frame ${mfn}: not one of ${this.allocator.nameOf(this.owners.vm)}`);
    }
    this.place(gfn, mfn, type, rights);
  }

  /** Makes 512 guest frames from `gfn` on one 2 MB entry. All must be absent, and both numbers multiples of 512. */
  mapLarge(gfn: Gfn, mfn: Mfn): void {
    this.setLeaf(this.tables.makeLarge(gfn), mfn, FrameType.RAM, EPT_RIGHTS, Ept.LARGE);
    for (let i = 0; i < LARGE_FRAMES; i++) for (const listener of this.listeners) listener.mapped?.((gfn + i) as Gfn);
  }

  /** Gives the VM fresh frames for `count` guest frames from `gfn` on, by 2 MB if `large` and there are such. */
  populate(gfn: Gfn, count: number, options: { type?: FrameType; large?: boolean } = {}): void {
    const { type = FrameType.RAM, large = false } = options;
    const { vm } = this.owners;
    const end = gfn + count;
    for (let at = gfn as number; at < end; ) {
      const fits = large && type === FrameType.RAM && at % LARGE_FRAMES === 0 && end - at >= LARGE_FRAMES;
      const group = fits ? this.allocator.allocateLarge(vm) : undefined;
      if (group !== undefined) {
        this.mapLarge(at as Gfn, group);
        at += LARGE_FRAMES;
      } else this.place(at++ as Gfn, this.allocator.allocate(vm), type, DEFAULT_RIGHTS[type]);
    }
  }

  /** Makes a guest frame absent; returns the frame it was, which the VM still holds, or NO_FRAME. */
  unmap(gfn: Gfn): Mfn | typeof NO_FRAME {
    const mfn = this.mfn(gfn);
    if (mfn === NO_FRAME) return mfn;
    this.tables.split(gfn);
    this.tables.clear(gfn);
    for (const listener of this.listeners) listener.unmapped?.(gfn, mfn);
    return mfn;
  }

  /** Makes a guest frame absent and gives its machine frame back. */
  discard(gfn: Gfn): void {
    const mfn = this.unmap(gfn);
    if (mfn !== NO_FRAME) this.allocator.release(mfn, this.owners.vm);
  }

  /** Begins or ends tracing of a RAM frame: of stores to a guest's page table. Nothing but RAM is ever traced. */
  setTraced(gfn: Gfn, traced: boolean): void {
    if (this.type(gfn) !== (traced ? FrameType.RAM : FrameType.TRACED) || !this.mayWrite(gfn)) return;
    this.tables.split(gfn);
    const at = this.tables.find(gfn);
    const { words } = this.memory;
    const type = traced ? FrameType.TRACED : FrameType.RAM;
    words[at + 1] = (words[at + 1]! & ~(3 << EPT_TYPE_SHIFT)) | (type << EPT_TYPE_SHIFT);
    this.settleWrite(gfn, at);
  }

  /** Write-protects a guest frame for the dirty log, or ends that; returns whether it did. */
  setLogged(gfn: Gfn, logged: boolean): boolean {
    if (this.isLogged(gfn) === logged || !this.mayWrite(gfn)) return false;
    this.tables.split(gfn);
    const at = this.tables.find(gfn);
    this.memory.words[at + 1]! ^= EPT_LOGGED;
    this.settleWrite(gfn, at);
    return true;
  }

  /** Clears accessed or dirty flags of a guest frame's leaf; returns those that were set. */
  takeFlags(gfn: Gfn, flags: number): number {
    const at = this.tables.find(gfn);
    if (at < 0) return 0;
    const set = this.memory.words[at]! & flags;
    if (set === 0) return 0;
    this.memory.words[at]! &= ~set;
    this.revoke(gfn);
    return set;
  }

  /** Sets accessed and dirty of a guest frame: the VMM has stored there. */
  setDirtyFlag(gfn: number): void {
    const at = this.tables.find(gfn);
    if (at >= 0) this.memory.words[at]! |= Ept.A | Ept.D;
  }

  /** Whether the dirty flag of a guest frame is set. */
  isDirty(gfn: number): boolean {
    const at = this.tables.find(gfn);
    return at >= 0 && (this.memory.words[at]! & Ept.D) !== 0;
  }

  /** Calls `visit` for each frame that was used since the last harvest, and clears the accessed flags. */
  harvestAccessed(gfn: Gfn, count: number, visit: (gfn: Gfn) => void): void {
    for (let at = gfn as number; at < gfn + count; at++) {
      if (this.takeFlags(at as Gfn, Ept.A) !== 0) visit(at as Gfn);
    }
  }

  /** Makes everybody who derived rights from a frame's entry give them up, to ask again when they need them. */
  revoke(gfn: Gfn): void {
    const mfn = this.mfn(gfn);
    if (mfn !== NO_FRAME) for (const listener of this.listeners) listener.restricted?.(gfn, mfn);
  }

  /** Splits the 2 MB entry that covers a guest frame, if there is one. */
  split(gfn: Gfn): void {
    this.tables.split(gfn);
  }

  /** Gives back all of the VM's frames that are mapped, and the tables. Nobody is told; the map is not usable afterwards. */
  destroy(): void {
    const released = new Set<number>();
    this.tables.forEachLeaf((_gfn, mfn, frames) => {
      for (let frame = mfn as number; frame < mfn + frames; frame++) {
        if (!released.has(frame)) this.allocator.release(frame as Mfn, this.owners.vm);
        released.add(frame);
      }
    });
    this.tables.destroy();
  }

  /** Makes a guest frame a frame that the VM holds. */
  private place(gfn: Gfn, mfn: Mfn, type: FrameType, rights: number): void {
    const at = this.tables.make(gfn);
    if ((this.memory.words[at]! & EPT_RIGHTS) !== 0) this.unmap(gfn);
    this.setLeaf(at, mfn, type, rights, 0);
    for (const listener of this.listeners) listener.mapped?.(gfn);
  }

  private setLeaf(at: number, mfn: Mfn, type: FrameType, rights: number, large: number): void {
    const { words } = this.memory;
    const mayWrite = (rights & Ept.W) !== 0 && type !== FrameType.ROM;
    const granted = mayWrite && type === FrameType.RAM ? rights : rights & ~Ept.W;
    words[at] = (mfn * 4096) | Ept.WB | large | granted;
    words[at + 1] = (type << EPT_TYPE_SHIFT) | (mayWrite ? EPT_MAY_WRITE : 0);
  }

  /** Sets W by what stands against stores, and tells if it went away. */
  private settleWrite(gfn: Gfn, at: number): void {
    const { words } = this.memory;
    const high = words[at + 1]!;
    const open = (high & EPT_LOGGED) === 0 && ((high >>> EPT_TYPE_SHIFT) & 3) === FrameType.RAM;
    const had = (words[at]! & Ept.W) !== 0;
    words[at] = open ? words[at]! | Ept.W : words[at]! & ~Ept.W;
    if (had && !open) this.revoke(gfn);
  }
}
