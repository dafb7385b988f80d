/**
 * One access through given page-table entries, executed by the machine and foretold by the oracle: data, fault, error code,
 * CR2, accessed and dirty flags, and that a fault leaves memory alone.
 */
import { Vector } from "../../assembly/abi/x86.js";
import type { PageEntries } from "./entry-variants.js";
import { CODE, type Engine, FRAMES, type PagingMachine, TABLES, TARGET } from "./paging-machine.js";
import { P, RW, translate, US } from "./paging-oracle.js";

/** How the target is used: MOV from it, MOV to it, ADD to it, a jump to it. */
export const ACCESSES = ["read", "write", "modify", "fetch"] as const;
/** Where the bytes lie: in the first or the second page, or across both. */
export const SPANS = ["first", "second", "both"] as const;

/** One case. */
export interface AccessCase {
  access: (typeof ACCESSES)[number];
  span: (typeof SPANS)[number];
  user: boolean;
  first: PageEntries;
  second: PageEntries;
}

// mov eax,[ebx]; mov [ebx],eax; add [ebx],eax; jmp ebx. A jump to itself follows, so that a block has two instructions.
const PROGRAMS = { read: [0x8b, 0x03], write: [0x89, 0x03], modify: [0x01, 0x03], fetch: [0xff, 0xe3] };
const STAY = [0xeb, 0xfe];
const PROGRAM_BYTES = 16;
/** More than any program needs: each ends in a jump to itself. */
const TICKS = 6;
const VALUE = 0x12345678;
/** mov eax, 44332211 and a jump to itself: what the target holds, as data and as code. */
const CONTENT = [0xb8, 0x11, 0x22, 0x33, 0x44, ...STAY];
const LOADED = 0x44332211;
const LOAD_BYTES = 5;
const OFFSETS = { first: -0x800, second: 0x800, both: -2 };

/** Entries that allow everything and have no flag set yet: for the page that is not under test. */
export function openEntries(table: number, frame: number): PageEntries {
  const all = P | RW | US;
  return { pde: BigInt(table) | all, pte: BigInt(frame) | all };
}

/** What must come of a case. */
interface Expected {
  fault?: { error: number; cr2: number };
  /** Physical addresses of the bytes accessed. */
  bytes: number[];
  /** Entry bits that get set. */
  marks: { at: number; bits: bigint }[];
}

/** Runs cases on one machine. */
export class CaseRunner {
  constructor(
    private readonly machine: PagingMachine,
    private readonly engine: Engine,
  ) {
    ACCESSES.forEach((access, i) => machine.code(CODE + PROGRAM_BYTES * i, ...PROGRAMS[access], ...STAY));
  }

  /** Runs a case, then again with the translations that the first pass left. Returns what is wrong, or undefined. */
  run(c: AccessCase): string | undefined {
    const { machine } = this;
    const lin = TARGET + OFFSETS[c.span];
    const pages = [
      { ...machine.entries(TARGET - 4096, TABLES.first), value: c.first },
      { ...machine.entries(TARGET, TABLES.second), value: c.second },
    ];
    for (const { pde, pte, value } of pages) {
      machine.setEntry(pde, value.pde);
      machine.setEntry(pte, value.pte);
    }
    const touched = this.#touched(lin);
    touched.forEach((pa, i) => (machine.core.ram[pa] = CONTENT[i % CONTENT.length]!));
    const entries = pages.flatMap(({ pde, pte }) => [pde, pte]);
    machine.core.exports.flushTranslations();
    for (const pass of ["cold", "warm"]) {
      const message = this.#pass(c, lin, entries, touched);
      if (message !== undefined) return `${pass}: ${message}`;
    }
    return undefined;
  }

  #pass(c: AccessCase, lin: number, entries: number[], touched: number[]): string | undefined {
    const { machine } = this;
    const { cpu, ram } = machine.core;
    const expected = this.#foretell(c, lin);
    const { fault } = expected;
    const tables = entries.map((at) => {
      const bits = expected.marks.reduce((sum, mark) => (mark.at === at ? sum | mark.bits : sum), 0n);
      return machine.entry(at) | bits;
    });
    const memory = touched.map((pa) => ram[pa]!);
    const old = expected.bytes.reduce((sum, pa, i) => (i < 4 ? sum + ram[pa]! * 2 ** (8 * i) : sum), 0);
    const stored = c.access === "modify" ? old + VALUE : VALUE;
    if (c.access === "write" || c.access === "modify") {
      expected.bytes.forEach((pa, i) => (memory[touched.indexOf(pa)] = Math.floor(stored / 2 ** (8 * i)) & 255));
    }
    const program = CODE + PROGRAM_BYTES * ACCESSES.indexOf(c.access);
    machine.enter(c.user, program);
    cpu.eax = VALUE;
    cpu.ebx = lin;
    machine.run(this.engine, TICKS);
    const found = machine.fault;
    const eip = c.access === "fetch" ? lin : program;
    const same = fault === undefined || (found?.error === fault.error && found.cr2 === fault.cr2 && found.eip === eip);
    if (!same || machine.vector !== (fault && Vector.PF)) {
      return `vector ${machine.vector} ${JSON.stringify(found)}, not ${JSON.stringify(fault && { ...fault, eip })}`;
    }
    const eax = fault ? VALUE : { read: old, write: VALUE, modify: VALUE, fetch: LOADED }[c.access];
    if (cpu.eax !== eax) return `EAX is ${cpu.eax.toString(16)}, not ${eax.toString(16)}`;
    for (const [i, at] of entries.entries()) {
      if (machine.entry(at) !== tables[i]) {
        return `entry ${at.toString(16)} is ${machine.entry(at).toString(16)}, not ${tables[i]!.toString(16)}`;
      }
    }
    for (const [i, pa] of touched.entries()) {
      if (ram[pa] !== memory[i]) return `byte ${pa.toString(16)} is ${ram[pa]}, not ${memory[i]}`;
    }
    return undefined;
  }

  /** What the SDM says about the bytes accessed, page by page. */
  #foretell({ access, user }: AccessCase, lin: number): Expected {
    const { machine } = this;
    const use = access === "modify" ? "write" : access;
    const expected: Expected = { bytes: [], marks: [] };
    const end = lin + (access === "fetch" ? LOAD_BYTES : 4);
    for (let at = lin; at < end; ) {
      const result = translate((pa) => machine.entry(pa), machine.paging, { lin: at, use, user });
      if ("error" in result) {
        // A read of the first page has been done; a write to it must not have begun.
        return { fault: { error: result.error, cr2: at }, bytes: [], marks: use === "write" ? [] : expected.marks };
      }
      expected.marks.push(...result.marks);
      const next = Math.min(end, at - (at % 4096) + 4096);
      for (const first = at; at < next; at++) expected.bytes.push(Number(result.pa) + at - first);
    }
    return expected;
  }

  /** All bytes of RAM that the target may be translated to, in the order of CONTENT. */
  #touched(lin: number): number[] {
    const { pae } = this.machine.paging;
    const large = (at: number) =>
      FRAMES.large + (pae && at >= TARGET ? 0x200000 : 0) + (at & (pae ? 0x1fffff : 0x3fffff));
    const small = (at: number) => (at < TARGET ? FRAMES.first : FRAMES.second) + (at & 0xfff);
    return [large, small].flatMap((place) => CONTENT.map((_, i) => place(lin + i)));
  }
}
