/**
 * One switch from Op to the generic function that is its meaning. The interpreter comes here for everything that has no hot
 * form; the translator for everything it does not lower.
 */
import { Cpu } from "../abi/cpu";
import { ExitReason } from "../abi/exit";
import { Op } from "../abi/op";
import { opAdc, opAdd, opAnd, opCmp, opDec, opInc, opNeg, opNot, opOr, opSbb, opSub, opTest, opXor } from "./exec/alu";
import { opAaa, opAad, opAam, opAas, opDaa, opDas } from "./exec/bcd";
import { opBsf, opBsr, opBswap, opBt, opBtc, opBtr, opBts } from "./exec/bit";
import {
  opBound,
  opCall,
  opCallIndirect,
  opJcc,
  opJcxz,
  opJmp,
  opJmpIndirect,
  opLoop,
  opLoope,
  opLoopne,
  opRet,
} from "./exec/branch";
import {
  opClts,
  opInvd,
  opInvlpg,
  opLmsw,
  opMovFromCr,
  opMovFromDr,
  opMovToCr,
  opMovToDr,
  opSmsw,
  opWbinvd,
} from "./exec/control";
import { opCbw, opClc, opCld, opCmc, opCwd, opLahf, opSahf, opSalc, opStc, opStd } from "./exec/convert";
import {
  opCallFar,
  opCallFarIndirect,
  opInt,
  opInt1,
  opInt3,
  opInto,
  opIret,
  opJmpFar,
  opJmpFarIndirect,
  opRetFar,
} from "./exec/far";
import { opCli, opPopf, opPushf, opSti } from "./exec/flagbits";
import { opIn, opIns, opOut, opOuts } from "./exec/io";
import {
  opCmovcc,
  opCmpxchg,
  opCmpxchg8b,
  opLea,
  opMov,
  opMovsx16,
  opMovsx8,
  opMovzx16,
  opMovzx8,
  opSetcc,
  opXadd,
  opXchg,
  opXlat,
} from "./exec/move";
import { opDiv, opIdiv, opImul, opImulWide, opMul } from "./exec/muldiv";
import {
  opArpl,
  opLar,
  opLds,
  opLes,
  opLfs,
  opLgs,
  opLsl,
  opLss,
  opMovFromSeg,
  opMovToSeg,
  opPopSeg,
  opPushSeg,
  opVerr,
  opVerw,
} from "./exec/segment";
import { opRcl, opRcr, opRol, opRor, opSar, opShl, opShld, opShr, opShrd } from "./exec/shift";
import { opEnter, opLeave, opPop, opPopa, opPush, opPusha } from "./exec/stack";
import { opCmps, opLods, opMovs, opScas, opStos } from "./exec/string";
import {
  opCpuid,
  opHlt,
  opLgdt,
  opLidt,
  opLldt,
  opLtr,
  opNop,
  opRdmsr,
  opRdpmc,
  opRdtsc,
  opSgdt,
  opSidt,
  opSldt,
  opStr,
  opSysenter,
  opSysexit,
  opUd,
  opWrmsr,
} from "./exec/system";
import {
  opFadd,
  opFaddp,
  opFdiv,
  opFdivp,
  opFdivr,
  opFdivrp,
  opFiadd,
  opFidiv,
  opFidivr,
  opFimul,
  opFisub,
  opFisubr,
  opFmul,
  opFmulp,
  opFprem,
  opFprem1,
  opFrndint,
  opFscale,
  opFsqrt,
  opFsub,
  opFsubp,
  opFsubr,
  opFsubrp,
  opFxtract,
} from "./exec/x87-arithmetic";
import {
  opFcom,
  opFcomi,
  opFcomip,
  opFcomp,
  opFcompp,
  opFicom,
  opFicomp,
  opFtst,
  opFucom,
  opFucomi,
  opFucomip,
  opFucomp,
  opFucompp,
  opFxam,
} from "./exec/x87-compare";
import {
  opFdecstp,
  opFfree,
  opFfreep,
  opFincstp,
  opFldcw,
  opFldenv,
  opFnclex,
  opFninit,
  opFnop,
  opFnsave,
  opFnstcw,
  opFnstenv,
  opFnstsw,
  opFrstor,
  opWait,
} from "./exec/x87-control";
import {
  opFabs,
  opFbld,
  opFbstp,
  opFchs,
  opFcmovcc,
  opFild,
  opFist,
  opFistp,
  opFld,
  opFld1,
  opFldl2e,
  opFldl2t,
  opFldlg2,
  opFldln2,
  opFldpi,
  opFldz,
  opFst,
  opFstp,
  opFstpnce,
  opFxch,
} from "./exec/x87-move";
import { opF2xm1, opFcos, opFpatan, opFptan, opFsin, opFsincos, opFyl2x, opFyl2xp1 } from "./exec/x87-transcendental";
import { opVmx, opVmxMemory, opVmxRegister } from "./exec/vmx";
import { Rec } from "../abi/record";
import { raiseUndefined } from "./fault";
import { advance } from "./operand";
import { set } from "./state";

