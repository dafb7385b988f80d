/**
 * Small pieces of code translated by themselves: each is run in flat protected mode until the translator has made a region of it. For
 * golden texts and for counting WebAssembly instructions.
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Core } from "../../src/core/core.js";
import { type MadeRegion, Translator } from "../../src/translator/translator.js";
import { Assembler } from "./lockstep/assembler.js";
import { boot, CODE } from "./lockstep/kernel.js";

/** Code at CODE that comes back to it, so that it gets hot. */
export type Snippet = (a: Assembler) => void;

const RAM_BYTES = 1 << 20;
const HEAT = 8;
const BUDGET = 2_000;

/** A region and the machine's memory at the time. */
export interface Made {
  made: MadeRegion;
  read(address: number, length: number): Uint8Array | undefined;
}

/** The first region made that starts at CODE. Raises an Error if there is none. */
export function translateSnippet(snippet: Snippet): Made {
  const a = new Assembler(CODE);
  snippet(a);
  const core: Core = Core.create(
    { ramBytes: RAM_BYTES },
    {
      portRead: () => 0,
      portWrite: () => undefined,
      mmioRead: () => 0,
      mmioWrite: () => undefined,
      acknowledgeInterrupt: () => 0x20,
      translateRegion: (block) => translator.translate(block),
    },
  );
  const translator = new Translator(core);
  core.cpu.setField(Cpu.HEAT, HEAT);
  core.exports.flushCode();
  let made: MadeRegion | undefined;
  translator.observer = (m) => {
    if (m.region.entry === CODE) made ??= m;
  };
  boot(core, { user: false, code: a.finish(), banks: [Uint8Array.of(0xc3), Uint8Array.of(0xc3)] });
  core.run(BUDGET);
  if (made === undefined) throw new Error("the snippet did not become hot");
  return { made, read: (address, length) => core.readLinear(address, length) };
}
