/**
 * Instruction text from capstone-wasm, loaded when the first instruction is asked for and cached per address and bytes.
 * Invariant: at most one instruction (15 bytes) is handed to the engine at a time, because its 64 KB stack holds the
 * input, and bytes it does not know become `db …`, never an exception.
 */
import type { Capstone } from "capstone-wasm";

const CACHE_LIMIT = 1 << 16;
const MAX_INSTRUCTION = 15;

/** Text and length of one instruction. */
export interface Disassembled {
  text: string;
  length: number;
  /** False for bytes the engine does not know: the text is then `db …` for one byte. */
  known: boolean;
}

/** A disassembler for 16- and 32-bit code. Made by `loadDisassembler`. */
export class Disassembler {
  readonly #handles: readonly [code16: Capstone, code32: Capstone];
  readonly #cache = new Map<string, Disassembled>();

  constructor(handles: readonly [Capstone, Capstone]) {
    this.#handles = handles;
  }

  /** The first instruction of `bytes`, which lie at `address`. */
  disassemble(bytes: Uint8Array, address: number, code32: boolean): Disassembled {
    const window = bytes.subarray(0, MAX_INSTRUCTION);
    const key = `${code32 ? "d" : "w"}${address}:${window.join()}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const made = this.#engine(window, address, code32);
    if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear();
    this.#cache.set(key, made);
    return made;
  }

  #engine(bytes: Uint8Array, address: number, code32: boolean): Disassembled {
    try {
      const [insn] = this.#handles[code32 ? 1 : 0].disasm(bytes, { address, count: 1 });
      if (insn !== undefined)
        return { text: `${insn.mnemonic} ${insn.opStr}`.trimEnd(), length: insn.size, known: true };
    } catch {
      // The engine reports unknown bytes by throwing; they are printed as data below.
    }
    const first = bytes[0] ?? 0;
    return { text: `db 0x${first.toString(16).padStart(2, "0")}`, length: 1, known: false };
  }
}

let loaded: Promise<Disassembler> | undefined;

/** Loads the engine (about 50 ms, once) and returns the disassembler. */
export function loadDisassembler(): Promise<Disassembler> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Disassembler> {
  const capstone = await import("capstone-wasm");
  await capstone.loadCapstone();
  const open = (mode: number) => new capstone.Capstone(capstone.Const.CS_ARCH_X86, mode);
  return new Disassembler([open(capstone.Const.CS_MODE_16), open(capstone.Const.CS_MODE_32)]);
}
