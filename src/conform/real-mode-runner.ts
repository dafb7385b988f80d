/**
 * Runs real-mode tests of public sets (MOO files) on the machine and compares registers, defined flags and memory.
 *
 * Memory is zero but for the bytes a test names. After each test the named bytes are compared; that nothing else was written is checked over
 * all of memory once for each batch, and a batch that fails the check is run again test by test. (A stray write is missed only if a later test of
 * the batch names the same byte.) Invariant: memory is zero between batches.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Core, type CoreHost } from "../core/core.js";
import { BarePlatform, type Platform } from "../core/platform.js";
import { compareFlags, compareHex, type Difference, hex } from "./difference.js";
import { headOf, type InstructionHead } from "./instruction-key.js";
import type { FlagMasks } from "./mask-file.js";
import { adapt286, FLAGS_286, type Profile286Note } from "./profile-286.js";
import { REGISTER_NAMES, type RealModeCase, SEGMENT_NAMES } from "./test-case.js";
import { definedDestination, undefinedFlags } from "./undefined-flags.js";

/** Enough for an instruction, the HLT behind it and an exception. */
const BUDGET = 64;
/** Enough for REP with CX = FFFF. */
const REPEAT_BUDGET = 400_000;
/** RAM of the platform: up to FFFF:FFFF and a little more. */
export const REAL_MODE_RAM = 0x200000;
const CHECKED_BYTES = 0x110000;
const PAGE = 4096;
const ZERO = Buffer.alloc(PAGE);
const ALL_FLAGS = 0x003f7fd5;
const PROTECTION_ENABLED = 1;

/** How tests of one file are to be judged. */
export interface RealModeRules {
  /** The test comes from an 80286: what later CPUs do otherwise is adapted (profile-286.ts). */
  is286: boolean;
  masks: FlagMasks | undefined;
}

/** What came of one test. */
export interface RealModeResult {
  differences: Difference[];
  /** How the test was adapted. */
  notes: Profile286Note[];
}

/** The bare machine. */
function bare(host: CoreHost): Platform {
  return new BarePlatform(Core.create({ ramBytes: REAL_MODE_RAM }, host));
}

/** One real-mode machine. */
export class RealModeRunner {
  readonly #platform: Platform;
  /** Views of memory, PAGE bytes each. */
  readonly #pages: Buffer[] = [];
  readonly #access: number[];
  readonly #one = new Uint8Array(1);

