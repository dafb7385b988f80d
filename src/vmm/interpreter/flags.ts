/**
 * PUSHFD and POPFD of a guest's kernel where they trap: the flags with the virtual IF and IOPL (SDM 2B "PUSHF/PUSHFD/PUSHFQ", "POPF/POPFD/POPFQ"). 16-bit forms,
 * and flags that are more than bits to a monitor, are interpreted.
 */
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Access, ARITHMETIC_FLAGS, Eflags, Reg } from "../../../assembly/abi/x86.js";
import { Outcome } from "../kind.js";
import { advance } from "./advance.js";
import type { Decoded, Deprivileged } from "./decoded.js";
import { stackWord } from "./stack.js";

/** Flags that only the virtual state has. */
const VIRTUAL = Eflags.IF | Eflags.IOPL | Eflags.VIF | Eflags.VIP;
/** Flags that POPFD sets and direct execution goes on with. */
const PLAIN = ARITHMETIC_FLAGS | Eflags.DF;
/** Flags whose change the machine has to make. */
const OTHERS = Eflags.TF | Eflags.NT | Eflags.AC | Eflags.ID;
const ESP = Cpu.REGS + 4 * Reg.ESP;

/** Pushes the virtual flags. */
export function emulatePushf(guest: Deprivileged, instruction: Decoded): Outcome {
  const { state, virtual, core } = guest;
  const top = state.get(ESP) - 4;
  const place = instruction.byte(Rec.SIZE) === 4 ? stackWord(guest, top, Access.WRITE) : 0;
  if (place === 0) return Outcome.INTERPRET;
  const real = core.exports.readEflags() & ~(VIRTUAL | Eflags.VM | Eflags.RF);
  guest.memory.set(place, real | (virtual.get(Cpu.EFLAGS) & VIRTUAL));
  state.set(ESP, top);
  return advance(guest, instruction.byte(Rec.LENGTH));
}

/** Pops the flags: IF and IOPL into the virtual state. */
export function emulatePopf(guest: Deprivileged, instruction: Decoded): Outcome {
  const { state, virtual, core } = guest;
  const top = state.get(ESP);
  const place = instruction.byte(Rec.SIZE) === 4 ? stackWord(guest, top, Access.READ) : 0;
  if (place === 0) return Outcome.INTERPRET;
  const image = guest.memory.get(place);
  const flags = core.exports.readEflags();
  if (((image ^ flags) & OTHERS) !== 0) return Outcome.INTERPRET;
  const own = Eflags.IF | Eflags.IOPL;
  virtual.set(Cpu.EFLAGS, (virtual.get(Cpu.EFLAGS) & ~own) | (image & own));
  core.exports.writeEflags((flags & ~PLAIN) | (image & PLAIN));
  state.set(ESP, top + 4);
  return advance(guest, instruction.byte(Rec.LENGTH));
}
