/** Random guests on shadow tables: what they do to their tables, registers and memory, and what is done to them. */
import { Cr0, Cr4, Pte } from "../../assembly/abi/x86.js";
import { type Gva, gfn, gva, type Mfn } from "../../src/address.js";
import { DirtyLog } from "../../src/mm/dirty-log.js";
import type { ShadowOptions } from "../../src/mm/shadow/shadow-mmu.js";
import { Random } from "../random.js";
import { ShadowMachine } from "./shadow-machine.js";
import { guestFrames } from "./small-vm.js";

const FRAMES = 48;
/** Frames that hold tables at first, and that entries of directories name most. */
const TABLES = [1, 2, 3, 4, 5, 6, 7];
const PAGES = [0, 1, 17, 1023].flatMap((table) =>
  [0, 1, 511, 512, 1023].map((directory) => directory * 0x400000 + table * 0x1000),
);

/** What a run is made of. */
export interface FuzzOptions extends ShadowOptions {
  seed: number;
  steps: number;
  compressed?: boolean;
  /** Where the VMM has a frame of its own. */
  reserved?: number;
}

/** Ways to run that use different parts of the shadow MMU. */
export const SHADOW_VARIANTS: { name: string; options: Omit<FuzzOptions, "seed" | "steps"> }[] = [
  { name: "with everything", options: {} },
  { name: "without unsync", options: { unsync: false } },
  { name: "with few tables", options: { maxFrames: 16 } },
  { name: "without prefetch", options: { prefetch: 1 } },
  { name: "with a quick flood limit", options: { floodLimit: 1, unsync: false } },
  { name: "with a view for each privilege", options: { compressed: true } },
  { name: "beside frames of the VMM", options: { reserved: 0x3000 } },
  { name: "beside frames of the VMM at the top", options: { reserved: 0xffff0000, maxFrames: 16 } },
];

/** One random guest. */
export class ShadowFuzz {
  readonly machine: ShadowMachine;
  private readonly random: Random;
  private log: DirtyLog | undefined;
  /** Frames written since the log was taken, as the test knows. */
  private readonly written = new Set<number>();
  private readonly monitor;

  constructor(private readonly options: FuzzOptions) {
    this.random = new Random(options.seed);
    this.machine = new ShadowMachine(FRAMES, PAGES, options);
    const { allocator } = this.machine.host;
    this.monitor = allocator.addOwner("monitor");
    if (options.reserved !== undefined) {
      const frames = [true, false].map((writable) => ({ mfn: allocator.allocate(this.monitor), writable }));
      this.machine.mmu.reserve(gva(options.reserved), frames);
    }
    for (let i = 0; i < 40; i++) this.edit();
    this.setMode();
  }

