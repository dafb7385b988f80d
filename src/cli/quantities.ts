/**
 * Numbers as people write them on a command line: sizes with binary suffixes (QEMU's), counts with decimal ones,
 * addresses in hexadecimal. A wrong one is a `CliError` that names the flag, what was expected and what was found.
 */
import { CliError } from "./cli-error.js";

const MEGABYTE = 1 << 20;
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: MEGABYTE, g: 1 << 30 };
const COUNT_UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** A memory size in bytes: `64` and `64M` are 64 MB, `4096k` is 4 MB, as with QEMU's `-m`. */
export function parseSize(flag: string, text: string): number {
  const match = /^(?:size=)?(\d+)([bkmg]?)b?$/i.exec(text);
  const bytes = match === null ? Number.NaN : Number(match[1]) * (SIZE_UNITS[match[2]!.toLowerCase()] ?? MEGABYTE);
  if (bytes >= MEGABYTE && bytes <= 2 ** 31 && bytes % 4096 === 0) return bytes;
  throw new CliError(`${flag}: expected a memory size from 1M to 2048M (such as 64M) and found "${text}"`);
}

/** A count of instructions: `500`, `1e6`, `20M` (decimal millions), `2G`. */
export function parseCount(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?(?:e\d+)?)([kmg]?)$/i.exec(text.replaceAll("_", ""));
  const count = match === null ? Number.NaN : Number(match[1]) * COUNT_UNITS[match[2]!.toLowerCase()]!;
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new CliError(`${flag}: expected a whole number (such as 1000000, 20M or 2G) and found "${text}"`);
}

/** A 32-bit address or port: decimal, or hexadecimal with `0x`. */
export function parseAddress(flag: string, text: string, highest = 0xffffffff): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isInteger(value) && value <= highest) return value;
  throw new CliError(`${flag}: expected a number from 0 to 0x${highest.toString(16)} and found "${text}"`);
}
