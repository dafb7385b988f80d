/**
 * Random machine states that are mostly sensible: a GDT, LDT, IDT and tasks that work, with some of everything that does not,
 * and one system instruction that uses them. Everything else is filled with INT CD (one byte, CD, over and over), whose task gate
 * leads back to the harness that prints what has become of the state (harness.asm).
 *
 *   0000 code     4000 GDT     4400 LDT     4800 IDT     5000 tasks     6000 stacks and data
 */
import { Cr0, Cr4, Eflags } from "../../../assembly/abi/x86.js";
import { Random } from "../../random.js";
import { randomInstruction } from "./random-instruction.js";

/** Bytes of memory in a state. */
const STATE_RAM = 0x10000;
/** What memory is filled with: INT CD from any byte. */
const FILL = 0xcd;
const GDT = 0x4000;
const LDT = 0x4400;
const IDT = 0x4800;
const TASKS = 0x5000;
const TASK_BYTES = 0x100;
const TASK_COUNT = 8;
const GDT_ENTRIES = 32;
/** GDT entries of the harness: data, code, task. */
const HARNESS_INDEX = 29;
const LDT_ENTRIES = 16;
/** Vectors with random gates. */
const VECTORS = 64;
/** GDT index of code for level n is 1 + 2n, of data 2 + 2n; then the LDT and the running task. */
const LDT_INDEX = 9;
const TR_INDEX = 10;

/** What the parts of a state are made with. */
export class StateMaker {
  readonly ram = new Uint8Array(STATE_RAM).fill(FILL);
  readonly view = new DataView(this.ram.buffer);
  constructor(readonly random: Random) {}

  /** Selector of a level's code or data segment; sometimes of anything else. */
  selector(kind: "code" | "data", level: number): number {
    const { random } = this;
    if (random.chance(12)) return this.anySelector();
    const rpl = random.chance(5) ? random.below(4) : level;
    return ((1 + 2 * level + (kind === "data" ? 1 : 0)) << 3) | rpl;
  }

  /** Any selector: sometimes null, in the LDT, or beyond its table. */
  anySelector(): number {
    const { random } = this;
    if (random.chance(8)) return random.below(4);
    if (random.chance(10)) return (random.below(LDT_ENTRIES + 2) << 3) | 4 | random.below(4);
    return (random.below(HARNESS_INDEX + 6) << 3) | random.below(4);
  }

  /** Offset of a HLT in the code area. */
  target(): number {
    return this.random.chance(3) ? this.random.bits() : this.random.between(0x400, 0x2e00);
  }

  /** A place in the stack and data area; sometimes near a limit, or odd. */
  data(): number {
    const { random } = this;
    if (random.chance(2)) return random.pick(0, 2, 6, 0xfffe, 0xffff, 0x10000, 0xfffffffe);
    return random.between(0x6200, 0xfe00) & (random.chance(10) ? ~0 : ~3);
  }

  put(at: number, low: number, high: number): void {
    this.view.setUint32(at, low, true);
    this.view.setUint32(at + 4, high, true);
  }

  /** A real-mode vector. */
  put4(at: number, segment: number, offset: number): void {
    this.view.setUint32(at, (segment << 16) | offset, true);
  }

  segmentDescriptor(at: number, type: number, dpl: number): void {
    const { random } = this;
    const base = random.pick(0, 0, 0, 0, 0x10, 0x100);
    const big = random.chance(60) ? 1 : 0;
    const down = (type & 0x0c) === 4;
    const [limit, granular] = down
      ? random.pick([0x1fff, 0], [0x5fff, 0], [5, 1])
      : random.pick([0xffff, 0], [0xfffff, 1], [0xfffff, 1], [0xffff, 0], [0xfdff, 0], [0xf, 1]);
    const present = random.chance(95) ? 0x80 : 0;
    this.put(
      at,
      ((base & 0xffff) << 16) | (limit! & 0xffff),
      ((present | 0x10 | (dpl << 5) | type) << 8) | (limit! & 0xf0000) | (big << 22) | (granular! << 23),
    );
  }