/** Executes the instruction of `rec` by its generic function; EIP is put behind it first. Faults and exits are left in Cpu.STOP. */
export function generic(rec: usize): void {
  set(Cpu.RECORD, <u32>rec);
  advance(rec);
  // biome-ignore format: the cases are a table
  switch (<i32>load<u8>(rec, Rec.OP)) {
    case Op.ADD: opAdd(rec); break;
    case Op.OR: opOr(rec); break;
    case Op.ADC: opAdc(rec); break;
    case Op.SBB: opSbb(rec); break;
    case Op.AND: opAnd(rec); break;
    case Op.SUB: opSub(rec); break;
    case Op.XOR: opXor(rec); break;
    case Op.CMP: opCmp(rec); break;
    case Op.TEST: opTest(rec); break;
    case Op.INC: opInc(rec); break;
    case Op.DEC: opDec(rec); break;
    case Op.NEG: opNeg(rec); break;
    case Op.NOT: opNot(rec); break;
    case Op.ROL: opRol(rec); break;
    case Op.ROR: opRor(rec); break;
    case Op.RCL: opRcl(rec); break;
    case Op.RCR: opRcr(rec); break;
    case Op.SHL: opShl(rec); break;
    case Op.SHR: opShr(rec); break;
    case Op.SAR: opSar(rec); break;
    case Op.SHLD: opShld(rec); break;
    case Op.SHRD: opShrd(rec); break;
    case Op.MUL: opMul(rec); break;
    case Op.IMUL_WIDE: opImulWide(rec); break;
    case Op.IMUL: opImul(rec); break;
    case Op.DIV: opDiv(rec); break;
    case Op.IDIV: opIdiv(rec); break;
    case Op.DAA: opDaa(rec); break;
    case Op.DAS: opDas(rec); break;
    case Op.AAA: opAaa(rec); break;
    case Op.AAS: opAas(rec); break;
    case Op.AAM: opAam(rec); break;
    case Op.AAD: opAad(rec); break;
    case Op.BT: opBt(rec); break;
    case Op.BTS: opBts(rec); break;
    case Op.BTR: opBtr(rec); break;
    case Op.BTC: opBtc(rec); break;
    case Op.BSF: opBsf(rec); break;
    case Op.BSR: opBsr(rec); break;
    case Op.BSWAP: opBswap(rec); break;
    case Op.MOV: opMov(rec); break;
    case Op.MOVZX8: opMovzx8(rec); break;
    case Op.MOVZX16: opMovzx16(rec); break;
    case Op.MOVSX8: opMovsx8(rec); break;
    case Op.MOVSX16: opMovsx16(rec); break;
    case Op.XCHG: opXchg(rec); break;
    case Op.CMPXCHG: opCmpxchg(rec); break;
    case Op.XADD: opXadd(rec); break;
    case Op.CMPXCHG8B: opCmpxchg8b(rec); break;
    case Op.CMOVCC: opCmovcc(rec); break;
    case Op.SETCC: opSetcc(rec); break;
    case Op.LEA: opLea(rec); break;
    case Op.XLAT: opXlat(rec); break;
    case Op.CBW: opCbw(rec); break;
    case Op.CWD: opCwd(rec); break;
    case Op.LAHF: opLahf(rec); break;
    case Op.SAHF: opSahf(rec); break;
    case Op.SALC: opSalc(rec); break;
    case Op.CLC: opClc(rec); break;
    case Op.STC: opStc(rec); break;
    case Op.CMC: opCmc(rec); break;
    case Op.CLD: opCld(rec); break;
    case Op.STD: opStd(rec); break;
    case Op.CLI: opCli(rec); break;
    case Op.STI: opSti(rec); break;
    case Op.PUSH: opPush(rec); break;
    case Op.POP: opPop(rec); break;
    case Op.PUSHA: opPusha(rec); break;
    case Op.POPA: opPopa(rec); break;
    case Op.PUSHF: opPushf(rec); break;
    case Op.POPF: opPopf(rec); break;
    case Op.PUSH_SEG: opPushSeg(rec); break;
    case Op.POP_SEG: opPopSeg(rec); break;
    case Op.ENTER: opEnter(rec); break;
    case Op.LEAVE: opLeave(rec); break;
    case Op.JMP: opJmp(rec); break;
    case Op.JCC: opJcc(rec); break;
    case Op.JCXZ: opJcxz(rec); break;
    case Op.LOOP: opLoop(rec); break;
    case Op.LOOPE: opLoope(rec); break;
    case Op.LOOPNE: opLoopne(rec); break;
    case Op.CALL: opCall(rec); break;
    case Op.RET: opRet(rec); break;
    case Op.JMP_INDIRECT: opJmpIndirect(rec); break;
    case Op.CALL_INDIRECT: opCallIndirect(rec); break;
    case Op.BOUND: opBound(rec); break;
    case Op.JMP_FAR: opJmpFar(rec); break;
    case Op.CALL_FAR: opCallFar(rec); break;
    case Op.JMP_FAR_INDIRECT: opJmpFarIndirect(rec); break;
    case Op.CALL_FAR_INDIRECT: opCallFarIndirect(rec); break;
    case Op.RET_FAR: opRetFar(rec); break;
    case Op.INT: opInt(rec); break;
    case Op.INT3: opInt3(rec); break;
    case Op.INT1: opInt1(rec); break;
    case Op.INTO: opInto(rec); break;
    case Op.IRET: opIret(rec); break;
    case Op.SYSENTER: opSysenter(rec); break;
    case Op.SYSEXIT: opSysexit(rec); break;
    case Op.MOVS: opMovs(rec); break;
    case Op.CMPS: opCmps(rec); break;
    case Op.STOS: opStos(rec); break;
    case Op.LODS: opLods(rec); break;
    case Op.SCAS: opScas(rec); break;
    case Op.INS: opIns(rec); break;
    case Op.OUTS: opOuts(rec); break;
    case Op.IN: opIn(rec); break;
    case Op.OUT: opOut(rec); break;
    case Op.MOV_FROM_SEG: opMovFromSeg(rec); break;
    case Op.MOV_TO_SEG: opMovToSeg(rec); break;
    case Op.LES: opLes(rec); break;
    case Op.LDS: opLds(rec); break;
    case Op.LSS: opLss(rec); break;
    case Op.LFS: opLfs(rec); break;
    case Op.LGS: opLgs(rec); break;
    case Op.LAR: opLar(rec); break;
    case Op.LSL: opLsl(rec); break;
    case Op.VERR: opVerr(rec); break;
    case Op.VERW: opVerw(rec); break;
    case Op.ARPL: opArpl(rec); break;
    case Op.SLDT: opSldt(rec); break;
    case Op.STR: opStr(rec); break;
    case Op.LLDT: opLldt(rec); break;
    case Op.LTR: opLtr(rec); break;
    case Op.SGDT: opSgdt(rec); break;
    case Op.SIDT: opSidt(rec); break;
    case Op.LGDT: opLgdt(rec); break;
    case Op.LIDT: opLidt(rec); break;
    case Op.SMSW: opSmsw(rec); break;
    case Op.LMSW: opLmsw(rec); break;
    case Op.CLTS: opClts(rec); break;
    case Op.MOV_FROM_CR: opMovFromCr(rec); break;
    case Op.MOV_TO_CR: opMovToCr(rec); break;
    case Op.MOV_FROM_DR: opMovFromDr(rec); break;
    case Op.MOV_TO_DR: opMovToDr(rec); break;
    case Op.INVLPG: opInvlpg(rec); break;
    case Op.INVD: opInvd(rec); break;
    case Op.WBINVD: opWbinvd(rec); break;
    case Op.HLT: opHlt(rec); break;
    case Op.CPUID: opCpuid(rec); break;
    case Op.RDTSC: opRdtsc(rec); break;
    case Op.RDPMC: opRdpmc(rec); break;
    case Op.RDMSR: opRdmsr(rec); break;
    case Op.WRMSR: opWrmsr(rec); break;
    case Op.NOP: opNop(rec); break;
    case Op.WAIT: opWait(rec); break;
    case Op.FADD: opFadd(rec); break;
    case Op.FMUL: opFmul(rec); break;
    case Op.FCOM: opFcom(rec); break;
    case Op.FCOMP: opFcomp(rec); break;
    case Op.FSUB: opFsub(rec); break;
    case Op.FSUBR: opFsubr(rec); break;
    case Op.FDIV: opFdiv(rec); break;
    case Op.FDIVR: opFdivr(rec); break;
    case Op.FADDP: opFaddp(rec); break;
    case Op.FMULP: opFmulp(rec); break;
    case Op.FCOMPP: opFcompp(rec); break;
    case Op.FSUBRP: opFsubrp(rec); break;
    case Op.FSUBP: opFsubp(rec); break;
    case Op.FDIVRP: opFdivrp(rec); break;
    case Op.FDIVP: opFdivp(rec); break;
    case Op.FIADD: opFiadd(rec); break;
    case Op.FIMUL: opFimul(rec); break;
    case Op.FICOM: opFicom(rec); break;
    case Op.FICOMP: opFicomp(rec); break;
    case Op.FISUB: opFisub(rec); break;
    case Op.FISUBR: opFisubr(rec); break;
    case Op.FIDIV: opFidiv(rec); break;
    case Op.FIDIVR: opFidivr(rec); break;
    case Op.FUCOM: opFucom(rec); break;
    case Op.FUCOMP: opFucomp(rec); break;
    case Op.FUCOMPP: opFucompp(rec); break;
    case Op.FCOMI: opFcomi(rec); break;
    case Op.FCOMIP: opFcomip(rec); break;
    case Op.FUCOMI: opFucomi(rec); break;
    case Op.FUCOMIP: opFucomip(rec); break;
    case Op.FTST: opFtst(rec); break;
    case Op.FXAM: opFxam(rec); break;
    case Op.FLD: opFld(rec); break;
    case Op.FST: opFst(rec); break;
    case Op.FSTP: opFstp(rec); break;
    case Op.FSTPNCE: opFstpnce(rec); break;
    case Op.FILD: opFild(rec); break;
    case Op.FIST: opFist(rec); break;
    case Op.FISTP: opFistp(rec); break;
    case Op.FBLD: opFbld(rec); break;
    case Op.FBSTP: opFbstp(rec); break;
    case Op.FXCH: opFxch(rec); break;
    case Op.FCMOVCC: opFcmovcc(rec); break;
    case Op.FCHS: opFchs(rec); break;
    case Op.FABS: opFabs(rec); break;
    case Op.FSQRT: opFsqrt(rec); break;
    case Op.FRNDINT: opFrndint(rec); break;
    case Op.FSCALE: opFscale(rec); break;
    case Op.FXTRACT: opFxtract(rec); break;
    case Op.FPREM: opFprem(rec); break;
    case Op.FPREM1: opFprem1(rec); break;
    case Op.FLD1: opFld1(rec); break;
    case Op.FLDL2T: opFldl2t(rec); break;
    case Op.FLDL2E: opFldl2e(rec); break;
    case Op.FLDPI: opFldpi(rec); break;
    case Op.FLDLG2: opFldlg2(rec); break;
    case Op.FLDLN2: opFldln2(rec); break;
    case Op.FLDZ: opFldz(rec); break;
    case Op.F2XM1: opF2xm1(rec); break;
    case Op.FYL2X: opFyl2x(rec); break;
    case Op.FYL2XP1: opFyl2xp1(rec); break;
    case Op.FPTAN: opFptan(rec); break;
    case Op.FPATAN: opFpatan(rec); break;
    case Op.FSIN: opFsin(rec); break;
    case Op.FCOS: opFcos(rec); break;
    case Op.FSINCOS: opFsincos(rec); break;
    case Op.FNOP: opFnop(rec); break;
    case Op.FINCSTP: opFincstp(rec); break;
    case Op.FDECSTP: opFdecstp(rec); break;
    case Op.FFREE: opFfree(rec); break;
    case Op.FFREEP: opFfreep(rec); break;
    case Op.FNINIT: opFninit(rec); break;
    case Op.FNCLEX: opFnclex(rec); break;
    case Op.FLDCW: opFldcw(rec); break;
    case Op.FNSTCW: opFnstcw(rec); break;
    case Op.FNSTSW: opFnstsw(rec); break;
    case Op.FLDENV: opFldenv(rec); break;
    case Op.FNSTENV: opFnstenv(rec); break;
    case Op.FRSTOR: opFrstor(rec); break;
    case Op.FNSAVE: opFnsave(rec); break;
    case Op.UD: opUd(rec); break;
    case Op.VMCALL: opVmx(rec, ExitReason.VMCALL); break;
    case Op.VMLAUNCH: opVmx(rec, ExitReason.VMLAUNCH); break;
    case Op.VMRESUME: opVmx(rec, ExitReason.VMRESUME); break;
    case Op.VMXOFF: opVmx(rec, ExitReason.VMXOFF); break;
    case Op.VMPTRLD: opVmxMemory(rec, ExitReason.VMPTRLD); break;
    case Op.VMPTRST: opVmxMemory(rec, ExitReason.VMPTRST); break;
    case Op.VMCLEAR: opVmxMemory(rec, ExitReason.VMCLEAR); break;
    case Op.VMXON: opVmxMemory(rec, ExitReason.VMXON); break;
    case Op.VMREAD: opVmxRegister(rec, ExitReason.VMREAD); break;
    case Op.VMWRITE: opVmxRegister(rec, ExitReason.VMWRITE); break;
    case Op.INVEPT: opVmxRegister(rec, ExitReason.INVEPT); break;
    case Op.INVVPID: opVmxRegister(rec, ExitReason.INVVPID); break;
    default:
      raiseUndefined(rec);
  }
}
