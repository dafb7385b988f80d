/**
 * Random straight-line statements: one instruction or a short run whose order matters, over registers, data and the window.
 * Memory operands mostly hit; those that miss on purpose are rare. ESP and EBP stay what they are except in balanced pairs.
 */
import type { Random } from "../../random.js";
import { type Assembler, type Mem, R, type Rm } from "./assembler.js";
import { ALIAS, CODE, DATA, DATA_BYTES, KernelCall, WINDOW } from "./kernel.js";

/** A statement: parts are lists of statements inside it, which shrinking may shorten. */
export interface Statement {
  /** What it is, for people. */
  name: string;
  parts: Statement[][];
  /** Writes the code. Labels come from the assembler, so that a statement can be left out. */
  emit(a: Assembler): void;
}

/** A statement without parts. */
export function plain(name: string, emit: (a: Assembler) => void): Statement {
  return { name, parts: [], emit };
}

const GENERAL = [R.EAX, R.ECX, R.EDX, R.EBX, R.ESI, R.EDI] as const;
const POINTERS = [R.EBX, R.ESI, R.EDI, R.EBP] as const;
const EDGES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/**
 * Makes statements; `reserved` is the loop counter that must not be changed, if any. `watched` allows what slows every access down:
 * alignment checks and data breakpoints.
 */
export class StatementMaker {
  constructor(
    private readonly random: Random,
    private readonly user: boolean,
    private readonly reserved: number | undefined,
    private readonly watched: boolean,
  ) {}

