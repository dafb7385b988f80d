/**
 * Random guest code: instructions of the table with random operands, and bytes that are anything. All of it terminates or loops as
 * it likes; nothing about it is sensible.
 */
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { type Bitness, samplesOf } from "../agreement/encode.js";
import type { Random } from "../random.js";

const SAMPLES = INSTRUCTIONS.flatMap(samplesOf);
const BY_BITNESS = { 16: SAMPLES.filter((s) => s.bitness === 16), 32: SAMPLES.filter((s) => s.bitness === 32) };
const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3];
/** How many bytes of an instruction are opcode and so left alone by most mutations. */
const OPCODE_BYTES = 2;

/** One instruction, most of the time a valid one. */
function instruction(random: Random, bitness: Bitness): number[] {
  const samples = BY_BITNESS[bitness];
  const sample = [...samples[random.below(samples.length)]!.bytes];
  // Immediates, displacements and the ModRM byte are rerolled; the opcode now and then.
  const fixed = sample[0] === 0x0f || PREFIXES.includes(sample[0]!) ? OPCODE_BYTES : 1;
  for (let i = fixed; i < sample.length; i++) if (random.chance(60)) sample[i] = random.below(256);
  if (random.chance(3)) sample[random.below(sample.length)] = random.below(256);
  const prefixes = random.chance(20) ? [random.pick(...PREFIXES)] : [];
  if (random.chance(3)) prefixes.push(random.pick(...PREFIXES));
  return [...prefixes, ...sample];
}

/** `length` bytes of code. */
export function randomCode(random: Random, length: number, bitness: Bitness): Uint8Array {
  const code: number[] = [];
  while (code.length < length) {
    if (random.chance(85)) code.push(...instruction(random, bitness));
    else for (let n = random.between(1, 6); n > 0; n--) code.push(random.below(256));
  }
  return Uint8Array.from(code.slice(0, length));
}
