/**
 * The operations that regions leave to the interpreter, one instruction at a time: those whose meaning is long, and those that are rare.
 */
import { Op } from "../../assembly/abi/op.js";
import { FAR_TRANSFERS } from "./transfers.js";

/** Undefined, decimal and forgotten. */
const RARE = [Op.INVALID, Op.UD, Op.DAA, Op.DAS, Op.AAA, Op.AAS, Op.AAM, Op.AAD, Op.SALC, Op.BOUND, Op.ARPL] as const;

/** Flags with privilege, far transfers, ports, HLT. */
const CONTROL = [...FAR_TRANSFERS, ...([Op.HLT, Op.IN, Op.OUT, Op.INS, Op.OUTS] as const)] as const;

/** Segment registers, descriptor tables, control, debug and model-specific registers. */
const SYSTEM = [
  Op.POP_SEG,
  Op.MOV_TO_SEG,
  Op.LES,
  Op.LDS,
  Op.LSS,
  Op.LFS,
  Op.LGS,
  Op.LAR,
  Op.LSL,
  Op.VERR,
  Op.VERW,
  Op.SLDT,
  Op.STR,
  Op.LLDT,
  Op.LTR,
  Op.SGDT,
  Op.SIDT,
  Op.LGDT,
  Op.LIDT,
  Op.SMSW,
  Op.LMSW,
  Op.CLTS,
  Op.MOV_TO_CR,
  Op.MOV_FROM_DR,
  Op.MOV_TO_DR,
  Op.INVLPG,
  Op.INVD,
  Op.WBINVD,
  Op.CPUID,
  Op.RDTSC,
  Op.RDPMC,
  Op.RDMSR,
  Op.WRMSR,
] as const;

/** Instructions of VMX: none goes on behind itself. */
export const VMX = [
  Op.VMCALL,
  Op.VMLAUNCH,
  Op.VMRESUME,
  Op.VMXOFF,
  Op.VMPTRLD,
  Op.VMPTRST,
  Op.VMCLEAR,
  Op.VMXON,
  Op.VMREAD,
  Op.VMWRITE,
  Op.INVEPT,
  Op.INVVPID,
] as const;

/** Operations that control, depend on or show the privilege and the resources: what a monitor may want to see, however it is lowered. */
export const SENSITIVE: ReadonlySet<Op> = new Set<Op>([
  ...CONTROL,
  ...SYSTEM,
  ...([Op.PUSH_SEG, Op.MOV_FROM_SEG, Op.MOV_FROM_CR, Op.CLI, Op.STI, Op.PUSHF, Op.POPF] as const),
]);

/** Of those that regions execute by themselves, the operations that exit from non-root operation if the controls say so. */
export const EXITING: ReadonlySet<Op> = new Set([Op.INVLPG, Op.MOV_TO_CR, Op.MOV_FROM_CR]);

/** x87. */
const FPU = [
  Op.WAIT,
  Op.FADD,
  Op.FMUL,
  Op.FCOM,
  Op.FCOMP,
  Op.FSUB,
  Op.FSUBR,
  Op.FDIV,
  Op.FDIVR,
  Op.FADDP,
  Op.FMULP,
  Op.FCOMPP,
  Op.FSUBRP,
  Op.FSUBP,
  Op.FDIVRP,
  Op.FDIVP,
  Op.FIADD,
  Op.FIMUL,
  Op.FICOM,
  Op.FICOMP,
  Op.FISUB,
  Op.FISUBR,
  Op.FIDIV,
  Op.FIDIVR,
  Op.FUCOM,
  Op.FUCOMP,
  Op.FUCOMPP,
  Op.FCOMI,
  Op.FCOMIP,
  Op.FUCOMI,
  Op.FUCOMIP,
  Op.FTST,
  Op.FXAM,
  Op.FLD,
  Op.FST,
  Op.FSTP,
  Op.FSTPNCE,
  Op.FILD,
  Op.FIST,
  Op.FISTP,
  Op.FBLD,
  Op.FBSTP,
  Op.FXCH,
  Op.FCMOVCC,
  Op.FCHS,
  Op.FABS,
  Op.FSQRT,
  Op.FRNDINT,
  Op.FSCALE,
  Op.FXTRACT,
  Op.FPREM,
  Op.FPREM1,
  Op.FLD1,
  Op.FLDL2T,
  Op.FLDL2E,
  Op.FLDPI,
  Op.FLDLG2,
  Op.FLDLN2,
  Op.FLDZ,
  Op.F2XM1,
  Op.FYL2X,
  Op.FYL2XP1,
  Op.FPTAN,
  Op.FPATAN,
  Op.FSIN,
  Op.FCOS,
  Op.FSINCOS,
  Op.FNOP,
  Op.FINCSTP,
  Op.FDECSTP,
  Op.FFREE,
  Op.FFREEP,
  Op.FNINIT,
  Op.FNCLEX,
  Op.FLDCW,
  Op.FNSTCW,
  Op.FNSTSW,
  Op.FLDENV,
  Op.FNSTENV,
  Op.FRSTOR,
  Op.FNSAVE,
] as const;

/** All of them. */
export const INTERPRETED = [...RARE, ...CONTROL, ...SYSTEM, ...VMX, ...FPU] as const;