  /** Any statement. */
  statement(): Statement {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 30) return this.arithmetic();
    if (kind < 38) return this.unary();
    if (kind < 46) return this.shift();
    if (kind < 52) return this.multiply();
    if (kind < 62) return this.move();
    if (kind < 67) return this.condition();
    if (kind < 75) return this.stack();
    if (kind < 79) return this.bits();
    if (kind < 83) return this.string();
    if (kind < 87) return this.flags();
    if (kind < 90) return this.patch();
    if (kind < 93) return this.window();
    if (kind < 96) return this.pointer();
    return this.system();
  }

  private size(): number {
    return this.random.pick(4, 4, 4, 1, 2);
  }

  /** A register that may be written. */
  private target(size = 4): number {
    for (;;) {
      const r = size === 1 ? this.random.below(8) : this.random.pick(...GENERAL);
      if ((size === 1 ? r & 3 : r) !== this.reserved) return r;
    }
  }

  private register(size = 4): number {
    return size === 1 ? this.random.below(8) : this.random.pick(...GENERAL, R.EBP, R.ESP);
  }

  private number(): number {
    const { random } = this;
    return random.chance(50) ? random.bits() : (random.pick(...EDGES) + random.below(3) - 1) >>> 0;
  }

  /** A memory operand, mostly inside the data. */
  private memory(): Mem {
    const { random } = this;
    const near = random.pick(0, 4, 8, -4, 0x7c, 0x80, 0x200, 1, 0xffd);
    switch (random.below(12)) {
      case 0:
        return { disp: DATA + random.below(DATA_BYTES - 4) };
      case 1:
        return { disp: DATA + ALIAS + random.below(DATA_BYTES - 4) };
      case 2:
        return { disp: DATA + 0x1000 * random.between(1, 3) - random.below(6) }; // around a page end
      case 3:
        return { base: R.ESP, disp: 4 * random.between(-24, 8) };
      case 4:
        return { disp: WINDOW + random.below(0x3ffc) };
      case 5:
        return { base: random.pick(...POINTERS), index: random.pick(...GENERAL), scale: random.below(4), disp: near };
      case 6:
        return { base: random.pick(...POINTERS), disp: near, prefix: random.pick(0x64, 0x65, 0x2e, 0x36, 0x26) };
      default:
        return { base: random.pick(...POINTERS), disp: near };
    }
  }

  /** An r/m operand that may be written. */
  private place(size: number): Rm {
    return this.random.chance(55) ? this.target(size) : this.memory();
  }

  /** An r/m operand that is read. */
  private source(size: number): Rm {
    return this.random.chance(55) ? this.register(size) : this.memory();
  }

  private arithmetic(): Statement {
    const { random } = this;
    const size = this.size();
    const op = random.below(9);
    if (op === 8) return this.test(size);
    const name = `alu ${op} ${size}`;
    switch (random.below(4)) {
      case 0: {
        const [rm, imm] = [op === 7 ? this.source(size) : this.place(size), this.number()];
        if (random.chance(50)) return plain(name, (a) => a.aluImmediate(op, size, rm, imm));
        return plain(name, (a) => {
          a.prefixes(size, rm);
          a.raw(size === 1 ? 0x80 : 0x83);
          a.modrm(op, rm);
          a.raw(imm);
        });
      }
      case 1: {
        const [rm, r] = [op === 7 ? this.source(size) : this.place(size), this.register(size)];
        return plain(name, (a) => a.sized(op << 3, size, r, rm));
      }
      default: {
        const [rm, r] = [this.source(size), op === 7 ? this.register(size) : this.target(size)];
        return plain(name, (a) => a.sized((op << 3) | 2, size, r, rm));
      }
    }
  }

  private test(size: number): Statement {
    const [rm, r, imm] = [this.source(size), this.register(size), this.number()];
    if (this.random.chance(50)) return plain(`test ${size}`, (a) => a.sized(0x84, size, r, rm));
    return plain(`test ${size}`, (a) => {
      a.sized(0xf6, size, 0, rm);
      a.value(imm, size);
    });
  }

  private unary(): Statement {
    const { random } = this;
    const size = this.size();
    const rm = this.place(size);
    const op = random.below(4);
    const locked = typeof rm !== "number" && random.chance(10);
    return plain(["inc", "dec", "not", "neg"][op] as string, (a) => {
      if (locked) a.raw(0xf0);
      if (op < 2 && typeof rm === "number" && size !== 1) {
        a.prefixes(size);
        a.raw(0x40 | (op << 3) | rm);
      } else a.sized(op < 2 ? 0xfe : 0xf6, size, op, rm);
    });
  }

  private shift(): Statement {
    const { random } = this;
    const size = this.size();
    const rm = this.place(size);
    const op = random.below(8);
    const count = random.below(34);
    const name = `shift ${op} ${size}`;
    switch (random.below(4)) {
      case 0:
        return plain(name, (a) => a.sized(0xd0, size, op, rm));
      case 1:
        return plain(name, (a) => a.sized(0xd2, size, op, rm));
      case 2: {
        const r = this.register(4);
        const wide = this.place(4);
        return plain("double shift", (a) => {
          a.twoByte(op & 1 ? 0xa4 : 0xac, 4, r, wide);
          a.raw(count);
        });
      }
      default:
        return plain(name, (a) => {
          a.sized(0xc0, size, op, rm);
          a.raw(count);
        });
    }
  }

  private multiply(): Statement {
    const { random } = this;
    const size = this.size();
    const rm = this.source(size);
    const r = this.target(4);
    const imm = this.number();
    const usesEdx = this.reserved === R.EDX || this.reserved === R.EAX;
    switch (usesEdx ? random.below(2) : random.below(6)) {
      case 0:
        return plain("imul r, rm", (a) => a.twoByte(0xaf, size === 1 ? 4 : size, r, rm));
      case 1:
        return plain("imul r, rm, imm", (a) => {
          const wide = size === 1 ? 4 : size;
          a.prefixes(wide, rm);
          a.raw(0x69);
          a.modrm(r, rm);
          a.value(imm, wide);
        });
      case 2:
      case 3: {
        const op = random.pick(4, 5);
        return plain("mul", (a) => a.sized(0xf6, size, op, rm));
      }
      default: {
        const op = random.pick(6, 7);
        const prepared = random.chance(85);
        return plain("div", (a) => {
          if (prepared) {
            if (op === 6) a.sized(0x30, 4, R.EDX, R.EDX);
            else a.raw(0x99);
          }
          a.sized(0xf6, size, op, rm);
        });
      }
    }
  }

  private move(): Statement {
    const { random } = this;
    const size = this.size();
    const kind = random.below(10);
    const [from, to, r, w, imm] = [
      this.source(size),
      this.place(size),
      this.register(size),
      this.target(size),
      this.number(),
    ];
    if (kind < 3) return plain("mov r, rm", (a) => a.sized(0x8a, size, w, from));
    if (kind < 5) return plain("mov rm, r", (a) => a.sized(0x88, size, r, to));
    if (kind === 5) {
      return plain("mov rm, imm", (a) => {
        a.sized(0xc6, size, 0, to);
        a.value(imm, size);
      });
    }
    if (kind === 6) {
      const [memory, target] = [this.memory(), this.target(4)];
      return plain("lea", (a) => {
        a.prefixes(size === 2 ? 2 : 4);
        a.raw(0x8d);
        a.modrm(target, memory);
      });
    }
    if (kind === 7) {
      const opcode = random.pick(0xb6, 0xb7, 0xbe, 0xbf);
      const target = this.target(4);
      return plain("movzx/movsx", (a) => a.twoByte(opcode, size === 2 ? 2 : 4, target, from));
    }
    if (kind === 8) {
      const second = size === 1 ? this.target(1) : this.target(4);
      return plain("xchg", (a) => a.sized(0x86, size, second, to));
    }
    const opcode = random.pick(0x98, 0x99);
    const short = random.chance(30);
    if (this.reserved === R.EAX || this.reserved === R.EDX) return this.pointer();
    return plain("cbw/cwd", (a) => (short ? a.raw(0x66, opcode) : a.raw(opcode)));
  }

  private condition(): Statement {
    const cc = this.random.below(16);
    const size = this.random.pick(2, 4, 4);
    const [rm, to, r] = [this.source(size), this.place(1), this.target(4)];
    if (this.random.chance(50)) return plain("cmov", (a) => a.twoByte(0x40 | cc, size, r, rm));
    return plain("setcc", (a) => a.twoByte(0x90 | cc, 4, 0, to));
  }

  private stack(): Statement {
    const { random } = this;
    const [rm, to, imm] = [this.source(4), this.place(4), this.number()];
    const r = this.register(4);
    const w = this.target(4);
    const inner = this.arithmetic();
    const short = random.chance(15);
    const segment = random.pick(0x06, 0x0e, 0x16, 0x1e);
    const pushes: ((a: Assembler) => void)[] = [
      (a) => a.raw(0x50 | r),
      (a) => a.sized(0xfe, 4, 6, rm),
      (a) => a.raw(0x6a, imm),
      (a) => {
        a.raw(0x68);
        a.value(imm, 4);
      },
      (a) => a.raw(0x9c),
      (a) => a.raw(segment),
    ];
    const push = random.pick(...pushes);
    const sixteen = short && push === pushes[0];
    if (random.chance(12)) {
      return plain("enter/leave", (a) => {
        a.raw(0x55);
        a.raw(0xc8, imm & 0x7c, 0, 0); // enter
        inner.emit(a);
        a.raw(0xc9, 0x5d);
      });
    }
    if (random.chance(8)) {
      return plain("pusha/popa", (a) => {
        a.raw(0x60);
        inner.emit(a);
        a.raw(0x61);
      });
    }
    const intoMemory = random.chance(20);
    return plain("push/pop", (a) => {
      if (sixteen) a.raw(0x66);
      push(a);
      inner.emit(a);
      if (sixteen) a.raw(0x66);
      if (intoMemory && !sixteen) {
        a.raw(0x8f);
        a.modrm(0, to);
      } else a.raw(0x58 | w);
    });
  }

  private bits(): Statement {
    const { random } = this;
    const size = random.pick(2, 4, 4);
    const [rm, r, w] = [this.place(size), this.register(4), this.target(4)];
    const op = random.between(4, 7);
    const bit = random.below(64);
    const locked = random.chance(30);
    switch (random.below(8)) {
      case 6:
        return this.count();
      case 7: {
        if ([R.EAX, R.EDX].some((r) => r === this.reserved)) return this.pointer();
        const memory = this.memory();
        return plain("cmpxchg8b", (a) => {
          if (locked) a.raw(0xf0);
          a.twoByte(0xc7, 4, 1, memory);
        });
      }
      case 0:
        return plain("bt r", (a) => a.twoByte(0x83 | (op << 3), size, r, typeof rm === "number" ? rm : w));
      case 1:
        return plain("bt imm", (a) => {
          a.twoByte(0xba, size, op, rm);
          a.raw(bit);
        });
      case 2:
        return plain("bsf/bsr", (a) => a.twoByte(0xbc | (op & 1), size, w, rm));
      case 3:
        return plain("xadd", (a) => a.twoByte(0xc1, size, w, rm));
      case 4:
        if (this.reserved === R.EAX) return this.pointer();
        return plain("cmpxchg", (a) => {
          if (locked && typeof rm !== "number") a.raw(0xf0);
          a.twoByte(0xb1, size, r, rm);
        });
      default:
        return plain("bswap", (a) => a.raw(0x0f, 0xc8 | w));
    }
  }

  /** LOOP, LOOPE or LOOPNE over one instruction, or XLAT. */
  private count(): Statement {
    const opcode = this.random.pick(0xe0, 0xe1, 0xe2);
    const w = this.target(4);
    if (this.reserved === R.EAX || this.reserved === R.ECX) return this.pointer();
    if (this.random.chance(30)) return plain("xlat", (a) => a.raw(0xd7));
    return plain("loopcc", (a) => a.raw(opcode, 1, 0x40 | w));
  }

  private string(): Statement {
    const { random } = this;
    if ([R.ECX, R.ESI, R.EDI, R.EAX].some((r) => r === this.reserved)) return this.arithmetic();
    const opcode = random.pick(0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0xa6, 0xa7, 0xae, 0xaf);
    const prefix = random.pick(0, 0xf3, 0xf3, 0xf2);
    const count = random.below(40);
    const [from, to] = [DATA + random.below(0x2f00), random.pick(DATA, WINDOW) + random.below(0x2f00)];
    const backwards = random.chance(10);
    return plain("string", (a) => {
      a.movRegister(R.ECX, count);
      a.movRegister(R.ESI, from);
      a.movRegister(R.EDI, to);
      if (backwards) a.raw(0xfd);
      if (prefix !== 0) a.raw(prefix);
      a.raw(opcode);
      if (backwards) a.raw(0xfc);
    });
  }

  private flags(): Statement {
    const opcode = this.random.pick(0xf8, 0xf9, 0xf5, 0xf8, 0xf9, 0xf5, 0x9f, 0x9e, 0x27, 0x2f, 0x37, 0xd6);
    if (this.reserved === R.EAX && opcode < 0xf0 && opcode !== 0x9e) return this.arithmetic();
    if (this.random.chance(15)) return plain("pushf/popf", (a) => a.raw(0x9c, 0x9d));
    return plain("flag", (a) => a.raw(opcode));
  }

  /** Changes the immediate of an instruction nearby, or a word that lies beside code. */
  private patch(): Statement {
    const { random } = this;
    const w = this.target(4);
    const imm = this.number();
    const offset = random.below(4);
    const alias = random.chance(30) ? ALIAS : 0;
    const size = random.pick(1, 1, 4);
    switch (random.below(3)) {
      case 0: // the instruction follows
        return plain("patch ahead", (a) => {
          const l = a.fresh();
          a.sized(0xc6, 1, 0, { label: l, disp: alias + offset });
          a.raw(imm);
          a.movRegister(w, 0x01010101);
          a.label(l, 4);
        });
      case 1: // the instruction has gone before
        return plain("patch behind", (a) => {
          const l = a.fresh();
          a.raw(0x81, 0xc0 | w);
          a.value(imm, 4);
          a.label(l, 4);
          a.sized(0x00, size, R.EAX, { label: l, disp: alias });
        });
      default: // data in the middle of code
        return plain("data in code", (a) => {
          const [l, over] = [a.fresh(), a.fresh()];
          a.jmp(over);
          a.label(l);
          a.value(imm, 4);
          a.label(over);
          a.sized(0x00, size, R.EAX, { label: l, disp: alias });
        });
    }
  }

  /** Asks the kernel for a change of the page tables. */
  private window(): Statement {
    const { random } = this;
    const number = random.pick(...Object.values(KernelCall));
    const argument = random.bits();
    return plain(`kernel call ${number}`, (a) => {
      a.raw(0x50, 0x51);
      a.movRegister(R.EAX, number);
      a.movRegister(R.ECX, argument);
      a.raw(0xcd, 0x80, 0x59, 0x58);
    });
  }

  /** Gives a register an address or an edge value. */
  private pointer(): Statement {
    const { random } = this;
    const pointers = POINTERS.filter((r) => r !== this.reserved && r !== R.EBP);
    const r = random.chance(70) ? random.pick(...pointers) : this.target(4);
    const ends = [DATA + random.below(DATA_BYTES), DATA + 0xff8 + random.below(8), DATA + ALIAS + random.below(0x3000)];
    const value = random.pick(...ends, DATA + random.below(DATA_BYTES), WINDOW + random.below(0x4000), this.number());
    return plain("mov r, imm", (a) => a.movRegister(r, value));
  }

  private system(): Statement {
    const { random } = this;
    const port = random.below(4);
    const free = this.reserved === undefined;
    const [data, byte] = [this.memory(), random.below(256)];
    const choices: ((a: Assembler) => void)[] = [
      (a) => a.raw(0xe6, 0x40 + port), // out
      (a) => a.raw(0xfa, 0x90, 0xfb), // cli; nop; sti
      (a) => a.raw(0xcc),
      (a) => a.raw(0x90),
      (a) => a.raw(0x1e, 0x07), // push ds; pop es
      (a) => a.raw(0x1e, 0x17), // push ds; pop ss
      (a) => a.raw(0x0f, 0x0b), // ud2
      (a) => {
        a.raw(0xf6);
        a.modrm(6, { disp: CODE + 0xfff000 + byte }); // div byte of memory that is not there
      },
    ];
    if (free) {
      choices.push(
        (a) => a.raw(0xe4, 0x40 + port), // in al
        (a) => a.raw(0x53, 0x0f, 0xa2, 0x5b), // cpuid
        (a) => a.raw(0x0f, 0x31), // rdtsc
        (a) => a.raw(0x8c, 0xd8), // mov eax, ds
        (a) => a.raw(0x9c, 0x58), // pushf; pop eax
        (a) => a.raw(0x0f, 0x20, 0xd0), // mov eax, cr2
      );
    }
    if (!this.user) {
      choices.push(
        (a) => {
          a.raw(0x0f, 0x01);
          a.modrm(7, data); // invlpg
        },
        (a) => a.raw(0x50, 0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x58), // cr3 reload
        (a) => a.raw(0xfb, 0xf4), // sti; hlt
        (a) => a.raw(0x9c, 0xfa, 0x9d), // pushf; cli; popf
        (a) => a.raw(0xfa, 0x0f, 0x01, 0x3d, 0, 0, 1, 0, 0xfb), // cli; invlpg [10000h]; sti
      );
    } else {
      choices.push(
        (a) => a.raw(0xf4),
        (a) => a.raw(0xfa),
      );
    }
    // pushf; xor byte [esp+2], 4; popf: alignment checks on or off
    if (this.watched) choices.push((a) => a.raw(0x9c, 0x80, 0x74, 0x24, 0x02, 0x04, 0x9d));
    if (this.watched && !this.user) {
      choices.push((a) => {
        a.raw(0x50); // a breakpoint on writes to the data, or none
        a.movRegister(R.EAX, DATA + 4 * byte);
        a.raw(0x0f, 0x23, 0xc0); // mov dr0, eax
        a.movRegister(R.EAX, byte < 100 ? 0xd0001 : 0);
        a.raw(0x0f, 0x23, 0xf8, 0x58); // mov dr7, eax
      });
    }
    // pushf; or byte [esp+1], 1; popf: a single-step trap
    choices.push((a) => a.raw(0x9c, 0x80, 0x4c, 0x24, 0x01, 0x01, 0x9d, 0x90));
    const index = random.below(choices.length);
    return plain(`system ${index}`, choices[index] as (a: Assembler) => void);
  }
}
