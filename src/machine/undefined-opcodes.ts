/**
 * What a guest executed that the machine does not have: counted by opcode, named, with the place where it happened first.
 */
import { Seg } from "../../assembly/abi/x86.js";
import type { Platform } from "../core/platform.js";
import { nameAbsent } from "../isa/absent.js";
import type { RunExit } from "./run-result.js";
import type { UndefinedOpcode } from "./statistics.js";

/** Longest instruction. */
const MAX_LENGTH = 15;
/** Most opcodes kept apart; further ones are not listed. */
const MAX_KEPT = 256;

/** Linear address of offset `eip` in CS, and the instruction bytes there. */
function codeAt(platform: Platform, eip: number): { address: number; bytes: Uint8Array } {
  const address = (platform.cpu.segment(Seg.CS).base + eip) >>> 0;
  for (let n = MAX_LENGTH; n > 0; n--) {
    const bytes = platform.readLinear(address, n);
    if (bytes !== undefined) return { address, bytes };
  }
  return { address, bytes: new Uint8Array() };
}

/** Counts undefined opcodes. */
export class UndefinedOpcodes {
  readonly #seen = new Map<string, UndefinedOpcode>();

  /** Notes the one at `eip`, which is about to raise #UD. */
  note(platform: Platform, eip: number): void {
    const { address, bytes } = codeAt(platform, eip);
    const absent = nameAbsent(bytes);
    const known = this.#seen.get(absent.opcode);
    if (known !== undefined) known.count++;
    else if (this.#seen.size < MAX_KEPT) this.#seen.set(absent.opcode, { ...absent, address, count: 1 });
  }

  /** All of them, by opcode. */
  list(): UndefinedOpcode[] {
    return [...this.#seen.values()].sort((a, b) => (a.opcode < b.opcode ? -1 : 1)).map((entry) => ({ ...entry }));
  }
}

/** The exit of a run that stopped at an instruction it cannot do anything about. */
export function unimplementedExit(platform: Platform): RunExit {
  return { kind: "unimplemented", ...codeAt(platform, platform.cpu.eip) };
}
