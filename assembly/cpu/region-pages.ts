/**
 * The pages that the code of a region lies in: whether they are still where they were, and the instructions that a region itself has
 * drop translations.
 */
import { Cpu } from "../abi/cpu";
import { PageList } from "../abi/region";
import { Cr0, Cr4 } from "../abi/x86";
import { executesAt, flushPage, relyOn } from "../mmu/tlb";
import { reloadCr3 } from "./cr";
import { cpl, get } from "./state";

/**
 * For regions: true if the linear pages of `list` (count, then linear address and pointer of each) are executable now and lie at
 * those pointers. The answer holds for this privilege until the map epoch moves, which is noted in the list. Raises nothing.
 */
export function pagesHold(list: usize): u32 {
  const user = get(Cpu.CONTEXT) & 1;
  const pages = load<u32>(list, PageList.COUNT);
  let holds: u32 = 1;
  for (let i: u32 = 0; i < pages; i++) {
    const at = list + PageList.PAGES + (i << 3);
    relyOn(load<u32>(at));
    if (!executesAt(load<u32>(at), <usize>load<u32>(at + 4), user)) holds = 0;
  }
  if (holds != 0) store<u32>(list + (user << 2), get(Cpu.MAP_EPOCH), PageList.EPOCH);
  return holds;
}

/** For regions that no monitor watches: INVLPG of `lin`. 0: it is for the interpreter to say what comes of it. */
export function flushPageInRegion(lin: u32): u32 {
  if (cpl() != 0) return 0;
  flushPage(lin);
  return 1;
}

/** The same for MOV CR3 of `value`. The tables of PAE paging may fault. */
export function loadCr3InRegion(value: u32): u32 {
  if (cpl() != 0 || ((get(Cpu.CR0) & Cr0.PG) != 0 && (get(Cpu.CR4) & Cr4.PAE) != 0)) return 0;
  reloadCr3(value);
  return 1;
}
