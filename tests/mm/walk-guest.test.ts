/**
 * The VMM's walk of a guest's tables against the machine's own: the same tables, on a bare machine and in a VM's scattered frames; the
 * same access, made by an instruction there and by `walkGuest` here; the same byte, error code and flags.
 */
import { describe, expect, test } from "vitest";
import { Layout } from "../../assembly/abi/layout.js";
import { Access, Vector } from "../../assembly/abi/x86.js";
import { gva } from "../../src/address.js";
import { StatePaging } from "../../src/mm/guest-paging.js";
import { walkGuest } from "../../src/mm/walk-guest.js";
import { CODE, CORES, FRAMES, PagingMachine, TABLES, TARGET } from "../mmu/paging-machine.js";
import { Random } from "../random.js";
import { SmallMachine } from "./small-vm.js";

const STAY = [0xeb, 0xfe];
const RAM_FRAMES = (8 << 20) / 4096;

/** A random entry: sensible most of the time, with reserved bits, odd frames and missing flags at times. */
function randomEntry(random: Random, directory: boolean, pae: boolean): bigint {
  const frame = random.pick(TABLES.first, TABLES.second, FRAMES.first, FRAMES.second, FRAMES.large, 0x5ff000, 0x700000);
  let entry = BigInt(directory && random.chance(60) ? random.pick(TABLES.first, TABLES.second) : frame);
  entry |= BigInt(random.bits() & 0x7f);
  if (random.chance(80)) entry |= 1n;
  if (random.chance(60)) entry |= 6n;
  if (random.chance(directory ? 40 : 5)) entry |= 0x80n;
  if (directory && (entry & 0x80n) !== 0n && random.chance(80)) entry &= ~0x3ff000n;
  if (pae && random.chance(10)) entry |= 1n << BigInt(random.pick(32, 35, 36, 51, 63));
  return entry;
}

const MODES = [
  { name: "32-bit", pae: false, pse: false },
  { name: "32-bit with 4 MB pages", pae: false, pse: true },
  { name: "PAE", pae: true, pse: false },
];

describe.each(MODES)("$name", ({ pae, pse }) => {
  test.each([false, true])("random tables, CR0.WP %s", (wp) => {
    const bare = new PagingMachine(CORES.interpreter!, { pae, pse, wp });
    const { core } = bare;
    const host = new SmallMachine(16 << 20);
    const { memory } = host.vm(RAM_FRAMES);
    const state = new StatePaging(core.memory, Layout.CPU);
    const random = new Random(pae ? 5 : pse ? 6 : 7);
    for (let frame = 8; frame < RAM_FRAMES; frame++) bare.put(frame * 4096 + 0x40, frame);
    const tables = [TABLES.directory, TABLES.first, TABLES.second, TABLES.system, TABLES.pdpt];
    let hits = 0;
    for (let i = 0; i < 2_000; i++) {
      const at = bare.entries(TARGET, random.pick(TABLES.first, TABLES.second));
      if (random.chance(70)) bare.setEntry(at.pde, randomEntry(random, true, pae));
      for (const table of [TABLES.first, TABLES.second]) {
        if (random.chance(50)) bare.setEntry(bare.entries(TARGET, table).pte, randomEntry(random, false, pae));
      }
      core.setA20(random.chance(90));
      core.exports.flushTranslations();
      if (i === 0) memory.load(0, core.ram);
      for (const table of tables) memory.load(table, core.ram.subarray(table, table + 4096));
      const user = random.chance(50);
      const access = random.pick(Access.READ, Access.WRITE);

      // and byte [ebx],ff writes and changes nothing; mov eax,[ebx] reads.
      bare.code(CODE, ...(access === Access.WRITE ? [0x80, 0x23, 0xff] : [0x8b, 0x03]), ...STAY);
      bare.enter(user, CODE);
      core.cpu.ebx = TARGET + 0x40;
      core.cpu.eax = 0xfefefefe;
      const gpa = walkGuest(memory, state, gva(TARGET + 0x40), access, user);
      bare.run("run", 4);

      const context = `case ${i}`;
      if (bare.vector === Vector.PF) expect(gpa, context).toBe(-1 - bare.fault!.error);
      else {
        hits++;
        expect(gpa, context).toBeGreaterThanOrEqual(0);
        if (access === Access.READ && !tables.includes(gpa & ~0xfff))
          expect(memory.read32(gpa), context).toBe(core.cpu.eax);
      }
      for (const table of tables) {
        const same = Buffer.from(memory.read(table, 4096)).equals(core.ram.subarray(table, table + 4096));
        if (!same) expect(memory.read(table, 4096), context).toEqual(core.ram.slice(table, table + 4096));
      }
    }
    expect(hits).toBeGreaterThan(300);
    expect(hits).toBeLessThan(1_700);
  });
});
