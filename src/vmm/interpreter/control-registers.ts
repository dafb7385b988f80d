/**
 * Control registers of a guest's kernel (SDM 2B "MOV", 2A "CLTS", "INVLPG"). What changes the meaning of its page tables, besides CR3, or of its segments is
 * interpreted.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Cr0, Cr4 } from "../../../assembly/abi/x86.js";
import type { Words } from "../words.js";
import { Outcome } from "../kind.js";
import { advance } from "./advance.js";
import type { Decoded, Deprivileged } from "./decoded.js";

/** Bits that a guest may change while it runs directly, and that the real register has too. */
const PLAIN_CR0 = Cr0.MP | Cr0.EM | Cr0.TS | Cr0.NE;
const PLAIN_CR4 = Cr4.TSD | Cr4.PCE;

/** Where control registers are; CR2 is the guest's own. */
const REGISTERS: Partial<Record<number, number>> = { 0: Cpu.CR0, 2: Cpu.CR2, 3: Cpu.CR3, 4: Cpu.CR4 };

/** Reads a virtual control register. */
export function emulateMovFromCr(guest: Deprivileged, instruction: Decoded): Outcome {
  const register = REGISTERS[instruction.byte(Rec.REG)];
  if (register === undefined) return Outcome.INTERPRET;
  guest.state.set(instruction.byte(Rec.RM), (register === Cpu.CR2 ? guest.state : guest.virtual).get(register));
  return advance(guest, instruction.byte(Rec.LENGTH));
}

/** Changes the bits `plain` of a control register, virtual and real; false if others would change. */
function change(virtual: Words, state: Words, register: number, value: number, plain: number): boolean {
  const before = virtual.get(register);
  if (((before ^ value) & ~plain) !== 0) return false;
  virtual.set(register, value);
  state.set(register, (state.get(register) & ~plain) | (value & plain));
  return true;
}

/** Writes a virtual control register. */
export function emulateMovToCr(guest: Deprivileged, instruction: Decoded): Outcome {
  const { state, virtual } = guest;
  const value = state.get(instruction.byte(Rec.RM));
  let done = false;
  switch (instruction.byte(Rec.REG)) {
    case 0:
      done = change(virtual, state, Cpu.CR0, value | Cr0.ET, PLAIN_CR0);
      break;
    case 2:
      state.set(Cpu.CR2, value);
      virtual.set(Cpu.CR2, value);
      done = true;
      break;
    case 3:
      done = guest.loadCr3(value);
      break;
    case 4:
      done = change(virtual, state, Cpu.CR4, value, PLAIN_CR4);
      break;
  }
  return done ? advance(guest, instruction.byte(Rec.LENGTH)) : Outcome.INTERPRET;
}

/** Clears the task-switched flag. */
export function emulateClts(guest: Deprivileged, instruction: Decoded): Outcome {
  for (const words of [guest.virtual, guest.state]) words.set(Cpu.CR0, words.get(Cpu.CR0) & ~Cr0.TS);
  return advance(guest, instruction.byte(Rec.LENGTH));
}

/** Drops the translation of a page. */
export function emulateInvlpg(guest: Deprivileged, instruction: Decoded): Outcome {
  guest.invalidatePage(instruction.address());
  return advance(guest, instruction.byte(Rec.LENGTH));
}
