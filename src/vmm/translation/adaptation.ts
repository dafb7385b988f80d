/**
 * Adaptive binary translation (Adams & Agesen 2006, 4.3): a store that keeps faulting on a traced page table is retranslated to a call-out, which
 * makes the store and brings the shadow in step without a fault. Innocent until proven guilty; a call-out that meets no traced page any more
 * goes back to being a store, and must prove more faults to be retranslated again.
 */
import { Cpu, SegCache } from "../../../assembly/abi/cpu.js";
import { FrameType } from "../../../assembly/abi/ept.js";
import { Op } from "../../../assembly/abi/op.js";
import { Form, Rec, RecFlag } from "../../../assembly/abi/record.js";
import { Treatment } from "../../../assembly/abi/translation.js";
import { Access } from "../../../assembly/abi/x86.js";
import { gfnOf, gva } from "../../address.js";
import { commitWalk, findGuest } from "../../mm/walk-guest.js";
import type { Guest } from "../guest.js";
import { advance } from "../interpreter/advance.js";
import type { Decoded, Deprivileged } from "../interpreter/decoded.js";
import type { ShadowMemory } from "../kinds/shadow-memory.js";
import { Outcome } from "../kind.js";

/** Faults of one store before it is retranslated the first time; twice as many each time after that. */
export const FAULTS_TO_CONVICT = 4;
/** Call-outs in a row that met no traced page before the store is taken back. */
export const QUIET_TO_ACQUIT = 32;
/** Stores remembered at a time. */
const MOST_SUSPECTS = 1024;

/** What is known of one store. */
interface Suspect {
  faults: number;
  /** Faults it takes to convict. */
  limit: number;
  guilty: boolean;
  /** Call-outs since the last that met a traced page. */
  quiet: number;
}

/** What has been found out about stores. */
export class Adaptation {
  private readonly suspects = new Map<number, Suspect>();
  private convictions = 0;
  private acquittals = 0;

  /** Innocents only. */
  constructor(
    private readonly vm: Guest,
    private readonly shadow: ShadowMemory,
  ) {}

  /** True if an operation calls out because of what it did, not because of what it is. */
  isGuilty(op: Op): boolean {
    return this.vm.core.exports.treatmentOf(op) === Treatment.IDENT;
  }

  /** The instruction at EIP has faulted on a traced page. */
  traced(instruction: Decoded): void {
    const ma = this.address();
    if (ma === undefined || !instruction.next()) return;
    const ends = (instruction.word(Rec.FLAGS) & RecFlag.ENDS) !== 0;
    const op = instruction.byte(Rec.OP);
    if (ends || this.vm.core.exports.treatmentOf(op) !== Treatment.IDENT) return;
    const suspect = this.suspect(ma);
    if (++suspect.faults < suspect.limit || suspect.guilty) return;
    if (this.vm.core.exports.judge(ma, 1) === 0) return;
    suspect.guilty = true;
    suspect.quiet = 0;
    this.convictions++;
  }

  /** Makes the store at EIP, which has called out. */
  store(guest: Deprivileged, instruction: Decoded): Outcome {
    const ma = this.address();
    if (ma === undefined) return Outcome.INTERPRET;
    const suspect = this.suspect(ma);
    const value = plainValue(guest, instruction);
    if (value === undefined) return Outcome.INTERPRET;
    const walk = findGuest(
      this.vm.ram,
      this.shadow.paging,
      gva(instruction.address()),
      Access.WRITE,
      guest.state.get(Cpu.CPL) === 3,
    );
    if (!walk.ok || (walk.gpa & 3) !== 0) return Outcome.INTERPRET;
    const type = this.vm.p2m.type(gfnOf(walk.gpa));
    if (type !== FrameType.RAM && type !== FrameType.TRACED) return Outcome.INTERPRET;
    this.watch(suspect, ma, type === FrameType.TRACED);
    commitWalk(this.vm.ram, walk);
    this.vm.ram.write32(walk.gpa, value);
    return advance(guest, instruction.byte(Rec.LENGTH));
  }

  /** Notes whether a call-out was needed, and takes it back if none has been for long. */
  private watch(suspect: Suspect, ma: number, needed: boolean): void {
    suspect.quiet = needed ? 0 : suspect.quiet + 1;
    if (suspect.quiet < QUIET_TO_ACQUIT) return;
    this.vm.core.exports.judge(ma, 0);
    Object.assign(suspect, { guilty: false, faults: 0, limit: suspect.limit * 2 });
    this.acquittals++;
  }

  private suspect(ma: number): Suspect {
    const known = this.suspects.get(ma);
    if (known !== undefined) return known;
    if (this.suspects.size >= MOST_SUSPECTS) this.forget();
    const suspect = { faults: 0, limit: FAULTS_TO_CONVICT, guilty: false, quiet: 0 };
    this.suspects.set(ma, suspect);
    return suspect;
  }

  /** Forgets everybody; the guilty are innocent again. */
  forget(): void {
    for (const [ma, { guilty }] of this.suspects) if (guilty) this.vm.core.exports.judge(ma, 0);
    this.suspects.clear();
  }

  /** Machine address of the instruction at EIP. */
  private address(): number | undefined {
    const { state, core } = this.vm;
    const base = state.get(Cpu.SEGS + SegCache.SIZE + SegCache.BASE);
    const pointer = core.exports.probeLinear(base + state.get(Cpu.EIP)) >>> 0;
    return pointer === 0 ? undefined : pointer - state.get(Cpu.RAM_PTR);
  }

  /** Counters by name. */
  counters(): Record<string, number> {
    return { "stores retranslated to call-outs": this.convictions, "call-outs taken back": this.acquittals };
  }
}

/** What MOV of four bytes to memory through a flat segment stores; undefined for any other instruction, which is interpreted. */
function plainValue({ state }: Deprivileged, instruction: Decoded): number | undefined {
  if (instruction.byte(Rec.OP) !== Op.MOV || instruction.byte(Rec.SIZE) !== 4) return undefined;
  const segment = Cpu.SEGS + instruction.byte(Rec.SEG) * SegCache.SIZE;
  const open = state.get(segment + SegCache.WRITE_MAX) === OPEN && state.get(segment + SegCache.BASE) === 0;
  if (!open) return undefined;
  const form = instruction.word(Rec.FLAGS) & RecFlag.FORM;
  if (form === Form.RM_IMM) return instruction.word(Rec.IMM);
  return form === Form.RM_REG ? state.get(instruction.byte(Rec.REG)) : undefined;
}

/** SegCache.WRITE_MAX of a segment that may be written everywhere. */
const OPEN = 0xfffffffd;
