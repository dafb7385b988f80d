/**
 * What becomes of each operation in translated code (docs/vmm.md).
 */
import { Op } from "../abi/op";
import { Treatment } from "../abi/translation";

/** What becomes of operation `op`. Innocuous ones are taken over; so are those that always fault, since a fault comes out. */
export function treatmentOf(op: u32): u32 {
  switch (op) {
    case Op.CLI:
    case Op.STI:
    case Op.PUSHF:
    case Op.POPF:
    case Op.PUSH_SEG:
    case Op.POP_SEG:
    case Op.MOV_FROM_SEG:
    case Op.MOV_TO_SEG:
    case Op.LDS:
    case Op.LES:
    case Op.LFS:
    case Op.LGS:
    case Op.LSS:
    case Op.LAR:
    case Op.LSL:
    case Op.VERR:
    case Op.VERW:
    case Op.SGDT:
    case Op.SIDT:
    case Op.SLDT:
    case Op.STR:
    case Op.SMSW:
    case Op.CLTS:
    case Op.MOV_FROM_CR:
    case Op.MOV_FROM_DR:
    case Op.RDTSC:
    case Op.RDPMC:
    case Op.FNSTENV:
    case Op.FNSAVE:
      return Treatment.INLINE;
    case Op.MOV_TO_CR:
    case Op.MOV_TO_DR:
    case Op.LMSW:
    case Op.LGDT:
    case Op.LIDT:
    case Op.LLDT:
    case Op.LTR:
    case Op.INVLPG:
    case Op.INVD:
    case Op.WBINVD:
    case Op.HLT:
    case Op.IN:
    case Op.OUT:
    case Op.INS:
    case Op.OUTS:
    case Op.CPUID:
    case Op.RDMSR:
    case Op.WRMSR:
    case Op.INT:
    case Op.INT1:
    case Op.INT3:
    case Op.INTO:
    case Op.IRET:
    case Op.JMP_FAR:
    case Op.CALL_FAR:
    case Op.JMP_FAR_INDIRECT:
    case Op.CALL_FAR_INDIRECT:
    case Op.RET_FAR:
    case Op.SYSENTER:
    case Op.SYSEXIT:
    case Op.VMCALL:
    case Op.VMLAUNCH:
    case Op.VMRESUME:
    case Op.VMXOFF:
    case Op.VMPTRLD:
    case Op.VMCLEAR:
    case Op.VMXON:
    case Op.VMPTRST:
    case Op.VMREAD:
    case Op.VMWRITE:
    case Op.INVEPT:
    case Op.INVVPID:
      return Treatment.CALL_OUT;
    default:
      return Treatment.IDENT;
  }
}
