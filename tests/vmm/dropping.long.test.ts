/**
 * Everything a monitor keeps besides the guest's own state is a cache: TLB, shadow page tables, decoded and translated code.
 * Dropping any of it at any exit changes nothing that the guest can see; and after every exit the shadow tables hold nothing that
 * the guest's own do not allow.
 */
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/index.js";
import type { ShadowMmu } from "../../src/mm/shadow/shadow-mmu.js";
import { atOnce, type Driver, inPieces, runGuest } from "../lockstep/guest-runs.js";
import { Random } from "../random.js";
import { bare, ENGINES, guest, WAYS } from "./ways.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 20261121);

/** What of a kind of monitor is looked at here. */
interface Inside {
  ready(real: boolean): boolean;
  readonly shadow?: { readonly mmu: ShadowMmu };
}

/** The kind of monitor in a machine, which nobody else needs to see. */
function inside(machine: Machine): Inside {
  return (machine.vm as unknown as { kind: Inside }).kind;
}

/** Calls `visit` whenever the monitor is about to let the guest run, with true if the guest's real state is in the processor. */
function beforeEntry(machine: Machine, visit: (kind: Inside, real: boolean) => void): void {
  const kind = inside(machine);
  const ready = kind.ready.bind(kind);
  kind.ready = (real) => {
    visit(kind, real);
    return ready(real);
  };
}

/** Drops one of the caches or none. */
function drop(machine: Machine, random: Random, kind: Inside, real: boolean): void {
  const { exports } = machine.core;
  const what = random.below(6);
  if (what === 0) exports.flushTranslations();
  if (what === 1) exports.flushCode();
  // Under direct execution the processor stands on the root of the tables.
  if (what === 2 && !real) kind.shadow?.mmu.flushAll();
}

/** Guests that change mappings, tables and privilege, with little work in between. */
const GUESTS = [
  guest("minikernel"),
  guest("paging"),
  guest("tasks"),
  guest("segments"),
  guest("faults"),
  guest("privilege"),
  guest("debug"),
  guest("realmode"),
  guest("bench/pgchurn", "n=1"),
  guest("bench/pagefault", "n=1"),
  guest("bench/cr3switch", "n=3"),
  guest("bench/smc", "n=10"),
  guest("bench/syscall", "n=2"),
];

describe.each(Object.entries(WAYS))(`%s, seed ${SEED}`, (_name, way) => {
  describe.each(ENGINES)("%s", (engine) => {
    test.each(GUESTS)("$name $append: nothing that is dropped is missed", (run) => {
      const random = new Random(SEED);
      let entries = 0;
      const driver: Driver = (machine) => {
        beforeEntry(machine, (kind, real) => {
          if (++entries % 4 === 0) drop(machine, random, kind, real);
        });
        return inPieces(() => random.between(1, 4000))(machine);
      };
      expect(runGuest(run, engine, driver, way)).toEqual(bare(run, way, atOnce));
      expect(entries).toBeGreaterThan(5);
    });
  });

  test.each(GUESTS)("$name $append: the shadow tables are right after every exit", (run) => {
    let checks = 0;
    const driver: Driver = (machine) => {
      const random = new Random(SEED);
      beforeEntry(machine, ({ shadow }) => {
        if (shadow === undefined) return;
        // The first exits each, later ones now and then: a check looks at every entry.
        if (checks < 500 || random.chance(5)) shadow.mmu.checkInvariant();
        checks++;
      });
      return machine.run().exit;
    };
    expect(
      runGuest(run, "interpreter", driver, { ...way, ...(way.mmu === "ept" ? {} : { shadowFrames: 32 }) }),
    ).toEqual(bare(run, way, atOnce));
  });
});
