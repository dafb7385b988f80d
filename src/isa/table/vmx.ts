/**
 * Rows: the instructions of VMX (SDM 3C 30). A guest has no VMX operation of its own: on the bare machine, under a monitor that
 * deprivileges it, and in interpretation they are #UD; in non-root operation they exit.
 */
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Op } from "../../../assembly/abi/op.js";
import { insn, no16, protectedOnly, vmx, writes } from "../dsl.js";
import type { Family, Row } from "../row.js";

const STATUS = writes("OSZAPC");

// biome-ignore format: a table
const VMX: readonly Row[] = [
  insn(Op.VMCALL,   "VMCALL",               "NP 0F 01 C1",      vmx(ExitReason.VMCALL), STATUS),
  insn(Op.VMLAUNCH, "VMLAUNCH",             "NP 0F 01 C2",      vmx(ExitReason.VMLAUNCH), protectedOnly, STATUS),
  insn(Op.VMRESUME, "VMRESUME",             "NP 0F 01 C3",      vmx(ExitReason.VMRESUME), protectedOnly, STATUS),
  insn(Op.VMXOFF,   "VMXOFF",               "NP 0F 01 C4",      vmx(ExitReason.VMXOFF), protectedOnly, STATUS),
  insn(Op.VMPTRLD,  "VMPTRLD m64",          "NP 0F C7 /6",      vmx(ExitReason.VMPTRLD), protectedOnly, STATUS),
  insn(Op.VMCLEAR,  "VMCLEAR m64",          "66 0F C7 /6",      vmx(ExitReason.VMCLEAR), protectedOnly, STATUS),
  insn(Op.VMXON,    "VMXON m64",            "F3 0F C7 /6",      vmx(ExitReason.VMXON), protectedOnly, STATUS),
  insn(Op.VMPTRST,  "VMPTRST m64",          "NP 0F C7 /7",      vmx(ExitReason.VMPTRST), protectedOnly, STATUS),
  insn(Op.VMREAD,   "VMREAD r/m32, r32",    "NP 0F 78 /r",      vmx(ExitReason.VMREAD), protectedOnly, no16, STATUS),
  insn(Op.VMWRITE,  "VMWRITE r32, r/m32",   "NP 0F 79 /r",      vmx(ExitReason.VMWRITE), protectedOnly, no16, STATUS),
  insn(Op.INVEPT,   "INVEPT r32, m128",     "66 0F 38 80 /r",   vmx(ExitReason.INVEPT), protectedOnly, no16, STATUS),
  insn(Op.INVVPID,  "INVVPID r32, m128",    "66 0F 38 81 /r",   vmx(ExitReason.INVVPID), protectedOnly, no16, STATUS),
];

/** Instructions of VMX. */
export const VMX_FAMILIES: readonly Family[] = [{ title: "Virtual-machine extensions", rows: VMX }];
