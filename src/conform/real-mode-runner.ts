/**
 * Runs real-mode tests of public sets (MOO files) on the machine and compares registers, defined flags and memory.
 *
 * Memory is zero but for the bytes a test names. After each test the named bytes are compared; that nothing else was written is checked over
 * all of memory once for each batch, and a batch that fails the check is run again test by test. Invariant: memory is zero between batches.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Core } from "../core/core.js";
import { compareFlags, compareHex, type Difference, hex } from "./difference.js";
import { headOf } from "./instruction-key.js";
import type { FlagMasks } from "./mask-file.js";
import { isStackFault286 } from "./profile-286.js";
import { type RamBytes, REGISTER_NAMES, type RealModeCase, SEGMENT_NAMES } from "./test-case.js";
import { destinationUndefined, undefinedFlags } from "./undefined-flags.js";

/** Enough for REP with CX = FFFF. */
const BUDGET = 400_000;
/** Up to FFFF:FFFF and a little more. */
const RAM_BYTES = 0x200000;
const CHECKED_BYTES = 0x110000;
const ALL_FLAGS = 0x003f7fd5;
const PROTECTION_ENABLED = 1;

/** How tests of one file are to be judged. */
export interface RealModeRules {
  /** The test comes from an 80286: bits 12–14 of FLAGS and stack-fault vectors are adapted. */
  is286: boolean;
  masks: FlagMasks | undefined;
}

/** What came of one test. */
export interface RealModeResult {
  differences: Difference[];
  /** The expected vector of a stack fault was adapted. */
  adapted: boolean;
}

/** One real-mode machine. */
export class RealModeRunner {
  readonly #core: Core;
  readonly #memory: Buffer;
  readonly #zero = Buffer.alloc(CHECKED_BYTES);
  readonly #access: number[];

  constructor() {
    const all = (size: 1 | 2 | 4) => (size === 4 ? 0xffffffff : 2 ** (8 * size) - 1);
    this.#core = Core.create(
      { ramBytes: RAM_BYTES },
      {
        portRead: (_port, size) => all(size),
        portWrite: () => undefined,
        mmioRead: (_pa, size) => all(size),
        mmioWrite: () => undefined,
        acknowledgeInterrupt: () => 0xff,
      },
    );
    const { ram, cpu } = this.#core;
    this.#memory = Buffer.from(ram.buffer, ram.byteOffset, CHECKED_BYTES);
    this.#access = SEGMENT_NAMES.map((_name, segment) => cpu.segment(segment).access);
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
    if (this.#memory.compare(this.#zero) === 0) return results;
    this.#clear();
    return tests.map((test) => this.#run(test, rules, true));
  }

  #clear(): void {
    this.#core.writeRam(0, this.#zero);
  }

