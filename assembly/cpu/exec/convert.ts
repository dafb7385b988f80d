/**
 * Conversions inside the accumulator and the flag bits of user programs: SDM 2A/2B "CBW/CWDE", "CWD/CDQ", "LAHF", "SAHF", "SALC",
 * "CLC", "STC", "CMC", "CLD", "STD". None can fault.
 */
import { Cpu } from "../../abi/cpu";
import { Eflags, Reg } from "../../abi/x86";
import { arithmeticFlags, carry, setArithmeticFlags, setCarry } from "../flags";
import { size } from "../operand";
import { get, reg32, set, setReg32 } from "../state";
import { ah, al, ax, setAh, setAl, setAx, setRegisterOf, signExtend } from "./width";

/** CBW: AX = AL sign-extended; CWDE: EAX = AX sign-extended. */
export function opCbw(rec: usize): void {
  if (size(rec) == 2) setAx(signExtend(al(), 1));
  else setReg32(Reg.EAX, signExtend(ax(), 2));
}

/** CWD: DX = sign of AX; CDQ: EDX = sign of EAX. */
export function opCwd(rec: usize): void {
  const bytes = size(rec);
  const value = bytes == 2 ? signExtend(ax(), 2) : <i32>reg32(Reg.EAX);
  setRegisterOf(Reg.EDX, value >> 31, bytes);
}

/** The flags that LAHF and SAHF move. */
const AH_FLAGS: u32 = Eflags.SF | Eflags.ZF | Eflags.AF | Eflags.PF | Eflags.CF;

/** LAHF: AH = SF ZF 0 AF 0 PF 1 CF. */
export function opLahf(_rec: usize): void {
  setAh((arithmeticFlags() & AH_FLAGS) | Eflags.FIXED);
}

/** SAHF: SF ZF AF PF CF = AH; OF is kept. */
export function opSahf(_rec: usize): void {
  setArithmeticFlags((arithmeticFlags() & Eflags.OF) | (ah() & AH_FLAGS));
}

/** SALC (undocumented): AL = CF ? FF : 0. Writes no flags. */
export function opSalc(_rec: usize): void {
  setAl(0 - carry());
}

/** CLC. */
export function opClc(_rec: usize): void {
  setCarry(0);
}

/** STC. */
export function opStc(_rec: usize): void {
  setCarry(1);
}

/** CMC. */
export function opCmc(_rec: usize): void {
  setCarry(carry() ^ 1);
}

/** CLD: string instructions count up. */
export function opCld(_rec: usize): void {
  set(Cpu.EFLAGS, get(Cpu.EFLAGS) & ~Eflags.DF);
}

/** STD: string instructions count down. */
export function opStd(_rec: usize): void {
  set(Cpu.EFLAGS, get(Cpu.EFLAGS) | Eflags.DF);
}
