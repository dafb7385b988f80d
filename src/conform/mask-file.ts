/**
 * Flag masks of the SingleStepTests sets (`metadata.json`): per opcode, or per opcode and ModRM digit, the flags the set defines.
 *
 * Only `opcodes.KEY.flags-mask` and `opcodes.KEY.reg.N.flags-mask` are read; whatever else the file says is its own business.
 */
import { ConformFileError } from "./conform-error.js";
import { normaliseKey } from "./instruction-key.js";

/** Defined flags by instruction key (`00`, `F7.6`); a key that is absent has all flags defined. */
export type FlagMasks = ReadonlyMap<string, number>;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function addMask(into: Map<string, number>, file: string, key: string, entry: unknown): void {
  if (!isObject(entry))
    throw new ConformFileError(file, `expected an object for opcode ${key} and found ${JSON.stringify(entry)}`);
  const mask = entry["flags-mask"];
  if (mask !== undefined) {
    if (typeof mask !== "number" || !Number.isInteger(mask) || mask < 0 || mask > 0xffffffff) {
      throw new ConformFileError(
        file,
        `expected a whole number as flags-mask of opcode ${key} and found ${JSON.stringify(mask)}`,
      );
    }
    into.set(key, mask);
  }
  if (isObject(entry.reg)) {
    for (const [digit, part] of Object.entries(entry.reg)) addMask(into, file, `${key}.${digit}`, part);
  }
}

/** Parses the text of a mask file. Raises `ConformFileError`. */
export function parseMaskFile(file: string, text: string): FlagMasks {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConformFileError(file, `expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(json) || !isObject(json.opcodes)) {
    throw new ConformFileError(file, 'expected an object with a member "opcodes"');
  }
  const masks = new Map<string, number>();
  for (const [key, entry] of Object.entries(json.opcodes)) addMask(masks, file, normaliseKey(key), entry);
  return masks;
}
