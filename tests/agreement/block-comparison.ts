/**
 * Random short blocks of the table's instructions, run once as blocks (hot forms, fused pairs, flags left out where they
 * are dead) and once step by step through the generic functions. Whatever differs is a mistake in a fast path.
 */
import { Counter, Cpu, SegCache } from "../../assembly/abi/cpu.js";
import { ExitReason } from "../../assembly/abi/exit.js";
import { Op } from "../../assembly/abi/op.js";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { Seg } from "../../assembly/abi/x86.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { EagerTranslator } from "../translator/eager.js";
import { type Bitness, hexBytes, type Sample, samplesOf } from "./encode.js";
import { FlatMachine, OPERAND, STACK, type Start } from "./flat-machine.js";
import { randomNumbers } from "./random.js";

const LONGEST = 6;
const REPORTED = 5;
/** Instructions that a block may go on for behind its own: what it branched to. */
const EXTRA_TICKS = 4;

/** EFLAGS a program starts with: arithmetic flags and DF. */
const START_FLAGS = 0xcd5;

/** Code behind a block: no-operations and a jump back to them. */
const BEHIND = [...new Array<number>(16).fill(0x90), 0xeb, 0xee];

type Random = () => number;
type Snapshot = ReturnType<FlatMachine["snapshot"]>;

/** Numbers that stand near the edges of something: widths, signs, pages, the operand. */
function interesting(next: Random): number {
  const near = [
    0,
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    OPERAND,
  ];
  return next() & 1 ? next() : (near[next() % near.length]! + (next() % 3) - 1) >>> 0;
}

/** Registers that mostly point into low RAM, sometimes across a page, sometimes anywhere. */
function registers(next: Random): number[] {
  const pointer = () =>
    [OPERAND + (next() & 0x3ff), OPERAND + 0xff9 + (next() & 7), OPERAND, interesting(next)][next() & 3]!;
  const stack = next() % 8 === 0 ? STACK - 0x1000 + (next() & 7) : STACK - (next() & 0xfc);
  const general = [0, 1, 2].map(() => (next() % 3 === 0 ? pointer() : interesting(next)));
  return [...general, pointer(), stack, pointer(), pointer(), pointer()];
}

/** The sample with its immediates and its ModRM, where the row leaves that open, made random. */
function vary({ form, bytes, memory }: Sample, next: Random): Uint8Array {
  const out = bytes.slice();
  const { encoding } = form.row;
  const fixed = bytes.findIndex(
    (byte) => byte === encoding.byte || (encoding.plusRegister && byte === encoding.byte + 1),
  );
  let at = fixed + 1;
  if (encoding.plusRegister) out[fixed] = encoding.byte + (next() & 7);
  if (encoding.modrm !== undefined) {
    const reg = encoding.modrm === "r" ? next() & 7 : encoding.modrm;
    const rm = typeof encoding.rm === "number" ? encoding.rm : next() & 7;
    if (!memory) out[at] = 0xc0 | (reg << 3) | rm;
    else out[at] = (out[at]! & 0xc7) | (reg << 3);
    at++;
  }
  for (; at < out.length; at++) out[at] = next() & 3 ? next() & 0xff : [0, 1, 0x7f, 0x80, 0xff][next() % 5]!;
  return memory && next() % 8 === 0 ? Uint8Array.from([OVERRIDES[next() % 3]!, ...out]) : out;
}

/** Prefixes CS, FS and GS. */
const OVERRIDES = [0x2e, 0x64, 0x65];

function segmentField(seg: Seg, field: SegCache): number {
  return Cpu.SEGS + seg * SegCache.SIZE + field;
}

/** FS with a base and a limit in the middle of what pointers reach; GS with a base below 0, as thread-local storage has it. */
const SEGMENTS: readonly (readonly [number, number])[] = [
  [segmentField(Seg.FS, SegCache.BASE), 0x120],
  [segmentField(Seg.FS, SegCache.LIMIT), OPERAND + 0x1fe],
  [segmentField(Seg.GS, SegCache.BASE), 0xfffffff4],
];

interface Program {
  start: Start;
  /** Length of the block itself. */
  bytes: number;
  count: number;
}

function program(bitness: Bitness, inner: Sample[], last: Sample[], next: Random): Program {
  const parts: Uint8Array[] = [];
  for (let count = next() % LONGEST; count > 0; count--) parts.push(vary(inner[next() % inner.length]!, next));
  parts.push(vary(last[next() % last.length]!, next));
  const block = parts.flatMap((part) => [...part]);
  const code = Uint8Array.from([...block, ...BEHIND]);
  const eflags = next() & START_FLAGS & (next() % 8 === 0 ? -1 : ~0x400);
  return {
    start: { bitness, code, registers: registers(next), eflags, fields: SEGMENTS },
    bytes: block.length,
    count: parts.length + EXTRA_TICKS,
  };
}