  /** Runs all steps; checks everything after each. */
  run(): void {
    for (let i = 0; i < this.options.steps; i++) {
      let what = "";
      try {
        what = this.step();
        this.machine.remember();
        this.machine.mmu.checkInvariant();
        this.machine.checkTlb();
      } catch (error) {
        throw new Error(`seed ${this.options.seed}, step ${i}, ${what}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  /** Gives everything back; returns what is left. */
  end(): ReadonlyMap<string, readonly Mfn[]> {
    const { machine } = this;
    machine.mmu.destroy();
    machine.vm.p2m.destroy();
    return machine.host.allocator.framesByOwner();
  }

  private step(): string {
    const { random, machine } = this;
    const { registers, mmu, vm } = machine;
    const dice = random.below(1000);
    if (dice < 500) return this.access();
    if (dice < 680) return this.guestEdit();
    if (dice < 800) return this.edit();
    if (dice < 880) {
      const at = this.page() + random.below(4096);
      mmu.invlpg(gva(at));
      machine.forget(at);
      return `invlpg ${at.toString(16)}`;
    }
    if (dice < 925) {
      this.loadCr3();
      this.reload();
      return "mov cr3";
    }
    if (dice < 935) {
      registers.cr0 ^= Cr0.WP;
      this.reload();
      return "wp";
    }
    if (dice < 940) {
      this.setMode();
      return "mode";
    }
    if (dice < 945) {
      registers.a20Mask = random.chance(70) ? 0xffffffff : 0xffffbfff; // a narrow gate, for a small memory
      mmu.a20Changed();
      machine.forgetAll();
      return "a20";
    }
    if (dice < 955) {
      mmu.flushAll();
      return "flush all";
    }
    if (dice < 975) {
      const absent = guestFrames(FRAMES).find((frame) => vm.p2m.mfn(frame) < 0);
      const frame = absent !== undefined && random.chance(90) ? absent : gfn(random.below(FRAMES));
      if (vm.p2m.mfn(frame) < 0) vm.p2m.populate(frame, 1);
      else vm.p2m.discard(frame);
      this.written.delete(frame);
      return `populate or discard ${frame}`;
    }
    return this.logStep();
  }

  private access(): string {
    const { random } = this;
    const at = gva(this.page() + 4 * random.below(1024));
    return this.accessAt(at, random.chance(50), random.chance(40), this.entry(random.chance(40)).low);
  }

  private accessAt(at: Gva, write: boolean, user: boolean, value: number): string {
    const { random, machine } = this;
    const what = `${user ? "user" : "supervisor"} ${write ? "write" : "read"} of ${at.toString(16)}`;
    const untouched = machine.isUntouched(at);
    const outcome = machine.access(at, write, user, value);
    if (!machine.legal(at, write, user, outcome)) {
      throw new Error(`${what}: ${JSON.stringify(outcome)}, now ${JSON.stringify(machine.now(at, write, user))}`);
    }
    if (untouched && "gfn" in outcome) machine.checkFlags(at, write, user, outcome.gfn);
    if (write) machine.stored();
    if ("error" in outcome) {
      machine.forget(at);
      if (random.chance(80)) this.mend(at);
    } else if (write && machine.vm.p2m.mayWrite(outcome.gfn)) this.written.add(outcome.gfn);
    return what;
  }

  /** The guest's kernel changes an entry, by a linear address that leads to the table; then perhaps uses INVLPG and the page. */
  private guestEdit(): string {
    const { random, machine } = this;
    const ways = PAGES.filter((page) => {
      const outcome = machine.now(page, true, false);
      return "gfn" in outcome && TABLES.includes(outcome.gfn);
    });
    if (ways.length === 0) return this.access();
    const page = this.page();
    const directory = random.chance(20);
    const { pae } = machine.registers;
    const index = pae ? 2 * ((page >>> (directory ? 21 : 12)) & 511) : (page >>> (directory ? 22 : 12)) & 1023;
    const what = this.accessAt(gva(random.pick(...ways) + 4 * index), true, false, this.entry(directory).low);
    machine.remember();
    if (random.chance(40)) {
      machine.mmu.invlpg(gva(page));
      machine.forget(page);
    }
    return `${what}; ${this.accessAt(gva(page), random.chance(50), random.chance(30), 0)}`;
  }

  /** A store to a table that the VMM emulates or a device makes. */
  private edit(): string {
    const { random, machine } = this;
    const directory = random.chance(40);
    const { low, high } = this.entry(directory);
    const frame = random.pick(...TABLES);
    const at = random.pick(...PAGES);
    const { pae } = machine.registers;
    const shift = pae ? (directory ? 21 : 12) : directory ? 22 : 12;
    const gpa = frame * 4096 + (pae ? 8 * ((at >>> shift) & 511) : 4 * ((at >>> shift) & 1023));
    machine.vm.memory.write32(gpa, low);
    machine.stored();
    machine.remember();
    if (pae) machine.vm.memory.write32(gpa + 4, high);
    if (machine.vm.p2m.mayWrite(frame)) this.written.add(frame);
    return `edit ${gpa.toString(16)} = ${low.toString(16)}`;
  }

  /** What a guest's page-fault handler does: makes the entries of an address good ones, in whatever tables they are. */
  private mend(at: number): void {
    const { random, machine } = this;
    const { registers, vm } = machine;
    const { pae } = registers;
    const put = (gpa: number, low: number) => {
      machine.stored();
      vm.memory.write32(gpa, low);
      if (pae) vm.memory.write32(gpa + 4, 0);
      if (vm.p2m.mayWrite(gpa >>> 12)) this.written.add(gpa >>> 12);
    };
    const top = pae ? registers.pdptes[at >>> 30]! : registers.cr3;
    const bits = Pte.P | (random.chance(90) ? Pte.US : 0) | (random.chance(80) ? Pte.RW : 0);
    const pde = (top & ~0xfff) + (pae ? 8 * ((at >>> 21) & 511) : 4 * (at >>> 22));
    const old = vm.memory.read32(pde);
    const good = (old & 0x87) === 7 && TABLES.includes(old >>> 12);
    const table = good ? old & ~0xfff : random.pick(...TABLES) * 4096;
    if (!good) put(pde, table | bits | Pte.RW);
    const { low } = this.entry(random.chance(30));
    put(table + (pae ? 8 * ((at >>> 12) & 511) : 4 * ((at >>> 12) & 1023)), (low & ~0xfff) | bits);
  }

  /** A random entry, sensible mostly. */
  private entry(directory: boolean): { low: number; high: number } {
    const { random } = this;
    const frame = directory || random.chance(30) ? random.pick(...TABLES) : random.below(FRAMES + 1);
    let low = frame * 4096 + (random.bits() & (Pte.RW | Pte.US | Pte.A | Pte.D));
    if (random.chance(90)) low |= Pte.P;
    if (random.chance(70)) low |= Pte.RW | Pte.US;
    if (directory && random.chance(15)) low = (low & 0x7f) | Pte.PS | (random.chance(10) ? 0x400000 : 0);
    if (random.chance(2)) low |= 0x80;
    return { low, high: random.chance(3) ? random.pick(1, 0x10) : 0 };
  }

  private logStep(): string {
    const { random, machine } = this;
    if (this.log === undefined) {
      this.log = new DirtyLog(machine.vm.p2m, random.pick("protect", "flags"), gfn(0), FRAMES);
      this.written.clear();
      return "log";
    }
    const taken = this.log.take();
    for (const frame of this.written) {
      if (((taken[frame >>> 5]! >>> (frame & 31)) & 1) === 0 && frame < FRAMES) {
        throw new Error(`dirty log: the store to frame ${frame} is missing`);
      }
    }
    this.written.clear();
    if (random.chance(30)) {
      this.log.stop();
      this.log = undefined;
    }
    return "take log";
  }

  private setMode(): void {
    const { random, machine } = this;
    const { registers } = machine;
    const pae = random.chance(45);
    registers.cr4 = (pae ? Cr4.PAE : 0) | (random.chance(60) ? Cr4.PSE : 0);
    registers.cr0 = Cr0.PE | (random.chance(92) ? Cr0.PG : 0) | (random.chance(60) ? Cr0.WP : 0);
    this.loadCr3();
    this.reload();
    // Tables that fit the mode.
    for (let i = 0; i < 60; i++) this.edit();
    machine.remember();
  }

  private loadCr3(): void {
    const { registers } = this.machine;
    registers.cr3 = this.random.pick(1, 2, 3) * 4096;
    registers.pdptes = [0, 1, 2, 3].map(() => (this.random.chance(90) ? this.random.pick(...TABLES) * 4096 + 1 : 0));
  }

  private reload(): void {
    this.machine.mmu.reload();
    this.machine.forgetAll();
  }

  /** A page that is not the VMM's. */
  private page(): number {
    return this.random.pick(...PAGES);
  }
}