  systemDescriptor(at: number, type: number, base: number, limit: number): void {
    const { random } = this;
    const present = random.chance(93) ? 0x80 : 0;
    const dpl = random.pick(0, 3, 3, random.below(4));
    this.put(at, ((base & 0xffff) << 16) | (limit & 0xffff), (present | (dpl << 5) | type) << 8);
  }

  gate(at: number, type: number, selector: number, dpl: number): void {
    const { random } = this;
    const present = random.chance(95) ? 0x80 : 0;
    const target = this.target();
    this.put(
      at,
      (selector << 16) | (target & 0xffff),
      (target & 0xffff0000) | ((present | (dpl << 5) | type) << 8) | random.pick(0, 0, 1, 2, 5, 31),
    );
  }

  /** A descriptor of any kind. */
  descriptor(at: number): void {
    const { random } = this;
    const kind = random.below(100);
    const level = random.pick(0, 0, 3, 3, 1, 2);
    if (kind < 22) this.segmentDescriptor(at, random.pick(0xb, 0xb, 9), level);
    else if (kind < 34) this.segmentDescriptor(at, random.pick(0xf, 0xf, 0xd), level);
    else if (kind < 54) this.segmentDescriptor(at, random.pick(3, 3, 1, 7, 5), level);
    else if (kind < 66) this.task(at, random.pick(1, 9, 9, 9));
    else if (kind < 72) this.task(at, random.pick(3, 11, 11));
    else if (kind < 88)
      this.gate(at, random.pick(4, 12, 12), this.selector("code", random.below(4)), random.pick(3, 3, level));
    else if (kind < 93) this.gate(at, 5, random.between(TR_INDEX + 1, 20) << 3, random.pick(3, 3, level));
    else if (kind < 96) this.systemDescriptor(at, 2, LDT, LDT_ENTRIES * 8 - 1);
    else this.systemDescriptor(at, random.pick(0, 8, 10, 13), 0, 0xffff);
  }

  private task(at: number, type: number): void {
    const { random } = this;
    const base = TASKS + TASK_BYTES * random.between(1, TASK_COUNT - 1);
    this.systemDescriptor(at, type, base, random.pick(0x67, 0x67, 0xff, 0xff, 0x2b, 0x66, 0x2a));
  }

  /** Fills in a task of either layout that can mostly be switched to. */
  taskState(base: number, wide: boolean): void {
    const { random } = this;
    const level = random.pick(0, 0, 3, 1, 2);
    const flags = this.eflags() | (wide && random.chance(8) ? Eflags.VM : 0);
    const selectors = [
      this.selector("data", 3),
      this.selector("code", level),
      this.selector("data", level),
      this.selector("data", 3),
      random.pick(0, this.anySelector()),
      random.pick(0, this.anySelector()),
    ];
    for (let i = 0; i < TASK_BYTES; i += 4) this.view.setUint32(base + i, random.chance(70) ? 0 : random.bits(), true);
    this.view.setUint16(base, (random.between(TR_INDEX, 24) << 3) | random.pick(0, 0, 3), true);
    const ldt = random.chance(80) ? (random.chance(60) ? 0 : LDT_INDEX << 3) : this.anySelector();
    if (wide) {
      for (let n = 0; n < 3; n++) {
        this.view.setUint32(base + 4 + 8 * n, this.data(), true);
        this.view.setUint16(base + 8 + 8 * n, this.selector("data", n), true);
      }
      this.view.setUint32(base + 28, 0, true);
      this.view.setUint32(base + 32, this.target(), true);
      this.view.setUint32(base + 36, flags, true);
      this.view.setUint32(base + 56, this.data(), true);
      selectors.forEach((selector, s) => this.view.setUint16(base + 72 + 4 * s, selector, true));
      this.view.setUint16(base + 96, ldt, true);
      this.view.setUint16(base + 100, random.chance(5) ? 1 : 0, true);
      this.view.setUint16(base + 102, random.pick(0x88, 0x88, 0xf0, 0xffff), true);
      // INT CD is not redirected in virtual-8086 mode: it must reach the harness.
      for (const map of [0x68, 0xd0]) this.ram[base + map + (FILL >> 3)]! |= 1 << (FILL & 7);
    } else {
      for (let n = 0; n < 3; n++) {
        this.view.setUint16(base + 2 + 4 * n, this.data(), true);
        this.view.setUint16(base + 4 + 4 * n, this.selector("data", n), true);
      }
      this.view.setUint16(base + 14, this.target(), true);
      this.view.setUint16(base + 16, flags, true);
      this.view.setUint16(base + 26, this.data(), true);
      selectors.slice(0, 4).forEach((selector, s) => this.view.setUint16(base + 34 + 2 * s, selector, true));
      this.view.setUint16(base + 42, ldt, true);
    }
  }

