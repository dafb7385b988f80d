/**
 * iced-x86 set up as the decoder of an i686, and its facts in the words of our table. A second, independent description
 * of the same instruction set: wherever the two differ a test must name the reason.
 */
import * as iced from "iced-x86";
import type { Bitness } from "./encode.js";

/**
 * 0F 18..1F are no-operations, and F3 before WBINVD, BSF and BSR selects nothing: WBNOINVD, TZCNT and LZCNT came decades
 * after the i686.
 */
export const I686_OPTIONS: number =
  iced.DecoderOptions.ForceReservedNop |
  iced.DecoderOptions.NoWbnoinvd |
  iced.DecoderOptions.NoMPFX_0FBC |
  iced.DecoderOptions.NoMPFX_0FBD;

/** CPUID feature names (iced's) of the instruction set of an i686 without MMX and SSE. */
export const I686_FEATURES: ReadonlySet<string> = new Set([
  "INTEL8086",
  "INTEL186",
  "INTEL286",
  "INTEL386",
  "INTEL486",
  "CPUID",
  "CX8",
  "CMOV",
  "MSR",
  "TSC",
  "RDPMC",
  "SEP",
  "MULTIBYTENOP",
  "PAUSE",
  "FPU",
  "FPU287",
  "FPU387",
  "VMX",
]);

const FLAG_BITS: readonly [string, number][] = [
  ["O", iced.RflagsBits.OF],
  ["S", iced.RflagsBits.SF],
  ["Z", iced.RflagsBits.ZF],
  ["A", iced.RflagsBits.AF],
  ["P", iced.RflagsBits.PF],
  ["C", iced.RflagsBits.CF],
  ["D", iced.RflagsBits.DF],
  ["I", iced.RflagsBits.IF],
];

function letters(bits: number): string {
  return FLAG_BITS.filter(([, bit]) => bits & bit)
    .map(([letter]) => letter)
    .join("");
}

/** What iced says about one instruction. */
export interface IcedFacts {
  length: number;
  /** Instruction string of the SDM, empty if the bytes are no instruction. */
  text: string;
  /** Opcode string without operand and address size. */
  code: string;
  mnemonic: string;
  features: string[];
  lockable: boolean;
  privileged: boolean;
  conditionallyPrivileged: boolean;
  realMode: boolean;
  mayExit: boolean;
  reads: string;
  writes: string;
  undefines: string;
}

/** Decodes the first instruction of `bytes`. */
export function icedFacts(bytes: Uint8Array, bitness: Bitness, options: number = I686_OPTIONS): IcedFacts {
  const decoder = new iced.Decoder(bitness, bytes, options);
  const instruction = decoder.decode();
  const opCode = instruction.opCode;
  const valid = instruction.code !== iced.Code.INVALID;
  const facts: IcedFacts = {
    length: instruction.length,
    text: valid ? opCode.instructionString : "",
    code: opCode.opCodeString.replace(/\b(?:o16|o32|a16|a32|NP) /g, "").replace(/ mo$/, ""),
    mnemonic: iced.Mnemonic[instruction.mnemonic]!.toUpperCase(),
    features: valid ? Array.from(instruction.cpuidFeatures(), (feature) => iced.CpuidFeature[feature]!) : [],
    lockable: opCode.canUseLockPrefix,
    privileged: instruction.isPrivileged,
    conditionallyPrivileged: opCode.mayRequireCpl0,
    realMode: opCode.realMode,
    mayExit: opCode.intelVmExit || opCode.intelMayVmExit,
    reads: letters(instruction.rflagsRead),
    writes: letters(instruction.rflagsWritten | instruction.rflagsCleared | instruction.rflagsSet),
    undefines: letters(instruction.rflagsUndefined),
  };
  opCode.free();
  instruction.free();
  decoder.free();
  return facts;
}
