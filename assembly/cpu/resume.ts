/**
 * What happens between two instructions once Cpu.STOP is set: the fault is delivered, the pause of a REP instruction takes its tick.
 * The run loop asks for it, and so do the interpreter and the dispatch of regions, which then go on without leaving.
 */
import { Cpu, Stop } from "../abi/cpu";
import { Block } from "../abi/record";
import { Vmx } from "../abi/vmx";
import { exceptionExits } from "../vmx/events";
import { endEvent, exitRaised, restart } from "../vmx/exit";
import { active, vset } from "../vmx/state";
import { deliverFault } from "./interrupt";
import { cachedBlock, findAndCache } from "./next-cache";
import { fieldPtr, get, set } from "./state";

/** Lets `ticks` of virtual time and budget pass without an instruction. */
export function spend(ticks: i32): void {
  const ptr = fieldPtr(Cpu.SKIPPED);
  store<u64>(ptr, load<u64>(ptr) + ticks);
  set(Cpu.LEFT, get(Cpu.LEFT) - ticks);
  set(Cpu.SLICE, get(Cpu.SLICE) - ticks);
}

/** Delivers the raised fault while a monitor is active, unless it is an exit, or becomes one: an exit takes no tick. */
function settleWatched(): void {
  const exits =
    exitRaised() || exceptionExits(get(Cpu.FAULT_VECTOR), get(Cpu.FAULT_HAS_ERROR) != 0, get(Cpu.FAULT_ERROR));
  if (exits) {
    restart();
    return;
  }
  spend(1);
  deliverFault();
  if (exitRaised()) {
    spend(-1);
    restart();
  } else {
    vset(Vmx.SHADOW_BEFORE, 0);
    endEvent();
  }
}

/** Delivers the raised fault. */
function settleFault(): void {
  if (active() != 0) {
    settleWatched();
    return;
  }
  spend(1);
  deliverFault();
}

/** Does what Cpu.STOP asks for. Returns what is left of it: the bits that end run(). */
export function settleStop(): u32 {
  const stop = get(Cpu.STOP);
  if ((stop & Stop.FAULT) != 0) settleFault();
  else if ((stop & (Stop.REPEAT | Stop.UNTIMED)) == Stop.REPEAT) spend(1);
  const rest = get(Cpu.STOP) & (Stop.EXIT | Stop.HOST);
  set(Cpu.STOP, rest);
  return rest;
}

/**
 * The block to go on with behind an instruction that set Cpu.STOP: of the handler, if it faulted. 0: the run loop has something to do
 * first, or the budget does not cover the block.
 */
export function resume(): usize {
  if (settleStop() != 0 || get(Cpu.HALTED) != 0) return 0;
  if (<i32>get(Cpu.LEFT) <= 0 || get(Cpu.ATTENTION) != 0) return 0;
  let block = cachedBlock();
  if (block == 0) block = findAndCache();
  return block != 0 && load<i32>(block, Block.COUNT) <= <i32>get(Cpu.LEFT) ? block : 0;
}
