/**
 * Runs native vectors on the machine and compares everything they say: vector, error code, CR2, registers, defined flags, and every byte of
 * memory the test could see.
 *
 * Both sides end a test the same way, by an exception: the single-step trap, the INT3 behind the instruction, or its own fault. Invariant: the
 * windows hold their default content between tests.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Core, type CoreHost } from "../core/core.js";
import type { SegmentCache } from "../core/cpu-view.js";
import { BarePlatform, type Platform } from "../core/platform.js";
import { compareFlags, compareHex, type Difference, hex } from "./difference.js";
import { headOf, type InstructionHead } from "./instruction-key.js";
import {
  defaultMemory,
  type NativeCase,
  type NativeEnvironment,
  VECTORS_WITH_ERROR,
  type WindowBytes,
} from "./native-vectors.js";
import { REGISTER_NAMES, SEGMENT_NAMES } from "./test-case.js";
import { ARITHMETIC_FLAGS, definedDestination, faultedCompareFlags, undefinedFlags } from "./undefined-flags.js";
import * as machine from "./user-mode-machine.js";

/** Enough for entering user mode, an instruction and an exception. */
const BUDGET = 64;
/** Enough for the longest REP string a file may hold: a whole 64 KB segment, byte by byte, with room to spare. */
const REPEAT_BUDGET = 400_000;
/** The lowest vector a memory access can end with. */
const FIRST_FAULT = 10;
const ECX = 1;
const ESP = 4;
const SS = 2;
const RESERVED_FLAGS_MASK = 0x003f7fd5;
const INTERRUPT_FLAG = 0x200;

/** Where vectors run: the bare machine unless told otherwise. */
export interface UserModeOptions {
  /** See CoreHost. */
  translateRegion?: (block: number) => void;
  /** Makes the platform, with `USER_MODE_RAM` bytes of RAM and `RESET_ROM_BYTES` of ROM. */
  platform?: (host: CoreHost) => Platform;
}

/** The bare machine. */
function bare(host: CoreHost): Platform {
  return new BarePlatform(Core.create({ ramBytes: machine.USER_MODE_RAM, romBytes: machine.RESET_ROM_BYTES }, host));
}

/** A machine with the tables and windows of one vector file. */
export class UserModeRunner {
  readonly #environment: NativeEnvironment;
  readonly #platform: Platform;
  readonly #defaults: Uint8Array;
  /** What the windows must hold: defaults plus what the running test put there and expects there. */
  readonly #expected: Buffer;
  #kernelStack!: SegmentCache;
  readonly #touched: WindowBytes[] = [];
  #stepping = false;

