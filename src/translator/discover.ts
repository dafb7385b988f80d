/**
 * Finds the region of a hot entry: the control-flow graph over code that the interpreter has reached, through branches, direct
 * calls and the returns that belong to them, over a bounded number of instructions and pages.
 * Only the guest's bytes and what has been executed decide; nothing here changes the machine.
 */
import { Cpu, Mode } from "../../assembly/abi/cpu.js";
import { Layout } from "../../assembly/abi/layout.js";
import { Op } from "../../assembly/abi/op.js";
import { Block, RecFlag } from "../../assembly/abi/record.js";
import type { Core } from "../core/core.js";
import { type Insn, readInsn } from "./insn.js";
import { EXITING, SENSITIVE, VMX } from "./interpreted.js";
import { BRANCHES, FAR_TRANSFERS } from "./transfers.js";
import { FULL, MAX_INSNS, MAX_KILLS, MAX_NODE_INSNS, MAX_PAGES, MAX_RETURN_SITES, MAX_SHARED } from "./tuning.js";

/** How a node ends. Successors that are not in the region leave it. */
export type Terminator =
  | { kind: "goto"; target: number }
  | { kind: "branch"; taken: number; fall: number }
  | { kind: "call"; target: number; site: number }
  | { kind: "return"; sites: number[] }
  /** Targets are those seen so far; a call has a place behind it. */
  | { kind: "indirect"; targets: readonly number[]; site: number | undefined }
  /** Interpreted; goes on behind itself, as far as the function it is part of is concerned. */
  | { kind: "system"; targets: readonly number[]; next: number }
  /** Translated code that calls its monitor: it goes on as that decides. */
  | { kind: "call-out" };

/** A basic block of the region. */
export interface Node {
  /** What other nodes call it: its address, or 2^32 more for a copy. */
  key: number;
  /** Address of the first instruction. */
  eip: number;
  /** Instructions; the last one is the branch, if there is one. */
  insns: Insn[];
  end: Terminator;
}

/** A run of code bytes in machine memory. */
export interface CodeRun {
  ma: number;
  bytes: number;
}

/** What was found. */
export interface Region {
  entry: number;
  /** Mode bits it is made for. */
  mode: number;
  /** Nodes by key. */
  nodes: Map<number, Node>;
  /** Pages the code lies in: linear page address to pointer. */
  pages: Map<number, number>;
  /** The code bytes, for invalidation. */
  runs: CodeRun[];
  /** Instructions in all nodes. */
  size: number;
}

/** An address to look at; `site`: it is behind a call. The last found is looked at first, so that callees are taken in whole. */
interface Lead {
  eip: number;
  site: boolean;
}

/** Where instructions are decoded and where the bytes of those that straddle pages are put together. */
const RECORD = Layout.TRANSLATOR;
const BYTES = Layout.TRANSLATOR + 64;
/** Longest instruction. */
const MAX_LENGTH = 15;

/** Operations that end a block to go elsewhere. Any other one that is interpreted goes on behind itself, if it ends a block at all. */
const TRANSFERS: ReadonlySet<Op> = new Set<Op>([...BRANCHES, ...FAR_TRANSFERS, ...VMX, Op.HLT, Op.UD, Op.INVALID]);

/** Where branches that know it only at run time have been seen to lead. */
export type SeenTargets = (eip: number) => readonly number[];
/** Which instructions are left to the interpreter in the middle of the region. */
export type Interprets = (eip: number) => boolean;

/** True for operations on IF that a region executes without looking at interrupts behind them: there are none to look at, or they miss. */
function keepsGoing({ op, size, watched }: Insn): boolean {
  return !watched && (op === Op.CLI || op === Op.STI || (op === Op.POPF && size === 4));
}

/** How a node that ends with `insn` goes on; undefined if the instruction ends no block. `interprets`: the interpreter executes it. */
function terminatorOf(insn: Insn, seen: SeenTargets, interprets: Interprets): Terminator | undefined {
  const next = (insn.eip + insn.length) >>> 0;
  const target = insn.imm >>> 0;
  if ((insn.flags & RecFlag.CALL_OUT) !== 0) return { kind: "call-out" };
  if (insn.size === 4) {
    switch (insn.op) {
      case Op.JMP:
        return { kind: "goto", target };
      case Op.JCC:
        return { kind: "branch", taken: target, fall: next };
      case Op.LOOP:
      case Op.LOOPE:
      case Op.LOOPNE:
      case Op.JCXZ:
        if ((insn.flags & RecFlag.ADDR16) !== 0) break;
        return { kind: "branch", taken: target, fall: next };
      case Op.CALL:
        return { kind: "call", target, site: next };
      case Op.RET:
        return { kind: "return", sites: [] };
      case Op.JMP_INDIRECT:
        return { kind: "indirect", targets: seen(insn.eip), site: undefined };
      case Op.CALL_INDIRECT:
        return { kind: "indirect", targets: seen(insn.eip), site: next };
      default:
    }
  }
  if (!insn.ends || (keepsGoing(insn) && !interprets(insn.eip))) return undefined;
  return { kind: "system", targets: TRANSFERS.has(insn.op) ? seen(insn.eip) : [next], next };
}

