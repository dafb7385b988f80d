/**
 * One random system instruction for a random state, with operands and stack frames that often make it succeed. The bytes are
 * encoded here by hand, from the opcode tables of SDM 2A/2B.
 */
import type { StateMaker, StateMode } from "./random-state.js";

/** What matters here of a loaded segment. */
export interface Segment {
  base: number;
  big: boolean;
}

/** Encodes the instruction and prepares memory and registers for it. */
export function randomInstruction(
  maker: StateMaker,
  mode: StateMode,
  level: number,
  regs: number[],
  cs: Segment,
  ss: Segment,
  ds: Segment,
): number[] {
  const { random, view } = maker;
  const { big } = cs;
  const prefixed = random.chance(25);
  const wide = big !== prefixed;
  const bytes = wide ? 4 : 2;
  const prefix = prefixed ? [0x66] : [];
  const word = (value: number) => [value & 255, (value >> 8) & 255];
  const long = (value: number) => [...word(value), ...word(value >>> 16)];
  const sized = (value: number) => (wide ? long(value) : word(value));

  /** A selector and offset for a far pointer. */
  const farSelector = () => {
    if (mode !== "protected") return random.pick(0, 0x10, 0x100, 0x40);
    return random.pick(
      maker.selector("code", level),
      maker.anySelector(),
      (random.between(11, 31) << 3) | random.pick(level, 0, 3),
    );
  };

  /** ModRM byte of a memory operand at a random place; the address is also returned. */
  const memory = (reg: number): { code: number[]; at: number } => {
    const at = maker.data();
    const code = big ? [(reg << 3) | 5, ...long(at)] : [(reg << 3) | 6, ...word(at)];
    return { code, at: ((big ? at : at & 0xffff) + ds.base) >>> 0 };
  };
  const store = (at: number, value: number, size: number) => {
    for (let i = 0; i < size; i++) if (at + i < view.byteLength) view.setUint8(at + i, (value >>> (8 * i)) & 255);
  };
  /** ModRM byte of a register or memory operand that holds `value`. */
  const operand = (reg: number, value: number): number[] => {
    if (random.chance(60)) {
      const rm = random.pick(0, 1, 2, 3, 5, 6, 7);
      regs[rm] = value;
      return [0xc0 | (reg << 3) | rm];
    }
    const { code, at } = memory(reg);
    store(at, value, 4);
    return code;
  };
  /** Puts items on top of the stack. */
  const frame = (items: number[], size: number) => {
    const sp = ss.big ? regs[4]! : regs[4]! & 0xffff;
    items.forEach((value, i) => store(ss.base + sp + i * size, value, size));
  };
  const farPointer = (reg: number, selector: number): number[] => {
    const { code, at } = memory(reg);
    store(at, maker.target(), bytes);
    store(at + bytes, selector, 2);
    return code;
  };
  const returnLevel = () => random.pick(level, Math.max(level, random.below(4)), random.below(4));
  const returnFrame = (flags: boolean, extra: number) => {
    const outer = returnLevel();
    const vm = flags && wide && level === 0 && random.chance(20);
    const code = mode === "protected" && !vm ? maker.selector("code", outer) : random.pick(0, 0x40, 0x100);
    const items = [maker.target(), code];
    if (flags) items.push(maker.eflags() | (vm ? 0x20000 : 0));
    for (let i = 0; i < extra; i += bytes) items.push(random.bits());
    items.push(maker.data(), vm ? 0x100 : maker.selector("data", outer));
    if (vm) items.push(0x10, 0x20, 0x30, 0x40);
    frame(items, bytes);
  };

  const table: [weight: number, make: () => number[]][] = [
    [10, () => [0xea, ...sized(maker.target()), ...word(farSelector())]],
    [14, () => [0x9a, ...sized(maker.target()), ...word(farSelector())]],
    [4, () => [0xff, ...farPointer(5, farSelector())]],
    [5, () => [0xff, ...farPointer(3, farSelector())]],
    [8, () => after(() => returnFrame(false, 0), 0xcb)],
    [
      4,
      () => {
        const extra = random.pick(0, 4, 8, 12, 0x20);
        returnFrame(false, extra);
        return [0xca, ...word(extra)];
      },
    ],
    [16, () => after(() => returnFrame(true, 0), 0xcf)],
    [12, () => [0xcd, random.below(80)]],
    [2, () => [0xcc]],
    [2, () => [0xce]],
    [
      8,
      () => [
        0x8e,
        ...operand(
          random.pick(0, 2, 3, 4, 5, 2, random.below(8)),
          random.pick(maker.selector("data", level), maker.anySelector()),
        ),
      ],
    ],
    [3, () => [0x8c, ...operand(random.below(8), random.bits())]],
    [
      6,
      () => {
        frame([random.pick(maker.selector("data", level), maker.anySelector())], bytes);
        return random.pick([0x07], [0x17], [0x1f], [0x0f, 0xa1], [0x0f, 0xa9]);
      },
    ],
    [2, () => random.pick([0x06], [0x0e], [0x16], [0x1e], [0x0f, 0xa0], [0x0f, 0xa8])],
    [
      5,
      () => [
        ...random.pick([0xc4], [0xc5], [0x0f, 0xb2], [0x0f, 0xb4], [0x0f, 0xb5]),
        ...farPointer(random.below(8), maker.selector("data", level)),
      ],
    ],
    [5, () => [0x0f, 0x02, ...operand(random.pick(0, 1, 3), maker.anySelector())]],
    [5, () => [0x0f, 0x03, ...operand(random.pick(0, 1, 3), maker.anySelector())]],
    [4, () => [0x0f, 0x00, ...operand(random.pick(4, 5), maker.anySelector())]],
    [
      3,
      () => [
        0x0f,
        0x00,
        ...operand(random.pick(2, 3), random.pick(9 << 3, maker.anySelector(), random.between(10, 31) << 3)),
      ],
    ],
    [2, () => [0x0f, 0x00, ...operand(random.pick(0, 1, 6, 7), random.bits())]],
    [2, () => [0x63, ...operand(random.below(8), maker.anySelector())]],
    [
      3,
      () => {
        const { code, at } = memory(random.pick(0, 1, 2, 3));
        store(at, random.pick(0xff, 0x1ff, random.below(0x10000)), 2);
        store(at + 2, random.pick(0x4000, 0x4800, random.bits()), 4);
        return [0x0f, 0x01, ...code];
      },
    ],
    [3, () => [0x0f, 0x01, ...operand(random.pick(4, 6), random.below(16) | 1)]],
    [1, () => [0x0f, 0x06]],
    [2, () => [0x0f, 0x20, 0xc0 | random.pick(0x01, 0x13, 0x1b, 0x21, 0x01)]],
    [
      2,
      () => {
        const rm = random.pick(0, 1, 2, 3);
        regs[rm] = (random.pick(0x11, 0x31, 0x10011, 0x20000011, 0x60000011, 0x40000013) | 1) >>> 0;
        return [0x0f, 0x22, 0xc0 | rm];
      },
    ],
    [
      2,
      () => {
        const rm = random.pick(0, 1, 2, 3);
        regs[rm] = random.pick(0, 1, 3, 8, 0x10, 0x80, 0x100, 0x80000000, 0x100000);
        return [0x0f, 0x22, 0xe0 | rm];
      },
    ],
    [
      2,
      () => {
        const n = random.below(8);
        const rm = random.pick(0, 1, 2, 3);
        regs[rm] = n === 7 || n === 5 ? random.pick(0, 0x400, 0x300, 0xf0000000) : random.bits();
        return [0x0f, random.pick(0x21, 0x23), 0xc0 | (n << 3) | rm];
      },
    ],
    [3, () => [0x9c]],
    [6, () => after(() => frame([maker.eflags() | (random.chance(10) ? 0x30000 : 0)], bytes), 0x9d)],
    [3, () => [0xfa]],
    [3, () => [0xfb]],
    [3, () => [random.pick(0xe4, 0xe5, 0xe6, 0xe7), 0xe2]],
    [
      3,
      () => {
        regs[2] = random.between(0x2a0, 0x2bf);
        return [random.pick(0xec, 0xed, 0xee, 0xef)];
      },
    ],
    [
      3,
      () => {
        regs[2] = random.between(0x2a0, 0x2bf);
        regs[1] = random.below(5);
        regs[6] = maker.data();
        regs[7] = maker.data();
        return [...random.pick([], [0xf3]), random.pick(0x6c, 0x6d, 0x6e, 0x6f)];
      },
    ],
    [3, () => [0x0f, 0x34]],
    [
      3,
      () => {
        regs[2] = maker.target();
        regs[1] = maker.data();
        return [0x0f, 0x35];
      },
    ],
    [1, () => [0x9b]],
    [1, () => [0x0f, 0x0b]],
    [1, () => [NOP]],
  ];
  let ticket = random.below(table.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, make] of table) {
    if (ticket < weight) return [...prefix, ...make()];
    ticket -= weight;
  }
  return [NOP];
}

const NOP = 0x90;

/** An instruction of one byte, after its stack frame has been made. */
function after(makeFrame: () => void, opcode: number): number[] {
  makeFrame();
  return [opcode];
}