  /** Base and size of the segment that a selector names. */
  segment(selector: number): { base: number; big: boolean } {
    const at = ((selector & 4) !== 0 ? LDT : GDT) + (selector & 0xfff8);
    const high = this.view.getUint32(at + 4, true);
    return { base: (this.view.getUint16(at + 2, true) | ((high & 0xff) << 16)) >>> 0, big: (high & 0x400000) !== 0 };
  }

  /** EFLAGS without VM. */
  eflags(): number {
    const { random } = this;
    let flags = 2 | (random.bits() & 0x8d5) | (random.below(4) << 12) | (random.bits() & (Eflags.IF | Eflags.DF));
    if (random.chance(8)) flags |= Eflags.NT;
    if (random.chance(4)) flags |= Eflags.TF;
    if (random.chance(6)) flags |= Eflags.AC;
    if (random.chance(10)) flags |= Eflags.ID;
    // Not both: whether that faults on the next instruction is not documented for this processor.
    if (random.chance(20)) flags |= random.pick(Eflags.VIF, Eflags.VIP);
    return flags;
  }

  /** Tables, tasks and stacks. */
  tables(): void {
    const { random } = this;
    for (let i = 0; i < 0x100; i++) this.put4(4 * i, random.pick(0, 0x40, 0x100), random.between(0x400, 0x1fff));
    this.put(GDT, 0, 0);
    for (let i = 1; i < GDT_ENTRIES; i++) this.descriptor(GDT + 8 * i);
    for (let i = 0; i < LDT_ENTRIES; i++) this.descriptor(LDT + 8 * i);
    for (let n = 0; n < 4; n++) {
      this.segmentDescriptor(GDT + 8 * (1 + 2 * n), 0xb, n);
      this.segmentDescriptor(GDT + 8 * (2 + 2 * n), random.pick(3, 3, 3, 7), n);
    }
    this.systemDescriptor(GDT + 8 * LDT_INDEX, 2, LDT, LDT_ENTRIES * 8 - 1);
    for (let i = 0; i < VECTORS; i++) {
      const kind = random.pick(14, 14, 15, 15, 6, 7, 14, 15, 5, random.below(16));
      const dpl = random.pick(3, 3, 0, random.below(4));
      if (kind === 5) this.gate(IDT + 8 * i, kind, random.between(TR_INDEX, 24) << 3, dpl);
      else this.gate(IDT + 8 * i, kind, this.selector("code", random.pick(0, 0, 0, 1, 2, 3)), dpl);
    }
    for (let i = 0; i < TASK_COUNT; i++) this.taskState(TASKS + TASK_BYTES * i, i === 0 || random.chance(80));
    this.put(GDT + 8 * HARNESS_INDEX, 0x0000ffff, 0x00cf9300);
    this.put(GDT + 8 * (HARNESS_INDEX + 1), 0x0000ffff, 0x00cf9b00);
    this.put(GDT + 8 * (HARNESS_INDEX + 2), 0x10000067, 0x00008909);
    this.put(IDT + 8 * FILL, (HARNESS_INDEX + 2) << 19, 0x0000e500);
  }
}

/** A state in the form that the harness unpacks. */
export interface PackedState {
  regs: number[];
  eip: number;
  eflags: number;
  cr0: number;
  cr4: number;
  /** ES CS SS DS FS GS. */
  selectors: number[];
  ldt: number;
  tr: number;
  gdtLimit: number;
  idtLimit: number;
  sysenter: number[];
  ram: Uint8Array;
}

/** The mode a random state is in. */
export type StateMode = "v86" | "protected";

