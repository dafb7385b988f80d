/**
 * A hostile kernel: random hypercalls with arguments that are nearly right, between them loads and stores at random addresses. After each step
 * everything the monitor must keep true is counted anew.
 */
import { Hypercall } from "../../../src/vmm/pv/abi.js";
import { FrameUse } from "../../../src/vmm/pv/frame-types.js";
import { Random } from "../../random.js";
import { audit } from "./audit.js";
import { CODE, DomainMachine, SCRATCH } from "./domain-machine.js";

/** Calls without a meaning for frames, less often. */
const NUMBERS = Object.values(Hypercall).filter((value): value is Hypercall => typeof value === "number");
const PAGING = [Hypercall.MMU_UPDATE, Hypercall.MMUEXT_OP, Hypercall.UPDATE_VA_MAPPING, Hypercall.SET_GDT];
PAGING.push(Hypercall.MEMORY_OP, Hypercall.UPDATE_DESCRIPTOR, Hypercall.MULTICALL);
const ARGUMENTS = SCRATCH + 0x1000;
const SELF = 0x7ff0;
/** Frames that are made tables again and again, from this guest frame on. */
const TABLES = SCRATCH / 4096 + 4;
const TABLE_COUNT = 12;
/** Pages the kernel cannot do without: it keeps them, mostly. */
const NEEDED = [CODE.hypercall >>> 12, SCRATCH >>> 12, ARGUMENTS >>> 12];
const MOST_LOST = 3;

/** One hostile kernel. */
export class HostileKernel {
  private lab = new DomainMachine();
  /** Calls in a row that the kernel did not come back from: it has lost its own code. */
  private lost = 0;
  /** Domains that have ended. */
  ended = 0;
  /** Frames whose content was looked at, by use. */
  readonly validated = [0, 0, 0, 0, 0];
  /** Calls that succeeded, by name. */
  readonly succeeded = new Map<string, number>();

  constructor(private readonly random: Random) {
    this.begin();
  }

  /** Does one thing; what is wrong afterwards. */
  step(): string[] {
    const { random, lab } = this;
    try {
      const what = random.below(10);
      if (what < 2) this.touch();
      else if (what === 2) this.disturb();
      else this.call();
    } catch (error) {
      return [`the host throws: ${String((error as Error).stack)}`];
    }
    const { domain } = lab;
    const wrong = audit(domain);
    const { cpu } = lab.machine;
    if (
      domain.crashed !== undefined ||
      cpu.cpl !== 1 ||
      cpu.halted ||
      this.lost > MOST_LOST ||
      domain.access.translate(ARGUMENTS, true) < 0
    ) {
      this.ended++;
      domain.frames.validations.forEach((count, use) => {
        this.validated[use]! += count;
      });
      this.begin();
    }
    return wrong;
  }

  private begin(): void {
    this.lost = 0;
    this.lab = new DomainMachine();
    const { lab } = this;
    // Page faults and #GP go to a handler that stays where it is, on a stack of its own.
    lab.put(ARGUMENTS, 0x0e | (0xe019 << 16), CODE.handler, 0x0d | (0xe019 << 16), CODE.handler, 0, 0);
    lab.call(Hypercall.SET_TRAP_TABLE, ARGUMENTS);
    lab.call(Hypercall.SET_CALLBACKS, 0xe019, CODE.handler, 0xe019, CODE.handler);
    for (let i = 0; i < TABLE_COUNT; i++) {
      this.fill(TABLES + i);
      if (this.random.below(3) !== 0) lab.map((TABLES + i) * 4096, ((lab.mfn(TABLES + i) << 12) | 1) >>> 0);
    }
  }

  /** Loads or stores somewhere: a translation may stay in the TLB. */
  private touch(): void {
    const { lab, random } = this;
    lab.machine.setRegisters({ esp: SCRATCH + 0x800 });
    const table = (TABLES + random.below(TABLE_COUNT)) * 4096 + 4 * random.below(1024);
    const ebx = random.below(4) === 0 ? this.address() : table;
    lab.execute(random.below(2) === 0 ? CODE.load : CODE.store, { eax: 0, ebx });
  }

