/**
 * The registers that a guest's address translation depends on, read where the guest's virtual state lies: a Cpu layout in linear memory.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Cr0, Cr4 } from "../../assembly/abi/x86.js";

/** Registers as the guest believes them to be (SDM 3A 4.1). */
export interface GuestPaging {
  readonly cr0: number;
  readonly cr3: number;
  readonly cr4: number;
  /** And-mask of physical addresses below 4 GB: the A20 gate. */
  readonly a20Mask: number;
  /** Low word of a page-directory-pointer register (SDM 3A 4.4.1). */
  pdpteLow(i: number): number;
  /** High word of it. */
  pdpteHigh(i: number): number;
}

/** Whether paging is on. */
export function pagingOn(state: GuestPaging): boolean {
  return (state.cr0 & Cr0.PG) !== 0;
}

/** Whether PAE paging is on. */
export function paeOn(state: GuestPaging): boolean {
  return pagingOn(state) && (state.cr4 & Cr4.PAE) !== 0;
}

/** The paging registers of a processor state in linear memory, as they are at each look. */
export class StatePaging implements GuestPaging {
  private readonly words: Uint32Array;

  /** The state that begins at `ptr` (assembly/abi/cpu.ts). */
  constructor(memory: { readonly buffer: ArrayBufferLike }, ptr: number) {
    this.words = new Uint32Array(memory.buffer, ptr, Cpu.SIZE / 4);
  }

  get cr0(): number {
    return this.words[Cpu.CR0 / 4]!;
  }
  get cr3(): number {
    return this.words[Cpu.CR3 / 4]!;
  }
  get cr4(): number {
    return this.words[Cpu.CR4 / 4]!;
  }
  get a20Mask(): number {
    return this.words[Cpu.A20_MASK / 4]!;
  }
  pdpteLow(i: number): number {
    return this.words[Cpu.PDPTE / 4 + 2 * i]!;
  }
  pdpteHigh(i: number): number {
    return this.words[Cpu.PDPTE / 4 + 2 * i + 1]!;
  }
}