/**
 * The end of a node with these instructions. STI holds interrupts off for one instruction more: where a node ends with it, and the budget may
 * end there too, the interpreter executes it, so that the shadow is in the state.
 */
function shadowed(insns: readonly Insn[], end: Terminator): Terminator {
  const last = insns.at(-1);
  if (last?.op !== Op.STI || end.kind !== "goto") return end;
  return { kind: "system", targets: [end.target], next: end.target };
}

/** Addresses to look at behind a terminator. */
function leadsTo(end: Terminator): readonly number[] {
  switch (end.kind) {
    case "goto":
      return [end.target];
    case "branch":
      return [end.taken, end.fall];
    case "call":
      return [end.target, end.site];
    case "indirect":
      return end.site === undefined ? end.targets : [...end.targets, end.site];
    case "system":
      return [...end.targets, end.next];
    default:
      return [];
  }
}

/** Addresses that the function goes on at: calls and system calls are stepped over. */
function stepsTo(end: Terminator): readonly number[] {
  switch (end.kind) {
    case "call":
      return [end.site];
    case "indirect":
      return end.site === undefined ? end.targets : [end.site];
    case "system":
      return [end.next];
    case "return":
      return [];
    default:
      return leadsTo(end);
  }
}

/** Discovers the region that starts at `entry` for the machine's current mode. */
export class Discovery {
  private readonly insns = new Map<number, Insn>();
  private readonly pages = new Map<number, number>();
  private readonly leaders = new Set<number>();
  private readonly ramPtr: number;
  private readonly view: DataView;

  constructor(
    private readonly core: Core,
    private readonly mode: number,
    private readonly seen: SeenTargets,
    private readonly interprets: Interprets = () => false,
  ) {
    this.ramPtr = core.cpu.field(Cpu.RAM_PTR);
    this.view = new DataView(core.memory.buffer);
  }

  /** The region, or undefined if nothing at `entry` can be translated. */
  run(entry: number): Region | undefined {
    const work: Lead[] = [{ eip: entry, site: false }];
    this.leaders.add(entry);
    for (let lead = work.pop(); lead !== undefined; lead = work.pop()) {
      // A region that is full ends behind a function, so that the next one can begin there.
      if (lead.site && this.insns.size > FULL) this.leaders.delete(lead.eip);
      else if (!this.insns.has(lead.eip)) this.scan(lead.eip, work);
    }
    if (!this.insns.has(entry)) return undefined;
    const nodes = this.cut();
    this.matchReturns(nodes);
    return { entry, mode: this.mode, nodes, pages: this.pages, runs: this.runs(), size: this.insns.size };
  }

  /** Decodes from `at` up to a branch, and queues where the branch goes if that has been executed. */
  private scan(at: number, work: Lead[]): void {
    let eip = at;
    while (this.insns.size < MAX_INSNS && !this.insns.has(eip)) {
      const insn = this.decode(eip);
      if (insn === undefined) return;
      this.insns.set(eip, insn);
      const end = terminatorOf(insn, this.seen, this.interprets);
      eip = (eip + insn.length) >>> 0;
      if (end === undefined) continue;
      for (const t of [...leadsTo(end)].reverse()) {
        if (this.leaders.has(t) || !this.reached(t)) continue;
        this.leaders.add(t);
        work.push({ eip: t, site: (end.kind === "call" || end.kind === "indirect") && t === end.site });
      }
      return;
    }
  }

  /**
   * True if the interpreter has executed a block at `eip`, or the address is inside code already taken in. A large region stops where
   * another begins.
   */
  private reached(eip: number): boolean {
    if (this.insns.has(eip)) return true;
    const block = this.blockAt(eip);
    if (block === 0) return false;
    return this.insns.size < MAX_SHARED || this.view.getUint32(block + Block.REGION, true) === 0;
  }

  /** The interpreter's block at `eip`, 0 if there is none. */
  blockAt(eip: number): number {
    const page = this.page(eip);
    return page === 0 ? 0 : this.core.exports.decodedAt(page + (eip & 0xfff) - this.ramPtr, eip) >>> 0;
  }

  /** Pointer of the page of `eip`, 0 if it cannot be used. */
  private page(eip: number): number {
    const lin = (eip & ~0xfff) >>> 0;
    const known = this.pages.get(lin);
    if (known !== undefined) return known;
    if (this.pages.size >= MAX_PAGES) return 0;
    const ptr = this.core.exports.probeLinear(lin) >>> 0;
    if (ptr === 0 || this.restless(ptr)) return 0;
    this.pages.set(lin, ptr);
    return ptr;
  }

