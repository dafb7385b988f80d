/**
 * Random programs: functions and a main part of chunks, with loops, branches, calls through every kind of edge, and code laid
 * across page ends. Each chunk first tells the kernel where the next one begins, so that any exception in it ends it.
 */
import { Random } from "../../random.js";
import { Assembler, R } from "./assembler.js";
import { dispatchStatement } from "./dispatch.js";
import { ALIAS, BANK, CODE, CODE_BYTES, type Program, RECOVER, STACK } from "./kernel.js";
import { plain, type Statement, StatementMaker } from "./statements.js";

/** A program before it is assembled: shrinking removes statements from the lists. */
export interface Source {
  user: boolean;
  /** Bodies by number; a function may call those with higher numbers, and itself. */
  functions: Statement[][];
  /** The chunks of the main part. */
  chunks: Statement[][];
  /** Statements of the banked function; the two banks differ in one immediate. */
  bank: Statement[];
  /** How often the main part runs. */
  rounds: number;
  /** Bytes left free in front of each function: they move code across page ends. */
  gaps: number[];
}

/** Where the variables for loop counters and depths lie: in the data, beside what the statements use. */
const COUNTERS = 0x5100;
const ROUNDS = 0x50fc;
const FUNCTIONS = 4;
const DEEPEST = 3;

class Generator {
  readonly #random: Random;
  readonly #user: boolean;
  readonly #watched: boolean;
  #counter = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#user = this.#random.chance(50);
    this.#watched = this.#random.chance(10);
  }

  source(): Source {
    const random = this.#random;
    const functions = Array.from({ length: FUNCTIONS }, (_, i) =>
      this.#list(random.between(1, 8), i + 1, 1, undefined),
    );
    const chunks = Array.from({ length: random.between(2, 8) }, () =>
      this.#list(random.between(2, 10), 0, 0, undefined),
    );
    const gaps = functions.map(() => random.pick(0, 0, random.below(64), random.below(4096)));
    const bank = this.#list(random.between(1, 4), FUNCTIONS, DEEPEST, undefined);
    const body = () => this.#list(random.between(0, 2), FUNCTIONS, DEEPEST, undefined);
    if (random.chance(50)) chunks.push([dispatchStatement(random, body)]);
    return { user: this.#user, functions, chunks, bank, rounds: random.between(4, 30), gaps };
  }

  /** `caller` is the lowest function that may be called from here. */
  #list(length: number, caller: number, depth: number, reserved: number | undefined): Statement[] {
    return Array.from({ length }, () => this.#statement(caller, depth, reserved));
  }

  #statement(caller: number, depth: number, reserved: number | undefined): Statement {
    const random = this.#random;
    if (depth >= DEEPEST || random.chance(70))
      return new StatementMaker(random, this.#user, reserved, this.#watched).statement();
    const part = () => this.#list(random.between(1, 5), caller, depth + 1, reserved);
    switch (random.below(8)) {
      case 0:
        return this.#memoryLoop(part());
      case 1:
        return reserved === undefined ? this.#registerLoop(caller, depth) : this.#memoryLoop(part());
      case 2:
        return this.#branch(part(), part());
      case 3:
        return this.#skip(part());
      case 4:
        return this.#switch([part(), part(), part(), part()]);
      case 5:
        return this.#recursion(caller);
      default:
        return this.#call(caller);
    }
  }

  #memoryLoop(body: Statement[]): Statement {
    const random = this.#random;
    const counter = { disp: COUNTERS + 4 * this.#counter++ };
    const count = random.between(1, 12);
    const cc = random.pick(5, 5, 15); // jnz, jg
    return {
      name: `loop ${count}`,
      parts: [body],
      emit(a) {
        const head = a.fresh();
        a.sized(0xc6, 4, 0, counter);
        a.value(count, 4);
        a.label(head);
        for (const s of body) s.emit(a);
        a.sized(0xfe, 4, 1, counter);
        a.jcc(cc, head);
      },
    };
  }

  /** A loop whose counter is a register: DEC and JNZ, SUB and JA, LOOP. */
  #registerLoop(caller: number, depth: number): Statement {
    const random = this.#random;
    const kind = random.below(3);
    const counter = kind === 2 ? R.ECX : random.pick(R.ECX, R.EDX, R.ESI, R.EBX, R.EDI);
    const count = random.between(1, 40);
    const maker = new StatementMaker(random, this.#user, counter, this.#watched);
    const body = Array.from({ length: random.between(1, 6) }, () =>
      random.chance(80) ? maker.statement() : this.#skip(this.#list(2, FUNCTIONS, DEEPEST, counter)),
    );
    return {
      name: `register loop ${count} (${caller}.${depth})`,
      parts: [body],
      emit(a) {
        const head = a.fresh();
        a.movRegister(counter, count);
        a.label(head);
        for (const s of body) s.emit(a);
        if (kind === 0) {
          a.raw(0x48 | counter);
          a.jcc(5, head);
        } else if (kind === 1) {
          a.raw(0x83, 0xe8 | counter, 1);
          a.jcc(7, head);
        } else {
          a.raw(0xe2, 2, 0xeb, 5); // loop over the jump
          a.jmp(head);
        }
      },
    };
  }

  #branch(yes: Statement[], no: Statement[]): Statement {
    const cc = this.#random.below(16);
    return {
      name: `if ${cc}`,
      parts: [yes, no],
      emit(a) {
        const [other, end] = [a.fresh(), a.fresh()];
        a.jcc(cc, other);
        for (const s of yes) s.emit(a);
        a.jmp(end);
        a.label(other);
        for (const s of no) s.emit(a);
        a.label(end);
      },
    };
  }

  #skip(body: Statement[]): Statement {
    const cc = this.#random.below(17);
    return {
      name: `skip ${cc}`,
      parts: [body],
      emit(a) {
        const end = a.fresh();
        if (cc === 16) {
          a.raw(0xe3, 2, 0xeb, 5); // jecxz over the jump
          a.jmp(end);
        } else a.jcc(cc, end);
        for (const s of body) s.emit(a);
        a.label(end);
      },
    };
  }

  #switch(cases: Statement[][]): Statement {
    const random = this.#random;
    const through = random.below(2);
    const alias = random.chance(15) ? ALIAS : 0;
    const selector = { disp: COUNTERS + 4 * this.#counter++ };
    return {
      name: "switch",
      parts: cases,
      emit(a) {
        const table = a.fresh();
        const labels = cases.map(() => a.fresh());
        const end = a.fresh();
        a.raw(0x50);
        a.sized(0x8a, 4, R.EAX, selector);
        a.sized(0xfe, 4, 0, selector);
        a.aluImmediate(4, 4, R.EAX, 3);
        if (through === 0) {
          a.sized(0xfe, 4, 4, { index: R.EAX, scale: 2, label: table });
        } else {
          a.sized(0x8a, 4, R.EAX, { index: R.EAX, scale: 2, label: table });
          a.raw(0xff, 0xe0);
        }
        a.label(table);
        for (const l of labels) a.address(l, alias);
        cases.forEach((body, i) => {
          a.label(labels[i] as string);
          a.raw(0x58);
          for (const s of body) s.emit(a);
          a.jmp(end, i === 0 ? -alias : 0);
        });
        a.label(end);
      },
    };
  }

  #recursion(caller: number): Statement {
    if (caller >= FUNCTIONS) return this.#call(caller);
    const depth = { disp: COUNTERS + 4 * this.#counter++ };
    const count = this.#random.between(1, 9);
    const inner = this.#list(2, FUNCTIONS, DEEPEST, undefined);
    return {
      name: `recursion ${count}`,
      parts: [inner],
      emit(a) {
        const [self, out, over] = [a.fresh(), a.fresh(), a.fresh()];
        a.sized(0xc6, 4, 0, depth);
        a.value(count, 4);
        a.call(self);
        a.jmp(over);
        a.label(self);
        a.sized(0xfe, 4, 1, depth);
        a.jcc(8, out);
        for (const s of inner) s.emit(a);
        a.call(self);
        a.raw(0x40);
        a.label(out);
        a.raw(0xc3);
        a.label(over);
      },
    };
  }

  #call(caller: number): Statement {
    const random = this.#random;
    if (caller >= FUNCTIONS) return new StatementMaker(random, this.#user, undefined, this.#watched).statement();
    const callee = `f${random.between(caller, FUNCTIONS - 1)}`;
    const alias = random.chance(20) ? ALIAS : 0;
    const target = random.pick(R.EAX, R.EDX, R.ESI);
    const argument = random.bits();
    switch (random.below(6)) {
      case 0:
        return plain(`call register ${callee}`, (a) => {
          a.movLabel(target, callee, alias);
          a.raw(0xff, 0xd0 | target);
        });
      case 1:
        return plain(`call memory ${callee}`, (a) => {
          a.movLabel(target, callee, alias);
          a.raw(0x50 | target);
          a.sized(0xfe, 4, 2, { base: R.ESP, disp: 0 });
          a.raw(0x58 | target);
        });
      case 2:
        return plain("call bank", (a) => {
          a.movRegister(target, BANK);
          a.raw(0xff, 0xd0 | target);
        });
      case 3:
        return plain(`call with argument ${callee}`, (a) => {
          a.raw(0x68);
          a.value(argument, 4);
          a.call(`${callee}.drop`);
        });
      default:
        return plain(`call ${callee}`, (a) => a.call(callee, alias));
    }
  }
}

