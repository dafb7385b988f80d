/**
 * Runs native vectors on the machine and compares everything they say: vector, error code, CR2, registers, defined flags, and every byte of
 * memory the test could see.
 *
 * Both sides end a test the same way, by an exception: the single-step trap, the INT3 behind the instruction, or its own fault. Invariant: the
 * windows hold their default content between tests.
 */
import { ExitReason } from "../../assembly/abi/exit.js";
import { Core } from "../core/core.js";
import type { SegmentCache } from "../core/cpu-view.js";
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

/** A machine with the tables and windows of one vector file. */
export class UserModeRunner {
  readonly #environment: NativeEnvironment;
  readonly #core: Core;
  readonly #ram: DataView;
  readonly #defaults: Uint8Array;
  /** What the windows must hold: defaults plus what the running test put there and expects there. */
  readonly #expected: Buffer;
  readonly #windows: Buffer;
  #kernelStack!: SegmentCache;
  readonly #touched: WindowBytes[] = [];
  #stepping = false;

  /** `translateRegion`: see CoreHost. */
  constructor(environment: NativeEnvironment, translateRegion: (block: number) => void = () => undefined) {
    this.#environment = environment;
    const refuse = (): never => {
      throw new Error("a native vector reached a port or device");
    };
    this.#core = Core.create(
      { ramBytes: machine.USER_MODE_RAM, romBytes: machine.RESET_ROM_BYTES },
      {
        portRead: refuse,
        portWrite: refuse,
        mmioRead: refuse,
        mmioWrite: refuse,
        acknowledgeInterrupt: refuse,
        translateRegion,
      },
    );
    const { ram, rom } = this.#core;
    rom.set(machine.resetRom());
    this.#ram = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    this.#defaults = defaultMemory(environment);
    this.#expected = Buffer.from(this.#defaults);
    this.#windows = Buffer.from(ram.buffer, ram.byteOffset + machine.WINDOWS_PA, this.#defaults.length);
    this.#boot();
  }

  /** The machine: for who translates its code. */
  get core(): Core {
    return this.#core;
  }

  /** Runs every test through the machine's one-instruction reference path instead of its fast paths. */
  set stepping(on: boolean) {
    this.#stepping = on;
  }

  #boot(): void {
    for (const { pa, bytes } of machine.userModeTables(this.#environment)) this.#core.writeRam(pa, bytes);
    this.#core.writeRam(machine.WINDOWS_PA, this.#defaults);
    this.#core.reset();
    const reason = this.#core.run(1000);
    const { eip } = this.#core.cpu;
    if (
      reason !== ExitReason.HLT ||
      eip < machine.KERNEL_LINEAR ||
      (eip >= machine.HANDLERS && eip < machine.HANDLERS + 256)
    ) {
      throw new Error(
        `the machine did not reach protected mode to run native vectors: exit ${ExitReason[reason] ?? reason} at eip ${hex(eip)}, cr2 ${hex(this.#core.cpu.cr2)}`,
      );
    }
    this.#kernelStack = this.#core.cpu.segment(SS);
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
        got: `no exception, eip ${hex(this.#core.cpu.eip)}`,
      });
    } else {
      this.#compare(test, head, vector, differences);
    }
    for (const write of test.writes) this.#expected.set(write.bytes, write.offset);
    for (const write of test.writes) this.#touched.push(write);
    if (this.#expected.compare(this.#windows) !== 0) this.#compareMemory(differences);
    this.#restore(differences.length > 0);
    return differences;
  }

  #put(offset: number, bytes: Uint8Array): void {
    this.#core.writeRam(machine.WINDOWS_PA + offset, bytes);
    this.#expected.set(bytes, offset);
    this.#touched.push({ offset, bytes });
  }

  #prepare(test: NativeCase): void {
    for (const patch of test.patches) this.#put(patch.offset, patch.bytes);
    const room = this.#environment.windows[0]!.pages * 4096 - test.codeOffset;
    this.#put(test.codeOffset, test.code.length <= room ? test.code : test.code.subarray(0, Math.max(0, room)));
    let at = machine.FRAME_PA;
    const push = (value: number) => {
      this.#ram.setUint32(at, value, true);
      at += 4;
    };
    for (const segment of [5, 4, 0, 3]) push(test.segments[segment]!);
    for (const register of [7, 6, 5, 4, 3, 2, 1, 0]) push(test.general[register]!);
    push(test.eip);
    push(test.segments[1]!);
    push(test.eflags);
    push(test.general[ESP]!);
    push(test.segments[2]!);
    const { cpu } = this.#core;
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
    const core = this.#core;
    let reason: ExitReason = ExitReason.BUDGET;
    if (this.#stepping) {
      for (let i = 0; i < budget && reason === ExitReason.BUDGET; i++) reason = core.stepOnce();
    } else {
      reason = core.run(budget);
    }
    const vector = core.cpu.eip - 1 - machine.HANDLERS;
    return reason === ExitReason.HLT && vector >= 0 && vector < 256 ? vector : undefined;
  }

  #compare(test: NativeCase, head: InstructionHead, vector: number, differences: Difference[]): void {
    const { cpu } = this.#core;
    compareHex(differences, "vector", test.vector, vector, 2);
    let frame = machine.KERNEL_STACK_PA - 20;
    const hasError = VECTORS_WITH_ERROR.has(vector);
    compareHex(differences, "ring-0 esp", machine.KERNEL_LINEAR + frame - (hasError ? 4 : 0), cpu.reg(ESP));
    const error = hasError ? this.#ram.getUint32(frame - 4, true) : undefined;
    if (vector === test.vector) {
      if (test.error !== undefined) compareHex(differences, "error code", test.error, error ?? 0, 4);
      if (test.cr2 !== undefined) compareHex(differences, "cr2", test.cr2, cpu.cr2);
    }
    const next = () => {
      frame += 4;
      return this.#ram.getUint32(frame - 4, true);
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

  #compareMemory(differences: Difference[]): void {
    let shown = 0;
    for (let i = 0; i < this.#expected.length && shown < 16; i++) {
      if (this.#expected[i] === this.#windows[i]) continue;
      compareHex(differences, `memory ${hex(this.#linear(i))}`, this.#expected[i]!, this.#windows[i]!, 2);
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
        this.#core.writeRam(machine.WINDOWS_PA + offset, original);
        this.#expected.set(original, offset);
      }
    }
    this.#touched.length = 0;
  }
}