/** The state of `seed`. */
export function randomState(seed: number): PackedState {
  const random = new Random(seed);
  const maker = new StateMaker(random);
  maker.tables();
  const mode: StateMode = random.chance(20) ? "v86" : "protected";
  const level = mode === "v86" ? 3 : random.pick(0, 0, 3, 3, 1, 2);
  const present = (index: number) => {
    const at = GDT + 8 * index + 5;
    maker.ram[at] = maker.ram[at]! | 0x80;
  };
  for (const index of [1 + 2 * level, 2 + 2 * level, 8, LDT_INDEX]) present(index);
  const plain = () => random.pick(0, 0, 0x10, 0x100);
  const selectors =
    mode === "v86"
      ? [plain(), 0, plain(), plain(), plain(), plain()]
      : [0, ((1 + 2 * level) << 3) | level, ((2 + 2 * level) << 3) | level, 0, 0, 0].map((s) =>
          s === 0 && random.chance(75) ? (8 << 3) | 3 : s,
        );
  const wideTask = random.chance(85);
  maker.taskState(TASKS, wideTask);
  maker.systemDescriptor(
    GDT + 8 * TR_INDEX,
    wideTask ? 9 : 1,
    TASKS,
    random.pick(0xff, 0xff, 0x67, wideTask ? 0x67 : 0x2b),
  );
  present(TR_INDEX);

  let cr0 = Cr0.ET | Cr0.PE;
  for (const bit of [Cr0.MP, Cr0.EM, Cr0.TS, Cr0.NE, Cr0.WP, Cr0.AM]) if (random.chance(25)) cr0 |= bit;
  let cr4 = 0;
  for (const bit of [Cr4.VME, Cr4.PVI, Cr4.TSD, Cr4.DE, Cr4.PCE]) if (random.chance(30)) cr4 |= bit;
  const regs = Array.from({ length: 8 }, () =>
    random.pick(random.bits(), maker.anySelector(), maker.data(), random.below(0x80)),
  );
  regs[4] = random.between(0x6200, 0xfe00) & ~3;
  const eip = random.between(0x1000, 0x3000);
  const segment = (selector: number) =>
    mode === "v86" ? { base: selector << 4, big: false } : maker.segment(selector);
  const code = randomInstruction(
    maker,
    mode,
    level,
    regs,
    segment(selectors[1]!),
    segment(selectors[2]!),
    segment(selectors[3]!),
  );
  maker.ram.set(code, segment(selectors[1]!).base + eip);
  return {
    regs,
    eip,
    eflags: maker.eflags() | (mode === "v86" ? Eflags.VM : 0),
    cr0,
    cr4,
    selectors,
    ldt: random.chance(70) ? LDT_INDEX << 3 : 0,
    tr: TR_INDEX << 3,
    gdtLimit: GDT_ENTRIES * 8 - 1,
    idtLimit: 0x7ff,
    sysenter: [random.pick(0, 8, 8, 9, maker.anySelector()), maker.data(), maker.target()],
    ram: maker.ram,
  };
}

/** The state as the harness unpacks it: a header of 32 words, then (address, length, bytes) for all that is not fill. */
export function packState(s: PackedState): Uint8Array {
  const patches: [number, Uint8Array][] = [];
  for (let at = 0; at < STATE_RAM; at++) {
    if (s.ram[at] === FILL) continue;
    let end = at + 1;
    // A few bytes of fill in between are cheaper than another patch.
    for (let next = end; next < STATE_RAM && next < end + 8; next++) if (s.ram[next] !== FILL) end = next + 1;
    patches.push([at, s.ram.subarray(at, end)]);
    at = end;
  }
  const [es, cs, ss, ds, fs, gs] = s.selectors;
  const header = new Uint32Array(32);
  header.set([...s.regs, s.eip, s.eflags, s.cr0, s.cr4, es!, cs!, ss!, ds!, fs!, gs!, s.ldt, s.tr]);
  const view = new DataView(header.buffer);
  const table = (at: number, base: number, limit: number) => {
    view.setUint16(at, limit, true);
    view.setUint32(at + 2, base, true);
  };
  table(80, GDT, s.gdtLimit);
  table(88, IDT, s.idtLimit);
  header.set(s.sysenter, 24);
  header[31] = patches.length;
  const parts: Uint8Array[] = [new Uint8Array(header.buffer)];
  for (const [at, bytes] of patches) parts.push(new Uint8Array(Uint32Array.of(at, bytes.length).buffer), bytes);
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
