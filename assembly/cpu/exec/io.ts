/**
 * Ports: IN, OUT, INS, OUTS (SDM 2A/2B; SDM 1 18.5: IOPL and the permission map in the TSS).
 * Invariant: a port is touched only when nothing else of the instruction (or of the REP iteration) can fault any more.
 */
import { Cpu, SEG_USABLE, SegCache } from "../../abi/cpu";
import { Form, Rec } from "../../abi/record";
import { Cr0, Eflags, Reg, Seg, Vector } from "../../abi/x86";
import { portRead, portWrite } from "../../host";
import { checkWrite, loadSize, storeSize, sysLoad16 } from "../../mmu/access";
import { exitsPort, exitsPortString } from "../../vmx/intercept";
import { alignmentChecked } from "../control";
import { checkPortBreakpoint } from "../debug";
import { faulted, raiseCode, raiseGp } from "../fault";
import { tss32 } from "../frame";
import { form, size, truncate } from "../operand";
import { cpl, get, iopl, reg16, segBase, segPtr } from "../state";
import {
  advanceDestination,
  advanceSource,
  beginRepeat,
  countDown,
  destinationIndex,
  endRepeat,
  sourceIndex,
} from "./repeat";
import { registerOf, setRegisterOf } from "./width";

/** Offset of the I/O map base in a 32-bit TSS, and the smallest limit that holds it. */
const IO_BASE: u32 = 102;
const TSS_LIMIT: u32 = 103;

/** True if the permission map of the TSS allows `bytes` ports from `port`. Faults: #PF; then false. */
function mapAllows(port: u32, bytes: u32): bool {
  const tr = segPtr(Seg.TR);
  const limit = load<u32>(tr, SegCache.LIMIT);
  if ((load<u32>(tr, SegCache.ACCESS) & SEG_USABLE) == 0 || !tss32() || limit < TSS_LIMIT) return false;
  const at = sysLoad16(segBase(Seg.TR) + IO_BASE) + (port >>> 3);
  // Two bytes are always read, so the map ends with a byte of ones.
  if (faulted() || at + 1 > limit) return false;
  const bits = sysLoad16(segBase(Seg.TR) + at);
  return !faulted() && ((bits >>> (port & 7)) & ((1 << bytes) - 1)) == 0;
}

/** True if the current program may touch these ports; raises #GP(0) (or the map's #PF) otherwise. */
function portAllowed(port: u32, bytes: u32): bool {
  const checked = (get(Cpu.CR0) & Cr0.PE) != 0 && ((get(Cpu.EFLAGS) & Eflags.VM) != 0 || cpl() > iopl());
  if (!checked || mapAllows(port, bytes)) return true;
  if (!faulted()) raiseGp(0);
  return false;
}

/** Port of IN and OUT: the immediate, or DX. */
function portOf(rec: usize): u32 {
  return form(rec) == Form.IMM ? load<u32>(rec, Rec.IMM) & 0xff : reg16(Reg.EDX);
}

/** Reads a port. */
function readPort(port: u32, bytes: u32): u32 {
  checkPortBreakpoint(port, bytes);
  return truncate(portRead(port, bytes), bytes);
}

/** Writes a port. */
function writePort(port: u32, bytes: u32, value: u32): void {
  checkPortBreakpoint(port, bytes);
  portWrite(port, bytes, value);
}

/** IN. Faults: #GP(0), #PF by the permission map. */
export function opIn(rec: usize): void {
  const port = portOf(rec);
  if (!portAllowed(port, size(rec)) || exitsPort(rec, port, size(rec), true)) return;
  setRegisterOf(Reg.EAX, readPort(port, size(rec)), size(rec));
}

/** OUT. Faults: #GP(0), #PF by the permission map. */
export function opOut(rec: usize): void {
  const port = portOf(rec);
  if (!portAllowed(port, size(rec)) || exitsPort(rec, port, size(rec), false)) return;
  writePort(port, size(rec), registerOf(Reg.EAX, size(rec)));
}

/** INS: the destination is checked before the port is read. Faults: #GP(0), #PF, #AC. */
export function opIns(rec: usize): void {
  const bytes = size(rec);
  const port = reg16(Reg.EDX);
  // The permission is checked even if there is nothing to repeat.
  if (!portAllowed(port, bytes)) return;
  let left = beginRepeat(rec);
  while (left != 0) {
    const at = destinationIndex(rec);
    if (exitsPortString(rec, port, bytes, true, Seg.ES, at)) return;
    if (!checkWrite(Seg.ES, at, bytes)) return;
    if (alignmentChecked() && ((segBase(Seg.ES) + at) & (bytes - 1)) != 0) {
      raiseCode(Vector.AC, 0);
      return;
    }
    storeSize(Seg.ES, at, readPort(port, bytes), bytes);
    if (faulted()) return;
    advanceDestination(rec, 1);
    left = countDown(rec, left, 1);
  }
  endRepeat(rec);
}

/** OUTS. Faults: #GP(0), #SS(0), #PF, #AC. */
export function opOuts(rec: usize): void {
  const bytes = size(rec);
  const port = reg16(Reg.EDX);
  // The permission is checked even if there is nothing to repeat.
  if (!portAllowed(port, bytes)) return;
  let left = beginRepeat(rec);
  while (left != 0) {
    const seg: u32 = load<u8>(rec, Rec.SEG);
    if (exitsPortString(rec, port, bytes, false, seg, sourceIndex(rec))) return;
    const value = loadSize(seg, sourceIndex(rec), bytes);
    if (faulted()) return;
    writePort(port, bytes, value);
    advanceSource(rec, 1);
    left = countDown(rec, left, 1);
  }
  endRepeat(rec);
}
