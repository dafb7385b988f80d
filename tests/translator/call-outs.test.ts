/**
 * IN and OUT call the host out of a region. Whatever the host does in the call-back, the guest finds itself where the interpreter would have
 * left it.
 */
import { expect, test } from "vitest";
import { Cpu, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Seg } from "../../assembly/abi/x86.js";
import { Core } from "../../src/core/core.js";
import { processorStateText } from "../../src/machine/registers.js";
import { Translator } from "../../src/translator/translator.js";
import { Assembler } from "./lockstep/assembler.js";
import { boot, CODE } from "./lockstep/kernel.js";

const TICKS = 20_000;
const HEAT = 10;
/** The host acts at each so many writes. */
const PERIOD = 90;

/** What the host does, by what it may change. */
const ACTIONS: Record<string, (core: Core, elsewhere: number) => void> = {
  nothing: () => undefined,
  "a register": ({ cpu }) => {
    cpu.esi += 3;
  },
  "the carry flag": ({ cpu }) => {
    cpu.eflags ^= 1;
  },
  "the place to go on": ({ cpu }, elsewhere) => {
    cpu.eip = elsewhere;
  },
  "the breakpoints": ({ cpu }) => {
    cpu.setField(Cpu.DR + 28, 0x402);
    cpu.refresh();
  },
  "the TLB": (core) => core.exports.flushTranslations(),
  "a segment": ({ cpu }) =>
    cpu.setSegment(Seg.ES, { selector: 0x10, base: 16, limit: 0xfff, access: 0xc093 | SEG_USABLE }),
  "the code": (core) => core.writeRam(CODE + 3, Uint8Array.of(0x46)), // inc esi
  "virtual time": (core) => core.skipTime(5),
  "the interrupt line": (core) => core.setInterruptLine(true),
  "a stop": (core) => core.requestStop(),
};

/** out 50,al; adc ebx,eax; in al,51; inc ecx; jump back. `elsewhere`: inc edi; jump back. */
function code(): { bytes: Uint8Array; elsewhere: number } {
  const a = new Assembler(CODE);
  a.label("loop");
  a.raw(0xe6, 0x50, 0x90, 0x40, 0x11, 0xc3, 0xe4, 0x51, 0x41);
  a.jmp("loop");
  const elsewhere = CODE + a.length;
  a.raw(0x47);
  a.jmp("loop");
  return { bytes: a.finish(), elsewhere };
}

/** Everything visible at the end of a run, and how many regions there were. */
function run(translates: boolean, action: (core: Core, elsewhere: number) => void) {
  const { bytes, elsewhere } = code();
  const times: number[] = [];
  let translator: Translator | undefined;
  const core: Core = Core.create(
    { ramBytes: 1 << 20 },
    {
      portRead: () => core.time & 0xff,
      portWrite: () => {
        times.push(core.time);
        if (times.length % PERIOD === 0) action(core, elsewhere);
      },
      mmioRead: () => 0,
      mmioWrite: () => undefined,
      acknowledgeInterrupt: () => {
        core.setInterruptLine(false);
        return 0x20;
      },
      translateRegion: (block) => {
        if (translator === undefined) return;
        translator.counters.milliseconds = 0; // time spent must not hold the translator back
        translator.translate(block);
      },
    },
  );
  if (translates) {
    translator = new Translator(core);
    core.cpu.setField(Cpu.HEAT, HEAT);
    core.exports.flushCode();
  }
  boot(core, { user: false, code: bytes, banks: [Uint8Array.of(0xc3), Uint8Array.of(0xc3)] });
  while (core.time < TICKS) core.run(TICKS - core.time);
  return { state: processorStateText(core.cpu), times, regions: translator?.counters.regions ?? 0 };
}

test.each(Object.entries(ACTIONS))("the host changes %s", (_name, action) => {
  const interpreted = run(false, action);
  const translated = run(true, action);
  expect(translated.regions).toBeGreaterThan(0);
  expect(interpreted.times.length).toBeGreaterThan(PERIOD);
  expect(translated.times).toEqual(interpreted.times);
  expect(translated.state).toBe(interpreted.state);
});