  #run(test: RealModeCase, rules: RealModeRules, thorough: boolean): RealModeResult {
    const adapted = rules.is286 && isStackFault286(test);
    const ram = adapted ? withStackVector(test.initialRam) : test.initialRam;
    this.#prepare(test, ram, rules);
    const reason = this.#core.run(BUDGET);
    const differences: Difference[] = [];
    if (reason !== ExitReason.HLT) {
      const got = `${ExitReason[reason] ?? reason}, eip ${hex(this.#core.cpu.eip)}`;
      differences.push({ what: "end of test", expected: "HLT", got });
      this.#core.reset();
    } else {
      this.#compareRegisters(test, rules, differences);
    }
    this.#compareRam(test, ram, rules, differences);
    for (const address of [...ram.addresses, ...test.finalRam.addresses]) this.#poke(address, 0);
    if (thorough) this.#compareRest(differences);
    return { differences, adapted };
  }

  /** Stores a byte and drops code decoded from it. */
  #poke(address: number, value: number): void {
    this.#core.ram[address] = value;
    this.#core.exports.ramWritten(address, 1);
  }

  #prepare(test: RealModeCase, ram: RamBytes, rules: RealModeRules): void {
    for (let i = 0; i < ram.addresses.length; i++) this.#poke(ram.addresses[i]!, ram.values[i]!);
    const { cpu } = this.#core;
    const { general, segments, eip, eflags } = test.initial;
    cpu.halted = false;
    for (let r = 0; r < 8; r++) cpu.setReg(r, general[r]!);
    for (let s = 0; s < 6; s++) {
      const selector = segments[s]! & 0xffff;
      cpu.setSegment(s, { selector, base: selector * 16, limit: 0xffff, access: this.#access[s]! });
    }
    cpu.eip = eip;
    cpu.eflags = (rules.is286 ? eflags & 0x0fff : eflags) | 2;
  }

  #definedFlags(test: RealModeCase, rules: RealModeRules): number {
    const head = headOf(test.bytes);
    const bits = head.operandSizePrefix ? 32 : 16;
    let defined = ALL_FLAGS & ~undefinedFlags(head, test.bytes, test.initial.general[1]! & 0xff, bits);
    if (rules.is286) defined &= 0x0fff;
    const mask = rules.masks?.get(head.key) ?? rules.masks?.get(head.key.split(".")[0]!);
    if (mask !== undefined) defined &= mask | 0xffff0000;
    return defined;
  }

  #compareRegisters(test: RealModeCase, rules: RealModeRules, differences: Difference[]): void {
    const { cpu } = this.#core;
    const { final, finalMask } = test;
    const head = headOf(test.bytes);
    const unknown = destinationUndefined(head, final.eflags) ? ((head.modrm ?? 0) >> 3) & 7 : -1;
    for (let r = 0; r < 8; r++) {
      const mask = finalMask?.general[r] ?? 0xffffffff;
      if (r !== unknown) compareHex(differences, REGISTER_NAMES[r]!, final.general[r]! & mask, cpu.reg(r) & mask);
    }
    for (const [s, got] of cpu.selectors.entries()) {
      const mask = finalMask?.segments[s] ?? 0xffff;
      compareHex(differences, SEGMENT_NAMES[s]!, final.segments[s]! & mask, got & mask, 4);
    }
    compareHex(
      differences,
      "eip",
      final.eip & (finalMask?.eip ?? 0xffffffff),
      cpu.eip & (finalMask?.eip ?? 0xffffffff),
    );
    const defined = this.#definedFlags(test, rules) & (finalMask?.eflags ?? 0xffffffff);
    compareFlags(differences, "eflags", final.eflags, cpu.eflags, defined);
  }

  #compareRam(test: RealModeCase, initial: RamBytes, rules: RealModeRules, differences: Difference[]): void {
    const expected = new Map<number, number>();
    for (let i = 0; i < initial.addresses.length; i++) expected.set(initial.addresses[i]!, initial.values[i]!);
    for (let i = 0; i < test.finalRam.addresses.length; i++)
      expected.set(test.finalRam.addresses[i]!, test.finalRam.values[i]!);
    const flagsAddress = test.exception?.flagsAddress ?? -2;
    const defined = this.#definedFlags(test, rules) | 2;
    for (const [address, value] of expected) {
      const mask = address === flagsAddress ? defined : address === flagsAddress + 1 ? defined >> 8 : 0xff;
      compareHex(
        differences,
        `memory ${hex(address, 6)}`,
        value & mask & 0xff,
        this.#memory[address]! & mask & 0xff,
        2,
      );
    }
  }

  #compareRest(differences: Difference[]): void {
    if (this.#memory.compare(this.#zero) === 0) return;
    for (let address = 0, shown = 0; address < CHECKED_BYTES && shown < 8; address++) {
      if (this.#memory[address] === 0) continue;
      differences.push({
        what: `memory ${hex(address, 6)}`,
        expected: "not written",
        got: hex(this.#memory[address]!, 2),
      });
      shown++;
    }
    this.#clear();
  }
}

/** The interrupt table with vector 12 where the set has 13, and 13 leading nowhere. */
function withStackVector(ram: RamBytes): RamBytes {
  const kept = ram.addresses.map((address, i) => [address, ram.values[i]!] as const);
  const vector13 = kept.filter(([address]) => address >= 0x34 && address < 0x38);
  const rest = kept.filter(([address]) => address < 0x30 || address >= 0x38);
  const all = [...rest, ...vector13.map(([address, value]) => [address - 4, value] as const)];
  return { addresses: all.map(([address]) => address), values: all.map(([, value]) => value) };
}
