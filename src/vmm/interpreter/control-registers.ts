/**
 * MOV from CR0, CR2, CR3 and CR4, and INVLPG, of a guest's kernel (SDM 2B "MOV", 2A "INVLPG"). What changes control registers is interpreted.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Outcome } from "../kind.js";
import { advance } from "./advance.js";
import type { Decoded, Deprivileged } from "./decoded.js";

/** Reads a virtual control register. */
export function emulateMovFromCr(guest: Deprivileged, instruction: Decoded): Outcome {
  const { state, virtual } = guest;
  const values: Partial<Record<number, number>> = {
    0: virtual.get(Cpu.CR0),
    2: state.get(Cpu.CR2),
    3: virtual.get(Cpu.CR3),
    4: virtual.get(Cpu.CR4),
  };
  const value = values[instruction.byte(Rec.REG)];
  if (value === undefined) return Outcome.INTERPRET;
  state.set(instruction.byte(Rec.RM), value);
  return advance(guest, instruction.byte(Rec.LENGTH));
}

/** Drops the translation of a page. */
export function emulateInvlpg(guest: Deprivileged, instruction: Decoded): Outcome {
  guest.invalidatePage(instruction.address());
  return advance(guest, instruction.byte(Rec.LENGTH));
}
