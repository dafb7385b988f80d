/**
 * Machine RAM as the memory management of the VMM uses it: typed views, and word of every store that may hit decoded code.
 * Invariant: whoever stores into a frame a guest may execute from calls `written` afterwards.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Layout } from "../../assembly/abi/layout.js";

/** The part of a core that owns machine RAM. */
interface MemoryOwner {
  /** The linear memory. */
  readonly memory: { readonly buffer: ArrayBufferLike };
  /** Machine RAM: index 0 is machine address 0. */
  readonly ram: Uint8Array;
  readonly exports: { ramWritten(ma: number, bytes: number): void };
}

/** Machine RAM by machine address. */
export class MachineMemory {
  /** Bytes; the index is the machine address. */
  readonly bytes: Uint8Array;
  /** 32-bit words; the index is a quarter of the machine address. */
  readonly words: Uint32Array;
  /** Frames there are. */
  readonly frames: number;
  private readonly codeMap: Uint32Array;

  /** Views of the machine RAM of `owner`. */
  constructor(private readonly owner: MemoryOwner) {
    const { ram } = owner;
    this.bytes = ram;
    this.words = new Uint32Array(ram.buffer, ram.byteOffset, ram.length >>> 2);
    this.frames = ram.length >>> 12;
    const codeMapPtr = new DataView(owner.memory.buffer).getUint32(Layout.CPU + Cpu.CODE_MAP_PTR, true);
    this.codeMap = new Uint32Array(ram.buffer, codeMapPtr, this.frames * 2);
  }

  /** Tells the machine of a store of `bytes` bytes at `ma`: code decoded from them is dropped. */
  written(ma: number, bytes: number): void {
    const last = (ma + bytes - 1) >>> 12;
    for (let frame = ma >>> 12; frame <= last; frame++) {
      if ((this.codeMap[2 * frame]! | this.codeMap[2 * frame + 1]!) !== 0) {
        this.owner.exports.ramWritten(ma, bytes);
        return;
      }
    }
  }

  /** Makes every byte of a frame zero. */
  clearFrame(mfn: number): void {
    this.words.fill(0, mfn << 10, (mfn + 1) << 10);
    this.written(mfn * 4096, 4096);
  }
}
