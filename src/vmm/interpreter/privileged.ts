/**
 * The privileged and sensitive instructions of a deprivileged kernel that are frequent and simple: routines execute them on the virtual state without making it the
 * processor's. All others are interpreted by the machine.
 */
import { Form, Rec, RecFlag } from "../../../assembly/abi/record.js";
import { Op } from "../../../assembly/abi/op.js";
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Reg } from "../../../assembly/abi/x86.js";
import { Outcome } from "../kind.js";
import { plain } from "./advance.js";
import { emulateClts, emulateInvlpg, emulateMovFromCr, emulateMovToCr } from "./control-registers.js";
import type { Decoded, Deprivileged } from "./decoded.js";
import { emulatePopf, emulatePushf } from "./flags.js";
import { emulateHlt } from "./halt.js";
import { emulateCli, emulateSti } from "./interrupt-flag.js";
import { emulateIo, ioQualification } from "./io.js";

/** Tells about the instruction as an exit of non-root operation would. */
function asExit(
  routine: (guest: Deprivileged) => Outcome,
  qualification: (guest: Deprivileged, of: Decoded) => number,
) {
  return (guest: Deprivileged, instruction: Decoded): Outcome => {
    guest.vmx.set(Vmx.INSN_LENGTH, instruction.byte(Rec.LENGTH));
    guest.vmx.set(Vmx.QUALIFICATION, qualification(guest, instruction));
    return routine(guest);
  };
}

/** Port and size of IN and OUT. */
function portAccess(isIn: boolean) {
  return (guest: Deprivileged, instruction: Decoded): number => {
    const immediate = (instruction.byte(Rec.FLAGS) & RecFlag.FORM) === Form.IMM;
    const port = immediate ? instruction.byte(Rec.IMM) : guest.state.get(Cpu.REGS + 4 * Reg.EDX) & 0xffff;
    return ioQualification(port, instruction.byte(Rec.SIZE), isIn);
  };
}

/** IN, decoded. */
export const emulateIn = asExit(emulateIo, portAccess(true));
/** OUT, decoded. */
export const emulateOut = asExit(emulateIo, portAccess(false));

const ROUTINES: Partial<Record<Op, (guest: Deprivileged, instruction: Decoded) => Outcome>> = {
  [Op.CLI]: emulateCli,
  [Op.STI]: emulateSti,
  [Op.HLT]: asExit(emulateHlt, () => 0),
  [Op.IN]: emulateIn,
  [Op.OUT]: emulateOut,
  [Op.PUSHF]: emulatePushf,
  [Op.POPF]: emulatePopf,
  [Op.CLTS]: emulateClts,
  [Op.MOV_FROM_CR]: emulateMovFromCr,
  [Op.MOV_TO_CR]: emulateMovToCr,
  [Op.INVLPG]: emulateInvlpg,
};

/** Executes the instruction at EIP, which has been decoded and faulted because the guest's kernel is not at ring 0. */
export function emulatePrivileged(guest: Deprivileged, instruction: Decoded): Outcome {
  if (!plain(guest)) return Outcome.INTERPRET;
  const routine = ROUTINES[instruction.byte(Rec.OP) as Op];
  return routine === undefined ? Outcome.INTERPRET : routine(guest, instruction);
}
