/**
 * The descriptor tables of ring deprivileging: a GDT and an LDT for the guest's kernel, and another pair for its programs where the two may not load the same
 * segments. They lie one pair behind the other in the monitor's range.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { Seg } from "../../../assembly/abi/x86.js";
import type { Gfn } from "../../address.js";
import type { Guest } from "../guest.js";
import { Words } from "../words.js";
import type { Descriptor } from "./segments.js";
import { type Raise, ShadowDescriptors, type Tracer } from "./shadow-descriptors.js";
import type { ShadowMemory } from "./shadow-memory.js";

/** Offset of the LDT in a pair: a GDT may have 64 KB. */
export const LDT_OFFSET = 0x10000;
/** Pages of a pair. */
export const PAIR_PAGES = 32;

const LDTR = Cpu.SEGS + Seg.LDTR * SegCache.SIZE;

/** Where the tables lie, and what may be in them. */
interface TablePlan {
  /** Pointers to the pages of the pairs. */
  pages: readonly (readonly number[])[];
  /** What the tables hold for code at each virtual privilege. */
  raise: readonly Raise[];
  /** First linear address that is the monitor's; 2^32 if segments need not end there. */
  top: number;
}

/** The shadow descriptor tables of one guest. */
export class DescriptorTables {
  private readonly pairs: readonly (readonly [gdt: ShadowDescriptors, ldt: ShadowDescriptors])[];
  private readonly raise: readonly Raise[];
  /** The pair in use. */
  private pair: readonly [gdt: ShadowDescriptors, ldt: ShadowDescriptors];
  /** Tables that lie in a traced frame. */
  private readonly users = new Map<Gfn, number>();

  constructor(vm: Guest, shadow: ShadowMemory, plan: TablePlan) {
    const tracer: Tracer = {
      watch: (gfn) => this.watch(shadow, gfn),
      unwatch: (gfn) => this.unwatch(shadow, gfn),
    };
    this.raise = plan.raise;
    this.pairs = plan.pages.map((pages) => {
      const table = (first: number) =>
        new ShadowDescriptors(
          new PagedWords(vm.core.memory, pages.slice(first)),
          vm.ram,
          shadow.paging,
          tracer,
          plan.top,
        );
      return [table(0), table(LDT_OFFSET >>> 12)];
    });
    this.pair = this.pairs[0]!;
  }

  /** Makes the tables for code at virtual `privilege` agree with the guest's own, which `virtual` names. */
  fill(virtual: Words, privilege: number): void {
    this.pair = this.pairs[privilege === 3 ? this.pairs.length - 1 : 0]!;
    const raise = this.raise[privilege]!;
    this.pair[0].update(virtual.get(Cpu.GDTR_BASE), virtual.get(Cpu.GDTR_LIMIT), raise);
    this.pair[1].update(virtual.get(LDTR + SegCache.BASE), ldtLimit(virtual), raise);
  }

  /** The guest's own descriptor for a selector, as the pair in use was made from it. */
  guests(selector: number): Descriptor | undefined {
    return this.pair[(selector & 4) === 0 ? 0 : 1].guests(selector >>> 3);
  }

  /** A store to guest frame `gfn` has been made. */
  stored(gfn: number): void {
    for (const [gdt, ldt] of this.pairs) {
      gdt.stored(gfn);
      ldt.stored(gfn);
    }
  }

  /** The mapping of the guest's tables may have changed. */
  remapped(): void {
    for (const [gdt, ldt] of this.pairs) {
      gdt.remapped();
      ldt.remapped();
    }
  }

  /** True if part of the tables in use lies in the page of `address`. */
  lies(address: number): boolean {
    return this.pair[0].lies(address) || this.pair[1].lies(address);
  }

  private watch(shadow: ShadowMemory, gfn: Gfn): void {
    const users = this.users.get(gfn) ?? 0;
    this.users.set(gfn, users + 1);
    if (users === 0) shadow.mmu.watch(gfn);
  }

  private unwatch(shadow: ShadowMemory, gfn: Gfn): void {
    const users = this.users.get(gfn)! - 1;
    if (users > 0) this.users.set(gfn, users);
    else {
      this.users.delete(gfn);
      shadow.mmu.unwatch(gfn);
    }
  }
}

/** Limit of the guest's LDT; -1 if it has none. */
export function ldtLimit(virtual: Words): number {
  const none = (virtual.get(LDTR + SegCache.SELECTOR) & 0xfffc) === 0;
  return none ? -1 : virtual.get(LDTR + SegCache.LIMIT);
}

/** Words that lie in frames of their own. */
class PagedWords extends Words {
  constructor(
    memory: WebAssembly.Memory,
    private readonly pages: readonly number[],
  ) {
    super(memory, 0);
  }

  override get(offset: number): number {
    return super.get(this.pages[offset >>> 12]! + (offset & 0xfff));
  }

  override set(offset: number, value: number): void {
    super.set(this.pages[offset >>> 12]! + (offset & 0xfff), value);
  }
}