  /** Boots the machine. */
  constructor(environment: NativeEnvironment, options: UserModeOptions = {}) {
    this.#environment = environment;
    const refuse = (): never => {
      throw new Error("a native vector reached a port or device");
    };
    const { translateRegion, platform = bare } = options;
    this.#platform = platform({
      portRead: refuse,
      portWrite: refuse,
      mmioRead: refuse,
      mmioWrite: refuse,
      acknowledgeInterrupt: refuse,
      ...(translateRegion === undefined ? {} : { translateRegion }),
    });
    this.#platform.setRom(machine.resetRom());
    this.#defaults = defaultMemory(environment);
    this.#expected = Buffer.from(this.#defaults);
    this.#boot();
  }

  /** The machine: for who translates its code. */
  get core(): Core {
    return this.#platform.core;
  }

  /** What the windows hold now. */
  #windows(): Uint8Array {
    return this.#platform.ram.read(machine.WINDOWS_PA, this.#defaults.length);
  }

  #load32(pa: number): number {
    return Buffer.from(this.#platform.ram.read(pa, 4)).readUInt32LE();
  }

  /** Runs every test through the machine's one-instruction reference path instead of its fast paths. */
  set stepping(on: boolean) {
    this.#stepping = on;
  }

  #boot(): void {
    for (const { pa, bytes } of machine.userModeTables(this.#environment)) this.#platform.ram.write(pa, bytes);
    this.#platform.ram.write(machine.WINDOWS_PA, this.#defaults);
    this.#platform.reset();
    const reason = this.#platform.run(1000);
    const { eip } = this.#platform.cpu;
    if (
      reason !== ExitReason.HLT ||
      eip < machine.KERNEL_LINEAR ||
      (eip >= machine.HANDLERS && eip < machine.HANDLERS + 256)
    ) {
      throw new Error(
        `the machine did not reach protected mode to run native vectors: exit ${ExitReason[reason] ?? reason} at eip ${hex(eip)}, cr2 ${hex(this.#platform.cpu.cr2)}`,
      );
    }
    this.#kernelStack = this.#platform.cpu.segment(SS);
  }

  /** Runs one test. An empty array means that everything agrees. */
  run(test: NativeCase): Difference[] {
    const differences: Difference[] = [];
    this.#prepare(test);
    const head = headOf(test.code);
    const vector = this.#execute(head.repeat === 0 ? BUDGET : REPEAT_BUDGET);
    if (vector === undefined) {
      differences.push({
        what: "end of test",
        expected: `vector ${test.vector}`,
        got: `no exception, eip ${hex(this.#platform.cpu.eip)}`,
      });
    } else {
      this.#compare(test, head, vector, differences);
    }
    for (const write of test.writes) this.#expected.set(write.bytes, write.offset);
    for (const write of test.writes) this.#touched.push(write);
    const windows = this.#windows();
    if (this.#expected.compare(windows) !== 0) this.#compareMemory(windows, differences);
    this.#restore(differences.length > 0);
    return differences;
  }

  #put(offset: number, bytes: Uint8Array): void {
    this.#platform.ram.write(machine.WINDOWS_PA + offset, bytes);
    this.#expected.set(bytes, offset);
    this.#touched.push({ offset, bytes });
  }

  #prepare(test: NativeCase): void {
    for (const patch of test.patches) this.#put(patch.offset, patch.bytes);
    const room = this.#environment.windows[0]!.pages * 4096 - test.codeOffset;
    this.#put(test.codeOffset, test.code.length <= room ? test.code : test.code.subarray(0, Math.max(0, room)));
    const frame: number[] = [];
    const push = (value: number) => frame.push(value);
    for (const segment of [5, 4, 0, 3]) push(test.segments[segment]!);
    for (const register of [7, 6, 5, 4, 3, 2, 1, 0]) push(test.general[register]!);
    push(test.eip);
    push(test.segments[1]!);
    push(test.eflags);
    push(test.general[ESP]!);
    push(test.segments[2]!);
    this.#platform.ram.write(machine.FRAME_PA, new Uint8Array(Uint32Array.from(frame).buffer));
    const { cpu } = this.#platform;
    cpu.halted = false;
    cpu.eip = machine.ENTER_USER;
    // IRET to a 16-bit stack keeps the high half of ESP: let the stub's have the test's. Its segment's base makes up for it.
    const high = test.general[ESP]! & 0xffff0000;
    const esp = (high | (machine.FRAME & 0xffff)) >>> 0;
    cpu.setReg(ESP, esp);
    cpu.setSegment(SS, { ...this.#kernelStack, base: (machine.FRAME - esp) >>> 0 });
    cpu.cr2 = 0;
  }

  /** Runs to the HLT of an exception handler: its vector, or `undefined`. */
  #execute(budget: number): number | undefined {
    const platform = this.#platform;
    let reason: ExitReason = ExitReason.BUDGET;
    if (this.#stepping) {
      for (let i = 0; i < budget && reason === ExitReason.BUDGET; i++) reason = platform.core.stepOnce();
    } else {
      reason = platform.run(budget);
    }
    const vector = platform.cpu.eip - 1 - machine.HANDLERS;
    return reason === ExitReason.HLT && vector >= 0 && vector < 256 ? vector : undefined;
  }

  #compare(test: NativeCase, head: InstructionHead, vector: number, differences: Difference[]): void {
    const { cpu } = this.#platform;
    compareHex(differences, "vector", test.vector, vector, 2);
    let frame = machine.KERNEL_STACK_PA - 20;
    const hasError = VECTORS_WITH_ERROR.has(vector);
    compareHex(differences, "ring-0 esp", machine.KERNEL_LINEAR + frame - (hasError ? 4 : 0), cpu.reg(ESP));
    const error = hasError ? this.#load32(frame - 4) : undefined;
    if (vector === test.vector) {
      if (test.error !== undefined) compareHex(differences, "error code", test.error, error ?? 0, 4);
      if (test.cr2 !== undefined) compareHex(differences, "cr2", test.cr2, cpu.cr2);
    }
    const next = () => {
      frame += 4;
      return this.#load32(frame - 4);
    };
    const eip = next();
    const cs = next();
    const eflags = next();
    const esp = next();
    const ss = next();
    const operandBits = test.code32 !== head.operandSizePrefix ? 32 : 16;
    const undefinedBits = undefinedFlags(head, test.code, test.general[ECX]! & 0xff, operandBits);
    compareHex(differences, "eip", test.finalEip, eip);
    const faulted = test.vector >= FIRST_FAULT && test.finalEip === test.eip;
    const iterations = (test.general[ECX]! - test.finalGeneral[ECX]!) & 0xffff;
    const rule = faultedCompareFlags(head, faulted, iterations);
    const asBefore = rule === "open" || (rule === "restored" && ((eflags ^ test.eflags) & ARITHMETIC_FLAGS) === 0);
    const expected = asBefore ? (test.finalEflags & ~ARITHMETIC_FLAGS) | (eflags & ARITHMETIC_FLAGS) : test.finalEflags;
    compareFlags(differences, "eflags", expected, eflags, RESERVED_FLAGS_MASK & ~undefinedBits);
    const destination = ((head.modrm ?? 0) >> 3) & 7;
    const defined = definedDestination(head, test.finalEflags);
    for (let r = 0; r < 8; r++) {
      const got = r === ESP ? esp : cpu.reg(r);
      const mask = r === destination ? defined : 0xffffffff;
      compareHex(differences, REGISTER_NAMES[r]!, test.finalGeneral[r]! & mask, got & mask);
    }
    const selectors = cpu.selectors;
    selectors[1] = cs & 0xffff;
    selectors[2] = ss & 0xffff;
    for (let s = 0; s < 6; s++) compareHex(differences, SEGMENT_NAMES[s]!, test.finalSegments[s]!, selectors[s]!, 4);
    if ((eflags & INTERRUPT_FLAG) === 0) differences.push({ what: "IF", expected: "1", got: "0" });
  }

  #compareMemory(windows: Uint8Array, differences: Difference[]): void {
    let shown = 0;
    for (let i = 0; i < this.#expected.length && shown < 16; i++) {
      if (this.#expected[i] === windows[i]) continue;
      compareHex(differences, `memory ${hex(this.#linear(i))}`, this.#expected[i]!, windows[i]!, 2);
      shown++;
    }
  }

  #linear(offset: number): number {
    let start = 0;
    for (const window of this.#environment.windows) {
      if (offset < start + window.pages * 4096) return window.linear + offset - start;
      start += window.pages * 4096;
    }
    return 0;
  }

  #restore(everything: boolean): void {
    if (everything) {
      this.#expected.set(this.#defaults);
      this.#boot(); // a wrong test may have left the machine anywhere
    } else {
      for (const { offset, bytes } of this.#touched) {
        const original = this.#defaults.subarray(offset, offset + bytes.length);
        this.#platform.ram.write(machine.WINDOWS_PA + offset, original);
        this.#expected.set(original, offset);
      }
    }
    this.#touched.length = 0;
  }
}
