/**
 * The transcendental functions against recorded ones: a function that is not defined to the last bit may differ by one unit in the last
 * of 64 places, and by what the architecture leaves open.
 */
import { FpuException, FpuStatus } from "../../assembly/abi/fpu.js";
import { type FpuState, stateText, type Vector, X87Core } from "./vectors.js";

const F2XM1 = 0xf0;
const FYL2X = 0xf1;
const FYL2XP1 = 0xf9;
const ONE = 0x3fff;
const NAN = 0x7fff;

function parts(register: Uint8Array): { head: number; significand: bigint } {
  const view = new DataView(register.buffer, register.byteOffset, register.byteLength);
  return { head: view.getUint16(8, true), significand: view.getBigUint64(0, true) };
}

/** Sign and magnitude as one number, in which neighbours differ by one. */
function position(register: Uint8Array): bigint {
  const { head, significand } = parts(register);
  const magnitude = (BigInt(head & 0x7fff) << 63n) + (significand & ((1n << 63n) - 1n));
  return head & 0x8000 ? -magnitude : magnitude;
}

/** Operands for which the SDM defines no result: F2XM1 beyond 1, FYL2XP1 beyond 1 - sqrt(0.5). */
export function isUndefined({ modrm, before }: Vector): boolean {
  const top = (before.status >> 11) & 7;
  const exponent = parts(before.registers[top]!).head & 0x7fff;
  if (exponent === NAN) return modrm === F2XM1 || modrm === FYL2XP1;
  return (modrm === F2XM1 && exponent >= ONE) || (modrm === FYL2XP1 && exponent >= ONE - 2);
}

/** Status bits that may differ: C1, and for FYL2X of a power of two, whose product is exact, the precision and underflow flags. */
function openBits({ modrm, before }: Vector): number {
  const { significand } = parts(before.registers[(before.status >> 11) & 7]!);
  const power = modrm === FYL2X && (significand & (significand - 1n)) === 0n;
  return FpuStatus.C1 | (power ? FpuException.PE | FpuException.UE | FpuStatus.ES | FpuStatus.B : 0);
}

/** Units in the last place by which a result differs; undefined if more than a result does. */
function distance(vector: Vector, found: FpuState): bigint | undefined {
  const { after } = vector;
  const open = openBits(vector);
  if (((found.status ^ after.status) & ~open) !== 0 || found.tags !== after.tags) return undefined;
  let most = 0n;
  after.registers.forEach((register, physical) => {
    const apart = position(register) - position(found.registers[physical]!);
    if (apart > most || -apart > most) most = apart < 0n ? -apart : apart;
  });
  return most;
}

/** What comparing functions found. */
export interface FunctionReport {
  compared: number;
  /** Results that are the same to the last bit. */
  same: number;
  lines: string[];
}

/** Compares vectors of transcendental functions. */
export function compareFunctions(vectors: readonly Vector[], most = 5): FunctionReport {
  const core = new X87Core();
  const report: FunctionReport = { compared: 0, same: 0, lines: [] };
  for (const vector of vectors.filter((candidate) => !isUndefined(candidate))) {
    const { opcode, modrm, before, after } = vector;
    const found = core.run([opcode, modrm], before);
    const apart = distance(vector, found);
    report.compared++;
    if (apart === 0n) report.same++;
    if (apart !== undefined && apart <= 1n) continue;
    const name = `${opcode.toString(16)} ${modrm.toString(16)}`;
    if (report.lines.length < most) {
      report.lines.push(
        `${name}\n  before   ${stateText(before)}\n  expected ${stateText(after)}\n  found    ${stateText(found)}`,
      );
    }
  }
  return report;
}
