/**
 * Executes a sensitive instruction twice, as the machine does outside ring 0 and as the bare machine would in the guest's place, and tells the
 * difference. This is the experiment of the classifier, in the run of a guest.
 */
import { Counter, Cpu, Mode, SegCache } from "../../../assembly/abi/cpu.js";
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Rec } from "../../../assembly/abi/record.js";
import { Vmx } from "../../../assembly/abi/vmx.js";
import { Seg } from "../../../assembly/abi/x86.js";
import { nameOf } from "../../isa/doc.js";
import { INSTRUCTIONS } from "../../isa/table/index.js";
import { exceptionName } from "../../isa/exceptions.js";
import type { Guest } from "../guest.js";
import { Words } from "../words.js";
import { type Difference, DiagnosisTable } from "./diagnosis.js";
import { Snapshot } from "./snapshot.js";
import { RECORD, Stores } from "./stores.js";

/** How the guest's state is made virtual, and how it is said to be real again after it was put back. */
export interface Lowering {
  leave(): void;
  runReal(): void;
}

const REGISTERS = ["EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI"];
const SEGMENTS = ["ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"];
const VECTORS = 32;

/** Registers by name, as one state has them. */
type Seen = Map<string, number>;

/** Looks at the sensitive instructions of one guest. */
export class SensitiveWitness {
  readonly table = new DiagnosisTable();
  private readonly record: Words;

  constructor(
    private readonly vm: Guest,
    private readonly lowering: Lowering,
  ) {
    this.record = new Words(vm.core.memory, RECORD);
  }

  /**
   * The machine has refused the instruction at EIP: executes it as the real machine does. Returns BUDGET if that did not trap, else the exit, with
   * nothing changed. The state is real, before and afterwards.
   */
  execute(): ExitReason {
    const { core, state } = this.vm;
    const before = new Snapshot(state);
    this.lowering.leave();
    const virtual = new Snapshot(state);
    const length = core.exports.decodeNext(RECORD);
    const stores = new Stores(core, state, this.record);
    const found = this.describe(length);
    before.restore();
    this.lowering.runReal();
    const reason = this.runAsReal();
    if (reason !== ExitReason.BUDGET) return reason;

    const real = new Snapshot(state);
    this.lowering.leave();
    const time = core.time;
    const seen = this.registers();
    const written = stores.now();

    virtual.restore();
    core.exports.rederive();
    stores.restore();
    const exceptions = this.exceptions();
    core.run(1);
    const raised = this.exceptions().findIndex((count, vector) => count !== exceptions[vector]);
    const differences =
      raised >= 0
        ? [{ what: "exception", saw: "none", should: exceptionName(raised) }]
        : this.compare(seen, this.registers(), stores.difference(written, stores.now()));
    if (found !== undefined) this.table.note(found, time, differences);

    virtual.restore();
    core.exports.rederive();
    stores.restore(written);
    real.restore();
    this.lowering.runReal();
    return ExitReason.BUDGET;
  }

  /** One tick of the machine without its refusals. */
  private runAsReal(): ExitReason {
    const { vmx, core } = this.vm;
    vmx.set(Vmx.REFUSE, 0);
    core.exports.applyControls();
    const reason = core.run(1);
    vmx.set(Vmx.REFUSE, 1);
    core.exports.applyControls();
    return reason;
  }

  /** What is at EIP. */
  private describe(length: number) {
    const { core, state } = this.vm;
    const address = (state.get(Cpu.SEGS + Seg.CS * SegCache.SIZE + SegCache.BASE) + state.get(Cpu.EIP)) >>> 0;
    const bytes = length === 0 ? undefined : core.readLinear(address, length);
    if (bytes === undefined) return undefined;
    const op = this.record.byte(Rec.OP);
    const row = INSTRUCTIONS.find((candidate) => candidate.op === op);
    return {
      address,
      instruction: row === undefined ? "?" : nameOf(row),
      bytes: Buffer.from(bytes).toString("hex"),
      code32: (state.get(Cpu.MODE) & Mode.CODE32) !== 0,
      kernel: state.get(Cpu.CPL) !== 3,
    };
  }

  /** The registers of the state in the processor, which is a virtual one. */
  private registers(): Seen {
    const { core, state } = this.vm;
    const seen: Seen = new Map(REGISTERS.map((name, i) => [name, state.get(Cpu.REGS + 4 * i)]));
    seen.set("EIP", state.get(Cpu.EIP));
    seen.set("EFLAGS", core.cpu.eflags);
    SEGMENTS.forEach((name, i) => {
      const cache = Cpu.SEGS + i * SegCache.SIZE;
      seen.set(name, state.get(cache + SegCache.SELECTOR));
      seen.set(`${name} base`, state.get(cache + SegCache.BASE));
      seen.set(`${name} limit`, state.get(cache + SegCache.LIMIT));
      seen.set(`${name} access`, state.get(cache + SegCache.ACCESS));
    });
    seen.set("CPL", state.get(Cpu.CPL));
    return seen;
  }

  private compare(real: Seen, virtual: Seen, memory: ReturnType<Stores["difference"]>): Difference[] {
    const differences: Difference[] = [];
    for (const [what, saw] of real) {
      const should = virtual.get(what)!;
      if (saw !== should) differences.push({ what, saw: hex(saw), should: hex(should) });
    }
    if (memory !== undefined) {
      differences.push({ what: `[${hex(memory[0])}]`, saw: hex(memory[1]), should: hex(memory[2]) });
    }
    return differences;
  }

  private exceptions(): number[] {
    const { cpu } = this.vm.core;
    return Array.from({ length: VECTORS }, (_, vector) => cpu.counter(Counter.EXCEPTIONS + vector));
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