  /** True if code in the page at `ptr` keeps being overwritten. */
  private restless(ptr: number): boolean {
    const page = (ptr - this.ramPtr) >>> 12;
    if (page >= this.core.cpu.field(Cpu.RAM_BYTES) >>> 12) return false;
    return (
      (new Uint8Array(this.core.memory.buffer).at(this.core.cpu.field(Cpu.CODE_KILLS_PTR) + page) as number) > MAX_KILLS
    );
  }

  private decode(eip: number): Insn | undefined {
    const page = this.page(eip);
    if (page === 0) return undefined;
    const offset = eip & 0xfff;
    const available = Math.min(MAX_LENGTH, 4096 - offset);
    const { exports, memory } = this.core;
    let length = exports.decodeBytes(RECORD, page + offset, available, eip, this.mode);
    if (length === 0 && available < MAX_LENGTH) {
      const second = this.page((eip + available) >>> 0);
      if (second === 0) return undefined;
      const all = new Uint8Array(memory.buffer);
      all.copyWithin(BYTES, page + offset, page + 4096);
      all.copyWithin(BYTES + available, second, second + MAX_LENGTH - available);
      length = exports.decodeBytes(RECORD, BYTES, MAX_LENGTH, eip, this.mode);
    }
    if (length === 0) return undefined;
    const insn = readInsn(this.view, RECORD);
    const pause = insn.op === Op.NOP && (insn.flags & RecFlag.REP) !== 0;
    const isCallOut = (insn.flags & RecFlag.CALL_OUT) !== 0;
    insn.watched =
      isCallOut ||
      ((this.mode & Mode.MONITORED) !== 0 && (pause || SENSITIVE.has(insn.op))) ||
      ((this.mode & Mode.EXITING) !== 0 && (pause || EXITING.has(insn.op)));
    return insn;
  }

  /** Cuts the instructions into nodes at leaders and branches. */
  private cut(): Map<number, Node> {
    const nodes = new Map<number, Node>();
    const work = [...this.leaders];
    for (let start = work.shift(); start !== undefined; start = work.shift()) {
      if (nodes.has(start) || !this.insns.has(start)) continue;
      const insns: Insn[] = [];
      let eip = start;
      let end: Terminator | undefined;
      while (end === undefined) {
        const insn = this.insns.get(eip);
        if (insn === undefined || (insns.length > 0 && this.leaders.has(eip)) || insns.length >= MAX_NODE_INSNS) {
          end = { kind: "goto", target: eip };
          if (insn !== undefined && !this.leaders.has(eip)) {
            this.leaders.add(eip);
            work.push(eip);
          }
          break;
        }
        insns.push(insn);
        end = terminatorOf(insn, this.seen, this.interprets);
        eip = (eip + insn.length) >>> 0;
      }
      nodes.set(start, { key: start, eip: start, insns, end: shadowed(insns, end) });
    }
    return nodes;
  }

  /** Gives each return the places behind the calls that lead to it. */
  private matchReturns(nodes: Map<number, Node>): void {
    const sitesOf = new Map<number, Set<number>>();
    for (const { end } of nodes.values()) {
      const site = end.kind === "call" || end.kind === "indirect" ? end.site : undefined;
      if (site === undefined || !nodes.has(site)) continue;
      for (const target of leadsTo(end)) {
        if (target === site || !nodes.has(target)) continue;
        const sites = sitesOf.get(target) ?? new Set<number>();
        sites.add(site);
        sitesOf.set(target, sites);
      }
    }
    for (const [callee, sites] of sitesOf) {
      for (const node of this.bodyOf(callee, nodes)) {
        if (node.end.kind !== "return") continue;
        for (const s of sites) {
          if (!node.end.sites.includes(s) && node.end.sites.length < MAX_RETURN_SITES) node.end.sites.push(s);
        }
      }
    }
  }

  /** Nodes reached from `callee` without leaving the function. */
  private bodyOf(callee: number, nodes: Map<number, Node>): Node[] {
    const seen = new Set<number>([callee]);
    const body: Node[] = [];
    const work = [callee];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      const node = nodes.get(at);
      if (node === undefined) continue;
      body.push(node);
      for (const n of stepsTo(node.end)) {
        if (!seen.has(n)) {
          seen.add(n);
          work.push(n);
        }
      }
    }
    return body;
  }

  /** The code bytes as runs inside machine pages. */
  private runs(): CodeRun[] {
    const spans: CodeRun[] = [];
    const sorted = [...this.insns.values()].sort((a, b) => a.eip - b.eip);
    for (const insn of sorted) {
      let eip = insn.eip;
      let rest = insn.length;
      while (rest > 0) {
        const part = Math.min(rest, 4096 - (eip & 0xfff));
        const ma = (this.pages.get((eip & ~0xfff) >>> 0) as number) + (eip & 0xfff) - this.ramPtr;
        const last = spans.at(-1);
        if (last !== undefined && last.ma + last.bytes === ma && (ma & 0xfff) !== 0) last.bytes += part;
        else spans.push({ ma, bytes: part });
        eip = (eip + part) >>> 0;
        rest -= part;
      }
    }
    return spans;
  }
}