/** The program of a seed. */
export function generate(seed: number): Source {
  return new Generator(seed).source();
}

/** All of a program's bytes. Raises an Error if it does not fit. */
export function assemble(source: Source): Program {
  const a = new Assembler(CODE);
  a.sized(0xc6, 4, 0, { disp: ROUNDS });
  a.value(source.rounds, 4);
  a.label("main");
  source.chunks.forEach((chunk, i) => {
    a.storeLabel(RECOVER, `chunk${i + 1}`);
    for (const s of chunk) s.emit(a);
    a.label(`chunk${i + 1}`);
    a.movRegister(R.ESP, STACK);
  });
  a.sized(0xfe, 4, 1, { disp: ROUNDS });
  a.jcc(5, "main");
  a.label("stop");
  if (source.user) {
    a.raw(0xe6, 0x80); // out 80h: the program is finished
    a.jmp("stop");
  } else a.raw(0xfa, 0xf4);
  source.functions.forEach((body, i) => {
    for (let n = source.gaps[i] ?? 0; n > 0; n--) a.raw(0x90);
    a.label(`f${i}`);
    for (const s of body) s.emit(a);
    a.raw(0xc3);
    a.label(`f${i}.drop`);
    for (const s of body.slice(0, 2)) s.emit(a);
    a.raw(0xc2, 4, 0);
  });
  const code = a.finish();
  if (code.length > CODE_BYTES) throw new Error(`the program has ${code.length} bytes, more than ${CODE_BYTES}`);
  const bank = (value: number) => {
    const b = new Assembler(BANK);
    b.aluImmediate(0, 4, R.EAX, value);
    for (const s of source.bank) s.emit(b);
    b.raw(0xc3);
    return b.finish();
  };
  return { user: source.user, code, banks: [bank(1), bank(0x100)] };
}