  /** Stores into the domain's memory where the guest itself could. */
  private disturb(): void {
    const { lab, random } = this;
    const pfn = TABLES + random.below(TABLE_COUNT);
    const use = lab.domain.frames.useOf(lab.mfn(pfn));
    if (lab.mfn(pfn) >= 0 && (use === FrameUse.NONE || use === FrameUse.WRITABLE)) this.fill(pfn);
  }

  /** Makes a frame look like a table: the first half of them like page tables, then directories, then descriptors. */
  private fill(pfn: number): void {
    const { random, lab } = this;
    const role = pfn - TABLES;
    for (let i = 0; i < 4; i++) {
      let word = random.below(12) === 0 ? this.entry() : 0;
      if (random.below(3) !== 0) {
        const target = role < 6 ? random.below(256) : TABLES + random.below(6);
        if (role < 9) word = ((lab.mfn(target) << 12) | 7) >>> 0;
      }
      lab.put(pfn * 4096 + 4 * random.below(1024), word);
    }
  }

  /** A frame number: mostly the domain's own, often one of those that become tables. */
  private frame(): number {
    const { random, lab } = this;
    switch (random.below(12)) {
      case 0:
        return random.bits();
      case 1:
        return random.below(lab.domain.frames.frames);
      case 2:
        return lab.domain.sharedInfo;
      case 3:
        return lab.domain.directory;
      case 4:
      case 5:
        return lab.mfn(random.below(lab.pages)) >>> 0;
      default:
        return lab.mfn(TABLES + random.below(TABLE_COUNT)) >>> 0;
    }
  }

  private entry(): number {
    const { random } = this;
    const flags = random.below(8) === 0 ? random.below(4096) : [0, 1, 3, 5, 7, 0x61, 0x63][random.below(7)]!;
    return ((this.frame() << 12) | flags) >>> 0;
  }

  private address(): number {
    const { random, lab } = this;
    switch (random.below(8)) {
      case 0:
        return random.bits();
      case 1:
        return 0xfc000000 + random.below(0x10000) - 0x8000;
      case 2:
        return ARGUMENTS + random.below(256);
      default: {
        const pfn = random.below(4) === 0 ? TABLES + random.below(TABLE_COUNT) : random.below(lab.pages);
        if (NEEDED.includes(pfn) && random.below(20) !== 0) return this.address();
        return pfn * 4096 + 4 * random.below(1024);
      }
    }
  }

  /** Anything an argument can be. */
  private value(): number {
    const { random } = this;
    switch (random.below(6)) {
      case 0:
        return random.bits();
      case 1:
        return this.address();
      case 2:
        return this.frame();
      case 3:
        return this.entry();
      default:
        return random.below(20);
    }
  }

  private call(): void {
    const { random, lab } = this;
    const number =
      random.below(4) === 0 ? NUMBERS[random.below(NUMBERS.length)]! : PAGING[random.below(PAGING.length)]!;
    const args = this.argumentsOf(number);
    // Sometimes one is spoilt.
    if (random.below(8) === 0) args[random.below(5)] = this.value();
    lab.machine.setRegisters({ esp: SCRATCH + 0x800 });
    const result = lab.call(random.below(64) === 0 ? random.below(60) : number, ...args);
    if (lab.machine.cpu.eip !== CODE.hypercall + 2) {
      this.lost++;
      return;
    }
    this.lost = 0;
    if (result < 0 && result > -4096) return;
    const name = Hypercall[number]!;
    this.succeeded.set(name, (this.succeeded.get(name) ?? 0) + 1);
  }

  /** Stores words where the kernel itself would: nowhere, if it may not. */
  private store(address: number, ...words: number[]): void {
    words.forEach((value, i) => {
      this.lab.domain.access.write32(address + 4 * i, value);
    });
  }

