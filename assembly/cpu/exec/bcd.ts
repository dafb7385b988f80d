/**
 * Decimal adjustment: SDM 2A "AAA", "AAD", "AAM", "AAS", "DAA", "DAS".
 *
 * Undefined by the SDM, defined here: OF is zero; of AAA and AAS, SF, ZF and PF are those of AL; of AAM and AAD, AF and CF
 * are zero.
 */
import { Rec } from "../../abi/record";
import { Vector } from "../../abi/x86";
import { raise } from "../fault";
import { adjust, carry, flagsLogic, flagsResult } from "../flags";
import { ah, al, ax, setAh, setAl, setAx } from "./width";

/** DAA: decimal-adjusts AL after an addition. Writes SZAPC. */
export function opDaa(_rec: usize): void {
  const old = al();
  let r = old;
  let cf: u32 = 0;
  let af: u32 = 0;
  if ((old & 15) > 9 || adjust() != 0) {
    r += 6;
    af = 1;
  }
  if (old > 0x99 || carry() != 0) {
    r += 0x60;
    cf = 1;
  }
  setAl(r);
  flagsResult<u8>(r, cf, 0, af);
}

/** DAS: decimal-adjusts AL after a subtraction. Writes SZAPC. */
export function opDas(_rec: usize): void {
  const old = al();
  let r = old;
  let cf: u32 = 0;
  let af: u32 = 0;
  if ((old & 15) > 9 || adjust() != 0) {
    cf = carry() | (old < 6 ? 1 : 0);
    r -= 6;
    af = 1;
  }
  if (old > 0x99 || carry() != 0) {
    r -= 0x60;
    cf = 1;
  }
  setAl(r);
  flagsResult<u8>(r, cf, 0, af);
}

/** AAA: ASCII-adjusts AX after an addition. Writes AF and CF. */
export function opAaa(_rec: usize): void {
  const adjusted: u32 = (al() & 15) > 9 || adjust() != 0 ? 1 : 0;
  if (adjusted != 0) setAx(ax() + 0x106);
  setAl(al() & 15);
  flagsResult<u8>(al(), adjusted, 0, adjusted);
}

/** AAS: ASCII-adjusts AX after a subtraction. Writes AF and CF. */
export function opAas(_rec: usize): void {
  const adjusted: u32 = (al() & 15) > 9 || adjust() != 0 ? 1 : 0;
  if (adjusted != 0) setAx(ax() - 0x106);
  setAl(al() & 15);
  flagsResult<u8>(al(), adjusted, 0, adjusted);
}

/** AAM: AH = AL / imm8, AL = AL % imm8. Writes SZP. Faults: #DE for an immediate of zero. */
export function opAam(rec: usize): void {
  const base: u32 = load<u8>(rec, Rec.IMM);
  if (base == 0) {
    raise(Vector.DE);
    return;
  }
  const value = al();
  setAh(value / base);
  setAl(value % base);
  flagsLogic<u8>(al());
}

/** AAD: AL = AL + AH * imm8, AH = 0. Writes SZP. */
export function opAad(rec: usize): void {
  const base: u32 = load<u8>(rec, Rec.IMM);
  const r = (al() + ah() * base) & 0xff;
  setAx(r);
  flagsLogic<u8>(r);
}