  /** A runner on the bare machine, or on the platform that `platform` makes with REAL_MODE_RAM bytes of RAM. */
  constructor(platform: (host: CoreHost) => Platform = bare) {
    const all = (size: 1 | 2 | 4) => (size === 4 ? 0xffffffff : 2 ** (8 * size) - 1);
    this.#platform = platform({
      portRead: (_port, size) => all(size),
      portWrite: () => undefined,
      mmioRead: (_pa, size) => all(size),
      mmioWrite: () => undefined,
      acknowledgeInterrupt: () => 0xff,
    });
    const { ram, cpu } = this.#platform;
    for (const piece of ram.pieces()) {
      for (let at = 0; at < piece.length && this.#pages.length < CHECKED_BYTES / PAGE; at += PAGE)
        this.#pages.push(Buffer.from(piece.buffer, piece.byteOffset + at, PAGE));
    }
    this.#access = SEGMENT_NAMES.map((_name, segment) => cpu.segment(segment).access);
  }

  #byte(address: number): number {
    return this.#pages[Math.floor(address / PAGE)]![address % PAGE]!;
  }

  get #isClear(): boolean {
    return this.#pages.every((page) => page.compare(ZERO) === 0);
  }

  /** Why a test cannot be run here at all, if so. */
  static unsupported(test: RealModeCase): string | undefined {
    if ((test.initial.cr0 & PROTECTION_ENABLED) !== 0) return "not a real-mode test";
    if ([...test.initialRam.addresses, ...test.finalRam.addresses].some((address) => address >= CHECKED_BYTES)) {
      return "memory above 1 MB + 64 KB";
    }
    return undefined;
  }

  /** Runs tests that `unsupported` accepts; results are in the order of the tests. */
  runBatch(tests: readonly RealModeCase[], rules: RealModeRules): RealModeResult[] {
    const results = tests.map((test) => this.#run(test, rules, false));
    if (this.#isClear) return results;
    this.#clear();
    return tests.map((test) => this.#run(test, rules, true));
  }

  #clear(): void {
    for (const [i, page] of this.#pages.entries())
      if (page.compare(ZERO) !== 0) this.#platform.ram.write(i * PAGE, ZERO);
  }

  #run(original: RealModeCase, rules: RealModeRules, thorough: boolean): RealModeResult {
    const { test, notes } = rules.is286 ? adapt286(original) : { test: original, notes: [] };
    const head = headOf(test.bytes);
    this.#prepare(test);
    const reason = this.#platform.run(head.repeat === 0 ? BUDGET : REPEAT_BUDGET);
    const differences: Difference[] = [];
    const defined = definedFlags(test, head, rules);
    if (reason !== ExitReason.HLT) {
      const got = `${ExitReason[reason] ?? reason}, eip ${hex(this.#platform.cpu.eip)}`;
      differences.push({ what: "end of test", expected: "HLT", got });
      this.#platform.reset();
    } else {
      this.#compareRegisters(test, head, defined, differences);
    }
    this.#compareRam(test, defined, differences);
    for (const address of test.initialRam.addresses) if (this.#byte(address) !== 0) this.#poke(address, 0);
    for (const address of test.finalRam.addresses) if (this.#byte(address) !== 0) this.#poke(address, 0);
    if (thorough) this.#compareRest(differences);
    return { differences, notes };
  }

  #poke(address: number, value: number): void {
    this.#one[0] = value;
    this.#platform.ram.write(address, this.#one);
  }

  #prepare(test: RealModeCase): void {
    const ram = test.initialRam;
    for (let i = 0; i < ram.addresses.length; i++) this.#poke(ram.addresses[i]!, ram.values[i]!);
    const { cpu } = this.#platform;
    const { general, segments, eip, eflags } = test.initial;
    cpu.halted = false;
    for (let r = 0; r < 8; r++) cpu.setReg(r, general[r]!);
    for (let s = 0; s < 6; s++) {
      const selector = segments[s]! & 0xffff;
      cpu.setSegment(s, { selector, base: selector * 16, limit: 0xffff, access: this.#access[s]! });
    }
    cpu.eip = eip;
    cpu.eflags = eflags | 2;
  }

  #compareRegisters(test: RealModeCase, head: InstructionHead, defined: number, differences: Difference[]): void {
    const { cpu } = this.#platform;
    const { final, finalMask } = test;
    const destination = ((head.modrm ?? 0) >> 3) & 7;
    const definedBits = definedDestination(head, final.eflags);
    for (let r = 0; r < 8; r++) {
      const mask = (finalMask?.general[r] ?? 0xffffffff) & (r === destination ? definedBits : 0xffffffff);
      compareHex(differences, REGISTER_NAMES[r]!, final.general[r]! & mask, cpu.reg(r) & mask);
    }
    for (const [s, got] of cpu.selectors.entries()) {
      const mask = finalMask?.segments[s] ?? 0xffff;
      compareHex(differences, SEGMENT_NAMES[s]!, final.segments[s]! & mask, got & mask, 4);
    }
    // A set of 16-bit registers shows IP; behind a HLT at FFFF a 32-bit EIP is 10000.
    const ipMask = (test.wide ? 0xffffffff : 0xffff) & (finalMask?.eip ?? 0xffffffff);
    compareHex(differences, "eip", final.eip & ipMask, cpu.eip & ipMask);
    compareFlags(differences, "eflags", final.eflags, cpu.eflags, defined & (finalMask?.eflags ?? 0xffffffff));
  }

  #compareRam(test: RealModeCase, defined: number, differences: Difference[]): void {
    const { initialRam, finalRam, final } = test;
    const expected = new Map<number, number>();
    for (let i = 0; i < initialRam.addresses.length; i++) expected.set(initialRam.addresses[i]!, initialRam.values[i]!);
    for (let i = 0; i < finalRam.addresses.length; i++) expected.set(finalRam.addresses[i]!, finalRam.values[i]!);
    // The frame of an exception is IP, CS, FLAGS at the final SS:SP. (The set's own address of FLAGS is rounded to a word.)
    const at = (offset: number) => final.segments[2]! * 16 + ((final.general[4]! + offset) & 0xffff);
    const low = test.exception === undefined ? -1 : at(4);
    const high = test.exception === undefined ? -1 : at(5);
    for (const [address, value] of expected) {
      const mask = address === low ? (defined | 2) & 0xff : address === high ? (defined >> 8) & 0xff : 0xff;
      compareHex(differences, `memory ${hex(address, 6)}`, value & mask, this.#byte(address) & mask, 2);
    }
  }

  #compareRest(differences: Difference[]): void {
    if (this.#isClear) return;
    for (let address = 0, shown = 0; address < CHECKED_BYTES && shown < 8; address++) {
      if (this.#byte(address) === 0) continue;
      differences.push({
        what: `memory ${hex(address, 6)}`,
        expected: "not written",
        got: hex(this.#byte(address), 2),
      });
      shown++;
    }
    this.#clear();
  }
}

/** The flags that count: not undefined by the manual, not masked by the set. */
function definedFlags(test: RealModeCase, head: InstructionHead, rules: RealModeRules): number {
  const bits = head.operandSizePrefix ? 32 : 16;
  let defined = ALL_FLAGS & ~undefinedFlags(head, test.bytes, test.initial.general[1]! & 0xff, bits);
  if (rules.is286) defined &= FLAGS_286;
  const mask = rules.masks?.get(head.key) ?? rules.masks?.get(head.key.split(".")[0]!);
  return mask === undefined ? defined : defined & (mask | 0xffff0000);
}
