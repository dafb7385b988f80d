/**
 * One instruction by itself, through its generic function: for steps, for the tail of a budget and for what a region leaves
 * to the interpreter.
 */
import { Cpu, Stop } from "../abi/cpu";
import { Layout } from "../abi/layout";
import { Block, Rec, RecFlag } from "../abi/record";
import { fetch } from "./fetch";
import { nextEip } from "./operand";
import { get, set } from "./state";
import { perform } from "./translated";

/** Where a single instruction is decoded: the record of the lone block at the start of the pool. */
const SINGLE_RECORD: usize = Layout.BLOCK_POOL + Block.RECORDS;

/** Executes the instruction at EIP, taking one from LEFT if it retires. Faults and exits are left in Cpu.STOP, EIP where the guest is. */
export function executeOne(): void {
  if (fetch(SINGLE_RECORD, get(Cpu.EIP), get(Cpu.MODE)) == 0) return;
  store<u8>(SINGLE_RECORD, 0, Rec.INDEX);
  set(Cpu.LEFT, get(Cpu.LEFT) - 1);
  set(Cpu.GIVEN, 1);
  perform(SINGLE_RECORD);
  settle(SINGLE_RECORD, 1);
}

/** After `rec`, of a block that was given `given` instructions: takes back those not executed, and puts EIP where the guest is. */
export function settle(rec: usize, given: i32): void {
  const index: i32 = load<u8>(rec, Rec.INDEX);
  const unfinished = (get(Cpu.STOP) & (Stop.FAULT | Stop.REPEAT)) != 0;
  set(Cpu.LEFT, get(Cpu.LEFT) + given - (unfinished ? index : index + 1));
  set(Cpu.GIVEN, 0);
  if (unfinished) set(Cpu.EIP, load<u32>(rec, Rec.EIP));
  else if ((load<u16>(rec, Rec.FLAGS) & RecFlag.ENDS) == 0) set(Cpu.EIP, nextEip(rec));
}
