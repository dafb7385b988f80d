/**
 * A translator that makes a region of every block the first time it is entered, however little time has passed and however often its page
 * has been overwritten: for tests that have each instruction executed once, in translated code.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Block } from "../../assembly/abi/record.js";
import type { Core } from "../../src/core/core.js";
import { Translator } from "../../src/translator/translator.js";

/** Heat of a block that is translated when it is entered. */
export const AT_ONCE = -1;

/** Translates for one machine, whose host must pass requests on to translate(). */
export class EagerTranslator {
  readonly #translator: Translator;

  constructor(private readonly core: Core) {
    this.#translator = new Translator(core);
    this.#translator.paced = false;
    core.cpu.setField(Cpu.HEAT, AT_ONCE);
    core.exports.flushCode();
  }

  /** Regions made so far. */
  get regions(): number {
    return this.#translator.counters.regions;
  }

  /** See CoreHost.translateRegion. */
  translate(block: number): void {
    const page = new DataView(this.core.memory.buffer).getUint32(block + Block.MA, true) >>> 12;
    if (page < this.core.ram.length >>> 12) {
      new Uint8Array(this.core.memory.buffer)[this.core.cpu.field(Cpu.CODE_KILLS_PTR) + page] = 0;
    }
    this.#translator.translate(block);
  }
}