  private argumentsOf(number: Hypercall): number[] {
    const { random, lab } = this;
    const any = () => this.value();
    switch (number) {
      case Hypercall.MMU_UPDATE: {
        const count = 1 + random.below(3);
        for (let i = 0; i < count; i++) {
          const place = ((this.frame() << 12) | (4 * random.below(1024)) | [0, 0, 0, 2, 1, 3][random.below(6)]!) >>> 0;
          this.store(ARGUMENTS + 16 * i, place, random.below(30) === 0 ? 1 : 0, this.entry(), 0);
        }
        return [ARGUMENTS, count, random.below(2) === 0 ? 0 : ARGUMENTS + 0x80, SELF, 0];
      }
      case Hypercall.MMUEXT_OP:
        this.store(ARGUMENTS, [0, 1, 1, 4, 4, 5, 6, 7, 13, random.below(20)][random.below(10)]!, 0, random.below(600));
        this.store(ARGUMENTS + 4, random.below(4) === 0 ? this.address() & ~0xfff : this.frame());
        if (random.below(3) === 0) {
          // A pin that is likely to be right.
          const table = random.below(9);
          this.store(ARGUMENTS, table < 6 ? 0 : 1, lab.mfn(TABLES + table));
        }
        return [ARGUMENTS, 1, 0, SELF, 0];
      case Hypercall.UPDATE_VA_MAPPING: {
        // Often to where tables are made: they are freed of mappings that stand in the way.
        const table = TABLES + random.below(TABLE_COUNT);
        const away = [0, ((lab.mfn(table) << 12) | 1) >>> 0][random.below(2)]!;
        if (random.below(2) === 0) return [table * 4096, away, 0, random.below(3), 0];
        return [this.address(), this.entry(), 0, random.below(3), 0];
      }
      case Hypercall.SET_GDT:
        this.store(ARGUMENTS, this.frame(), this.frame());
        return [ARGUMENTS, random.below(1025), 0, 0, 0];
      case Hypercall.MEMORY_OP: {
        const populate = random.below(3);
        const list = ARGUMENTS + 0x40;
        this.store(ARGUMENTS, list, 1 + random.below(2), 0, 0, SELF);
        const pfn = () => TABLES + random.below(TABLE_COUNT);
        this.store(list, populate === 2 ? pfn() : this.frame(), populate === 2 ? pfn() : this.frame());
        return [[0, 1, 6][populate]!, ARGUMENTS, 0, 0, 0];
      }
      case Hypercall.UPDATE_DESCRIPTOR:
        return [((this.frame() << 12) | (8 * random.below(512))) >>> 0, 0, random.bits(), random.bits(), 0];
      case Hypercall.MULTICALL: {
        const count = 1 + random.below(3);
        for (let i = 0; i < count; i++) {
          const inner = [Hypercall.UPDATE_VA_MAPPING, Hypercall.UPDATE_DESCRIPTOR, random.below(40)][random.below(3)]!;
          const args = inner === Hypercall.MULTICALL ? [0, 0] : this.argumentsOfPart(inner);
          this.store(ARGUMENTS + 0x200 + 32 * i, inner, 0, ...args);
        }
        return [ARGUMENTS + 0x200, count, 0, 0, 0];
      }
      default:
        return [any(), any(), any(), any(), any()];
    }
  }

  private argumentsOfPart(number: number): number[] {
    const simple = number === Hypercall.UPDATE_VA_MAPPING || number === Hypercall.UPDATE_DESCRIPTOR;
    return simple ? this.argumentsOf(number) : [this.value(), this.value(), this.value(), this.value(), this.value()];
  }
}

/** Steps of a hostile kernel up to the first thing that is wrong. */
export function fuzz(seed: number, steps: number) {
  const kernel = new HostileKernel(new Random(seed));
  for (let i = 0; i < steps; i++) {
    const wrong = kernel.step();
    if (wrong.length > 0) return { wrong: wrong.slice(0, 5).map((w) => `seed ${seed}, step ${i}: ${w}`), kernel };
  }
  return { wrong: [], kernel };
}
