/**
 * What the machine counts of translated code, for the virtual machine it was counted for: the machine has one set of counters, and they are
 * taken over when another's code is about to run.
 */
import { Layout } from "../../../assembly/abi/layout.js";
import { OP_COUNT, type Op } from "../../../assembly/abi/op.js";
import { Translation } from "../../../assembly/abi/translation.js";
import type { Core } from "../../core/core.js";
import { instructionName } from "../instruction-names.js";
import type { KindCounts } from "../statistics.js";
import { Words } from "../words.js";

/** Whose counts the machine's counters hold. */
const holders = new WeakMap<Core, TranslationLedger>();

/** The counts of one virtual machine. */
export class TranslationLedger {
  private readonly words: Words;
  private readonly totals = new Map<number, number>();

  /** Nothing counted yet. */
  constructor(private readonly core: Core) {
    this.words = new Words(core.memory, Layout.TRANSLATION);
  }

  /** From now on the machine counts for this one. */
  claim(): void {
    const holder = holders.get(this.core);
    if (holder === this) return;
    holder?.collect();
    holders.set(this.core, this);
  }

  /** The virtual machine is going away. */
  release(): void {
    if (holders.get(this.core) !== this) return;
    this.collect();
    holders.delete(this.core);
  }

  /** Takes over what the machine has counted. */
  private collect(): void {
    for (const field of FIELDS) {
      const counted = this.words.getWide(field);
      if (counted === 0) continue;
      this.totals.set(field, this.total(field) + counted);
      this.words.setWide(field, 0);
    }
  }

  private total(field: number): number {
    return this.totals.get(field) ?? 0;
  }

  /** Everything counted so far. */
  counts(): Required<Pick<KindCounts, "inline" | "translation">> {
    if (holders.get(this.core) === this) this.collect();
    const inline: Record<string, number> = {};
    for (let op = 0; op < OP_COUNT; op++) {
      const executed = this.total(Translation.EXECUTED + 8 * op);
      const name = instructionName(op as Op);
      if (executed > 0) inline[name] = (inline[name] ?? 0) + executed;
    }
    return {
      inline,
      translation: {
        units: this.total(Translation.UNITS),
        ident: this.total(Translation.IDENT),
        inline: this.total(Translation.INLINE),
        callOut: this.total(Translation.CALL_OUT),
        lookups: this.total(Translation.LOOKUPS),
        misses: this.total(Translation.UNITS),
      },
    };
  }
}

/** Offsets of all counters. */
const FIELDS: readonly number[] = [
  ...Array.from({ length: Translation.COUNTERS / 8 }, (_, i) => 8 * i),
  ...Array.from({ length: OP_COUNT }, (_, op) => Translation.EXECUTED + 8 * op),
];
