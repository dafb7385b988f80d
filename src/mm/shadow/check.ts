/**
 * The shadow invariant, checked by looking at everything: for debug runs and tests. It reads the tables as the processor does and asks the
 * guest's tables and the map of guest frames afresh.
 */
import { FrameType } from "../../../assembly/abi/ept.js";
import { Pte } from "../../../assembly/abi/x86.js";
import { isDirectory, Kind, kindOf, Role } from "./role.js";
import { ENTRIES, type ShadowPage, UNBACKED } from "./shadow-page.js";
import type { ShadowRoot } from "./shadow-root.js";
import type { ShadowTables } from "./shadow-tables.js";

const ALLOWED = Pte.P | Pte.RW | Pte.US | Pte.A | Pte.D;

/** Throws an Error that names the first thing wrong. */
export function checkShadow(tables: ShadowTables, root: ShadowRoot): void {
  const { pool } = tables;
  const fail = (page: ShadowPage, what: string): never => {
    throw new Error(`shadow page ${page.slot} (gfn ${page.gfn.toString(16)}, role ${page.role.toString(16)}): ${what}`);
  };
  let leaves = 0;
  for (const page of pool.pages()) {
    if (pool.slots[page.slot] !== page) fail(page, "is not in its slot");
    if (tables.p2m.allocator.ownerOf(page.mfn) !== tables.p2m.owners.tables)
      fail(page, "has a frame that is not the VMM's");
    if (page.pinned !== (root.directories.includes(page) || page.kind === Kind.BLANK_TABLE))
      fail(page, "is wrongly pinned");
    checkFrame(tables, page, fail);
    if (isDirectory(page.role)) checkDirectory(tables, page, fail);
    else leaves += checkTable(tables, page, fail);
  }
  tables.p2m.tables.forEachLeaf((gfn, mfn) => {
    if (tables.p2m.type(gfn) === FrameType.TRACED && !pool.isShadowed(mfn) && !pool.watched.has(mfn))
      throw new Error(`gfn ${gfn}: traced without a shadow or a watcher`);
  });
  if (leaves !== tables.reverse.size)
    throw new Error(`reverse map: ${leaves} entries expected, ${tables.reverse.size} found`);
  if (pool.size > pool.limit) throw new Error(`shadow pages: ${pool.size} of at most ${pool.limit}`);
}

type Fail = (page: ShadowPage, what: string) => never;

/** What is shadowed is traced, or left to the guest. */
function checkFrame(tables: ShadowTables, page: ShadowPage, fail: Fail): void {
  const { p2m, pool } = tables;
  const shadows = page.kind === Kind.TABLE || page.kind === Kind.DIRECTORY;
  if (!shadows) return;
  if (p2m.mfn(page.gfn) !== page.frame) fail(page, "shadows a frame that is another now");
  if (page.frame === UNBACKED) return;
  const together = pool.ofFrame(page.frame);
  if (!together.includes(page)) fail(page, "is not listed by its frame");
  if (together.some((other) => other.unsync !== page.unsync)) fail(page, "is in step and others of its frame are not");
  if (page.unsync && page.kind !== Kind.TABLE) fail(page, "is a directory out of step");
  if (p2m.mayWrite(page.gfn) && (p2m.type(page.gfn) === FrameType.TRACED) === page.unsync)
    fail(page, "is wrongly traced");
}

/** A directory names exactly its children, and they are what the guest's entries say. */
function checkDirectory(tables: ShadowTables, page: ShadowPage, fail: Fail): void {
  for (let i = 0; i < page.format.entries; i++) {
    const entry = tables.entry(page, i);
    const child = page.children[i];
    if (child === undefined) {
      if (entry !== 0) fail(page, `entry ${i} is ${entry.toString(16)} without a child`);
      if (tables.holdsReserved(page, i)) fail(page, "does not lead to the VMM's range");
      continue;
    }
    if (entry !== ((child.mfn * 4096) | Pte.P | Pte.RW | Pte.US | Pte.A) >>> 0)
      fail(page, `entry ${i} is not its child`);
    if (!child.parents.includes(page.slot * ENTRIES + i)) fail(page, `entry ${i} is unknown to its child`);
    if (tables.pool.find(child.key) !== child) fail(page, `entry ${i} names a page that is gone`);
    const holdsReserved = tables.holdsReserved(page, i);
    if (child.kind === Kind.BLANK_TABLE) {
      if (!holdsReserved) fail(page, `entry ${i} is blank without a reason`);
    } else {
      // A walk since may have set the dirty flag of a large page: its table is narrower than it could be.
      const key = tables.composer.child(page, i, holdsReserved);
      if (key !== child.key && key !== child.key + Role.DIRTY) fail(page, `entry ${i} is not the guest's`);
    }
  }
}

/** Leaf entries are composed rightly, no wider than allowed, and in the reverse map. Returns how many there are. */
function checkTable(tables: ShadowTables, page: ShadowPage, fail: Fail): number {
  const { composer, p2m, reverse } = tables;
  let count = 0;
  for (let i = 0; i < page.format.entries; i++) {
    const entry = tables.entry(page, i);
    if (tables.isReserved(page, i)) {
      if (entry !== tables.reserved!.entry(page.format, i))
        fail(page, `entry ${i} of the VMM's range is ${entry.toString(16)}`);
      continue;
    }
    if (page.format.pae && p2m.memory.words[page.word(i) + 1] !== 0) fail(page, `entry ${i} has a high word`);
    if ((entry & Pte.P) === 0) {
      if (entry !== 0) fail(page, `entry ${i} is absent and not 0`);
      continue;
    }
    count++;
    const mfn = entry >>> 12;
    const writable = (entry & Pte.RW) !== 0;
    if ((entry & 0xfff & ~ALLOWED) !== 0 || (entry & Pte.A) === 0) fail(page, `entry ${i} is ${entry.toString(16)}`);
    if (writable !== ((entry & Pte.D) !== 0)) fail(page, `entry ${i}: D and R/W differ`);
    if (!p2m.allocator.mayUse(mfn as never, p2m.owners.vm))
      fail(page, `entry ${i} names frame ${mfn}, not the guest's`);
    if (!reverse.has(mfn, page, i)) fail(page, `entry ${i} is not in the reverse map`);
    if (writable && composer.isTraced(mfn)) fail(page, `entry ${i} makes a traced frame writable`);
    if (kindOf(page.role) === Kind.BLANK_TABLE) fail(page, `entry ${i} of a blank page is present`);
    if (page.unsync) continue;
    const source = composer.source(page, i);
    if (source === undefined) return fail(page, `entry ${i} has no entry of the guest behind it`);
    const widest = composer.leaf(source, page.role);
    const store = composer.supervisorStore(source, page.role);
    if (p2m.mfn(source.gfn) !== mfn) fail(page, `entry ${i} names another frame than the guest's`);
    if ((entry & ~widest) !== 0 && (entry & ~store) !== 0) fail(page, `entry ${i} is wider than the guest's`);
    if (writable && p2m.log?.isClean(source.gfn)) fail(page, `entry ${i} hides a store from the dirty log`);
  }
  return count;
}
