/**
 * How an address of a machine's guest is translated at the moment, entry by entry. Looking changes nothing.
 */
import { Layout } from "../../assembly/abi/layout.js";
import { gva } from "../address.js";
import { BareRam, type GuestRam } from "../core/guest-ram.js";
import { StatePaging } from "../mm/guest-paging.js";
import { type Inspection, inspect } from "../mm/inspect.js";
import type { TableMemory } from "../mm/walk-guest.js";
import type { Machine } from "./machine.js";

/**
 * Follows the linear address `address` through the guest's tables and, under a monitor, through shadow tables and EPT. On the bare
 * machine, and in a paravirtual domain, the guest's tables are all there is. Not while the machine runs.
 */
export function inspectAddress(machine: Machine, address: number): Inspection {
  const { vm, core, ram } = machine;
  // Outside a run the processor holds the current VM's virtual state.
  vm?.activate();
  const state = new StatePaging(core.memory, Layout.CPU);
  // The tables of a paravirtual domain hold machine addresses: they are the processor's own.
  const direct = vm?.options.mmu === "direct";
  const memory = vm === undefined || direct ? tablesIn(direct ? new BareRam(core) : ram) : vm.ram;
  return inspect({ memory, state, shadow: vm?.shadowTables }, gva(address));
}

/** RAM of the bare machine; beyond it a walk reads all ones. */
function tablesIn(ram: GuestRam): TableMemory {
  return {
    read32(pa) {
      if (pa + 4 > ram.length) return 0xffffffff;
      const bytes = ram.read(pa, 4);
      return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    },
  };
}