/** The hot operations get most of the blocks; everything else appears as well. */
const HOT = new Set<Op>([
  ...[Op.ADD, Op.OR, Op.ADC, Op.SBB, Op.AND, Op.SUB, Op.XOR, Op.CMP, Op.TEST, Op.INC, Op.DEC, Op.NEG, Op.NOT, Op.MOV],
  ...[Op.SHL, Op.SHR, Op.SAR, Op.ROL, Op.ROR, Op.IMUL, Op.MOVZX8, Op.MOVZX16, Op.MOVSX8, Op.MOVSX16, Op.LEA, Op.PUSH],
  ...[Op.POP, Op.LEAVE, Op.CWD, Op.XCHG, Op.CMOVCC, Op.SETCC],
]);

/** Which blocks to make. */
export interface Series {
  bitness: Bitness;
  /** `hot`: operations with hot forms, ended by a near branch; `all`: everything in the table. */
  operations: "hot" | "all";
  seed: number;
  blocks: number;
}

const SAMPLES = INSTRUCTIONS.flatMap(samplesOf);
const NEAR = new Set<Op>([Op.JCC, Op.LOOP, Op.JMP, Op.RET, Op.CALL]);

/** Most registers and RAM show a mistake at once; a translated block is also run when its addresses are in the TLB. */
const PASSES = { blocks: 1, regions: 2 } as const;

/** The difference between two ways to run blocks: one machine, reused. */
export class BlockComparison {
  readonly #machine: FlatMachine;
  readonly #translator: EagerTranslator | undefined;
  readonly #passes: number;

  /** `engine`: what runs the blocks, the interpreter or regions. */
  constructor(engine: "blocks" | "regions" = "blocks") {
    this.#passes = PASSES[engine];
    this.#machine = new FlatMachine((block) => {
      this.#translator?.translate(block);
    });
    if (engine === "regions") this.#translator = new EagerTranslator(this.#machine.core);
  }

  /** Regions made since. */
  get regions(): number {
    return this.#translator?.regions ?? 0;
  }

  /** Runs a series. Returns the first few blocks whose results differ, with both states. */
  run({ bitness, operations, seed, blocks }: Series): string[] {
    const own = SAMPLES.filter((sample) => sample.bitness === bitness);
    const ends = ({ form }: Sample) => (form.row.flags & ShapeFlag.ENDS) !== 0;
    const hot = operations === "hot";
    const inner = own.filter((sample) => !ends(sample) && (!hot || HOT.has(sample.form.row.op)));
    const last = own.filter((sample) => (hot ? NEAR.has(sample.form.row.op) : ends(sample)));
    const next = randomNumbers(seed);
    const wrong: string[] = [];
    for (let block = 0; block < blocks && wrong.length < REPORTED; block++) {
      const candidate = program(bitness, inner, last, next);
      const message = this.#difference(candidate, false) && this.#difference(candidate, true);
      if (message) wrong.push(`${hexBytes(candidate.start.code.subarray(0, candidate.bytes))}: ${message}`);
    }
    return wrong;
  }

  /** Blocks decoded since the machine was made: proof that the fast path was taken. */
  get blocksDecoded(): number {
    return this.#machine.core.cpu.counter(Counter.BLOCKS_DECODED);
  }

  /** Runs a program both ways. Returns what differs; `clear` makes sure that no earlier program had a hand in it. */
  #difference({ start, count }: Program, clear: boolean): string | undefined {
    const machine = this.#machine;
    const { core } = machine;
    if (clear) machine.clearHighRam();
    machine.begin(start);
    let reason = ExitReason.BUDGET;
    for (let left = count; left > 0 && reason === ExitReason.BUDGET; left--) reason = core.stepOnce();
    const steps = machine.snapshot();
    const ticks = core.time;
    for (let pass = 0; pass < this.#passes; pass++) {
      if (clear) machine.clearHighRam();
      if (pass === 0) machine.begin(start);
      else machine.again(start);
      const message = this.#runBlocks(count, reason, steps, ticks);
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** Runs the program that the machine is about to start. Returns how the end differs from that of single steps. */
  #runBlocks(count: number, reason: ExitReason, steps: Snapshot, ticks: number): string | undefined {
    const { core } = this.#machine;
    const blockReason = core.run(count);
    const blocks = this.#machine.snapshot();
    if (blockReason !== reason) return `exit ${ExitReason[blockReason]}, steps ${ExitReason[reason]}`;
    if (blocks.registers !== steps.registers) return `\n  blocks ${blocks.registers}\n  steps  ${steps.registers}`;
    if (!blocks.ram.equals(steps.ram)) {
      const at = blocks.ram.findIndex((byte, index) => byte !== steps.ram[index]);
      return `RAM at ${at.toString(16)}: ${blocks.ram[at]}, steps ${steps.ram[at]}`;
    }
    return core.time === ticks ? undefined : `${core.time} ticks, steps ${ticks}`;
  }
}
