/**
 * Emits a region as one WebAssembly function: nodes in the order of the dominator tree, loops and merges as labels
 * (Ramsey 2022), the budget taken on every edge.
 *
 *   (func (result i32)
 *     ;; check pages, load registers, flags, budget
 *     (block $exit (result i32) … nodes …)      ;; the value is the cell of the exit taken
 *     ;; store registers, flags, budget
 *     cell)
 */
import { Cpu } from "../../assembly/abi/cpu.js";
import { Op } from "../../assembly/abi/op.js";
import { Form, RecFlag } from "../../assembly/abi/record.js";
import { CellKind, PageList } from "../../assembly/abi/region.js";
import { type FunctionModule, encodeModule } from "../wasm/module.js";
import { BlockType, ValueType, W } from "../wasm/opcodes.js";
import type { Node, Region } from "./discover.js";
import { Emitter, I32_LOCALS, I64_LOCALS, Import, Local, type StaticFlags, UNKNOWN } from "./emitter.js";
import { toRaw } from "./flags.js";
import { type CellFactory, NO_CELLS } from "./cells.js";
import { dispatch } from "./dispatch.js";
import { dominates, type Flow, type FlowNode, flushes, orderFlow, successors } from "./flow.js";
import type { Insn } from "./insn.js";
import { rawOnEntry } from "./liveness.js";
import { Stage, type Stages, leastStage } from "./misses.js";
import { IMPORTS } from "./locals.js";
import { LOWERINGS } from "./lower.js";
import { reshape } from "./reshape.js";
import { pushBranchCondition } from "./lower/branch.js";
import { popT1, pushT1 } from "./lower/stack.js";
import { countInline } from "./lower/system.js";

/** Label of the block whose end is the exit. */
const EXIT = "exit";

/** What decides how instructions are emitted besides the instructions themselves. */
export interface RegionOptions {
  cells: CellFactory;
  /** How instructions that access memory are emitted. */
  stages: Stages;
}

/** Emits regions. One object per region and pass. */
class RegionEmitter {
  private readonly e: Emitter;
  private readonly flow: Flow;
  private readonly raw: ReadonlySet<Node>;
  /** How the flags are left each time around a peeled loop. */
  private readonly around = new Map<FlowNode, StaticFlags>();

  constructor(
    private readonly region: Region,
    private readonly options: RegionOptions,
    used: ReadonlySet<number>,
    modified: ReadonlySet<number>,
  ) {
    this.e = new Emitter(options.cells, used, modified);
    this.flow = orderFlow(region);
    this.raw = rawOnEntry(this.flow);
  }

  /** The function body and the registers it used. */
  emit(): Emitter {
    const { e } = this;
    const c = e.code;
    this.checkEntry();
    e.loadRegisters();
    e.borrowFlags(this.raw.has(this.flow.entry.node));
    e.loadState(Cpu.LEFT);
    c.set(Local.LEFT);
    e.loadState(Cpu.CONTEXT);
    c.set(Local.CONTEXT);
    c.open(W.BLOCK, BlockType.I32);
    e.labels.push(EXIT);
    this.takeBudget(this.flow.entry.node);
    this.tree(this.flow.entry);
    c.op(W.UNREACHABLE);
    e.labels.pop();
    c.end();
    c.set(Local.CELL);
    e.spill();
    c.get(Local.CELL);
    c.end();
    return e;
  }

  /** Returns 0 unless all other pages the entry leads to are where they were when the region was translated. */
  private checkEntry(): void {
    const entryPage = (this.region.entry & ~0xfff) >>> 0;
    const others = this.pagesFrom(this.flow.entry).filter(([lin]) => lin !== entryPage);
    if (others.length > 0) {
      this.checkPages(others, () => {
        this.e.code.i32(0);
        this.e.code.op(W.RETURN);
      });
    }
  }

  /** Emits `leave`, which leaves the region, for when `pages` cannot be executed in place at the present privilege. */
  private checkPages(pages: readonly (readonly [number, number])[], leave: () => void): void {
    const { e } = this;
    const c = e.code;
    const list = e.cells.pageList(pages);
    e.loadState(Cpu.CONTEXT);
    e.and(1);
    c.i32(2);
    c.op(W.I32_SHL);
    c.memory(W.I32_LOAD, list + PageList.EPOCH);
    e.loadState(Cpu.MAP_EPOCH);
    c.op(W.I32_NE);
    c.open(W.IF, BlockType.EMPTY);
    c.i32(list);
    c.call(Import.PAGES_HOLD);
    c.op(W.I32_EQZ);
    c.open(W.IF, BlockType.EMPTY);
    e.labels.push("if", "if");
    leave();
    e.labels.length -= 2;
    c.end();
    c.end();
  }

  /** Pages, with pointers, of the code reached from `from` without an interpreted transfer, which may change what is executable. */
  private pagesFrom(from: FlowNode): [number, number][] {
    const seen = new Set([from]);
    const pages = new Set<number>();
    for (const n of seen) {
      for (const { eip, length } of n.node.insns) {
        pages.add((eip & ~0xfff) >>> 0);
        pages.add(((eip + length - 1) & ~0xfff) >>> 0);
      }
      if (this.interpretsEnd(n.node)) continue;
      for (const s of this.successors(n)) seen.add(this.flow.nodes.get(s) as FlowNode);
    }
    return [...pages].sort((a, b) => a - b).map((lin) => [lin, this.region.pages.get(lin) as number]);
  }

  /** Addresses inside the region that a node may go to. */
  private successors(n: FlowNode): number[] {
    return successors(n.node).filter((s) => this.flow.follows(n, s));
  }

  /** True if the interpreter executes the last instruction of a node, which ends its block. */
  private interpretsEnd({ end, insns }: Node): boolean {
    const insn = insns.at(-1) as Insn;
    // Only branches that touch memory can miss: calls, returns, and those through memory.
    if (end.kind === "call-out") return true;
    return end.kind === "system" || (end.kind !== "goto" && this.options.stages(insn.eip) === Stage.INTERPRET);
  }

  /** A node and everything it dominates. */
  private tree(n: FlowNode): void {
    const { e } = this;
    const merges = n.children.filter((child) => child.merge);
    if (n.loop) {
      e.code.open(W.LOOP, BlockType.EMPTY);
      e.labels.push(n);
    }
    if (this.isPeeled(n)) this.around.set(n, e.flags);
    else if (n.loop || n.merge) e.flags = this.raw.has(n.node) ? 0 : UNKNOWN;
    for (const m of [...merges].reverse()) {
      e.code.open(W.BLOCK, BlockType.EMPTY);
      e.labels.push(m);
    }
    this.node(n);
    for (const m of merges) {
      e.labels.pop();
      e.code.end();
      this.tree(m);
    }
    if (n.loop) {
      e.labels.pop();
      e.code.end();
    }
  }

  /** True for a loop of one node whose first time around is a node before it: only that one leads to it. */
  private isPeeled(n: FlowNode): boolean {
    return n.loop && !n.merge && n.idom !== n && n.idom.node.eip === n.node.eip;
  }

  /** The instructions of a node and its branch. */
  private node(n: FlowNode): void {
    const { e } = this;
    const insns = n.node.insns;
    const last = insns[insns.length - 1];
    const branches = n.node.end.kind !== "goto" || last?.op === Op.JMP;
    e.count = insns.length;
    const least = leastStage(
      insns.map(({ eip }) => eip),
      this.options.stages,
    );
    insns.forEach((insn, index) => {
      e.insn = insn;
      e.index = index;
      e.following = insns[index + 1];
      e.stage = Math.max(this.options.stages(insn.eip), least);
      if (index === insns.length - 1 && branches) this.branch(n, insn);
      else this.instruction(insn);
    });
    if (!branches && n.node.end.kind === "goto") this.edge(n, n.node.end.target);
  }

  private instruction(insn: Insn): void {
    if (insn.op === Op.JMP) return; // to what follows in the node
    const interpreted = insn.watched || this.options.stages(insn.eip) === Stage.INTERPRET;
    if (interpreted || !LOWERINGS[insn.op](this.e, insn)) this.e.interpret();
    else if ((insn.flags & RecFlag.INLINE) !== 0) countInline(this.e);
  }

  /** Takes the instructions of `node` from the budget; leaves the region in front of it if they are not covered. */
  private takeBudget(node: Node): void {
    const { e } = this;
    const c = e.code;
    const count = node.insns.length;
    c.i32(e.cells.goto(node.eip, count));
    c.get(Local.LEFT);
    c.i32(count);
    c.op(W.I32_SUB);
    c.tee(Local.LEFT);
    c.i32(0);
    c.op(W.I32_LT_S);
    e.missIf();
  }

  /** Goes from `n` to `target`: inside the region, or out of it. */
  private edge(n: FlowNode, target: number): void {
    const { e } = this;
    if (!this.flow.follows(n, target)) {
      e.exitTo(target >>> 0, 0);
      return;
    }
    const to = this.flow.nodes.get(target) as FlowNode;
    const labelled = to.merge || to.loop;
    const known = e.flags;
    const peeled = this.isPeeled(to);
    const back = to.order <= n.order && dominates(to, n);
    if (peeled && back && this.around.get(to) !== known) {
      // Cannot be: a node leaves the flags in one way, or as they were.
      e.exitTo(to.node.eip, 0);
      return;
    }
    if (labelled && !peeled && this.raw.has(to.node)) toRaw(e);
    this.takeBudget(to.node);
    if (back || to.merge) e.code.br(e.depth(to));
    else {
      const { insn, index, count, stage } = e;
      this.tree(to);
      e.stage = stage;
      e.insn = insn;
      e.index = index;
      e.count = count;
    }
    e.flags = known;
  }

  /** The last instruction of a node. */
  private branch(n: FlowNode, insn: Insn): void {
    const { e } = this;
    const c = e.code;
    const end = n.node.end;
    if (end.kind === "system" && flushes(insn) && e.stage !== Stage.INTERPRET) {
      this.flush(n, insn, end.next);
      return;
    }
    if (this.interpretsEnd(n.node)) {
      this.interpretedBranch(n);
      return;
    }
    switch (end.kind) {
      case "goto":
        this.edge(n, end.target);
        return;
      case "branch":
        pushBranchCondition(e, insn);
        c.open(W.IF, BlockType.EMPTY);
        e.labels.push("if");
        this.edge(n, end.taken);
        e.labels.pop();
        c.end();
        this.edge(n, end.fall);
        return;
      case "call":
        c.i32(end.site);
        c.set(Local.T1);
        pushT1(e);
        this.edge(n, end.target);
        return;
      case "return":
        popT1(e, insn.form === Form.IMM ? insn.imm & 0xffff : 0);
        dispatch(e, Local.T1, this.successors(n), (site) => this.edge(n, site));
        e.exitDynamic(Local.T1, false);
        return;
      case "indirect":
        e.readRm(insn);
        c.set(Local.T2);
        if (end.site !== undefined) {
          c.i32(end.site);
          c.set(Local.T1);
          pushT1(e);
        }
        dispatch(e, Local.T2, this.successors(n), (target) => this.edge(n, target));
        e.exitDynamic(Local.T2, true);
        return;
      default:
    }
  }

  /** INVLPG or MOV CR3 at the end of a node, by a call that leaves the registers in their locals. */
  private flush(n: FlowNode, insn: Insn, next: number): void {
    const { e } = this;
    const c = e.code;
    e.beginMiss();
    if (insn.op === Op.INVLPG) {
      e.address(insn);
      e.addBase(insn.seg);
      c.call(Import.FLUSH_PAGE);
    } else {
      e.readReg(insn.rm, 4);
      c.call(Import.LOAD_CR3);
    }
    c.op(W.I32_EQZ);
    e.missIf();
    e.loadState(Cpu.CONTEXT);
    c.set(Local.CONTEXT);
    if (this.flow.follows(n, next)) {
      this.checkPages(this.pagesFrom(this.flow.nodes.get(next) as FlowNode), () => e.exitTo(next, 0));
    }
    this.edge(n, next);
  }

  /**
   * The last instruction of a node, interpreted. The region goes on where it led to if that is known and nothing unusual is the case: no
   * event is due, the mode is still the region's, and the code may be executed at the privilege there is now.
   */
  private interpretedBranch(n: FlowNode): void {
    const { e } = this;
    const c = e.code;
    const end = n.node.end;
    const targets = this.successors(n);
    e.callInterpreter();
    const transfers = end.kind === "system" && end.targets[0] !== end.next;
    const cell = e.cells.dynamic(CellKind.SYSTEM, e.insn.eip, transfers);
    if (targets.length > 0) {
      e.loadState(Cpu.ATTENTION);
      e.loadState(Cpu.MODE);
      c.i32(this.region.mode);
      c.op(W.I32_XOR, W.I32_OR);
      c.open(W.IF, BlockType.EMPTY);
      this.returnCell(cell);
      c.end();
      e.loadRegisters();
      e.loadFlags();
      e.loadState(Cpu.CONTEXT);
      c.set(Local.CONTEXT);
      e.loadState(Cpu.EIP);
      c.set(Local.T1);
      dispatch(e, Local.T1, targets, (target) => {
        this.checkPages(this.pagesFrom(this.flow.nodes.get(target) as FlowNode), () => this.returnCell(cell));
        this.edge(n, target);
      });
    }
    this.returnCell(cell);
  }

  /** Returns a cell with the state complete. */
  private returnCell(cell: number): void {
    this.e.code.i32(cell);
    this.e.code.op(W.RETURN);
  }
}

/** Instructions from which on a region is taken to use all registers, as it likely does. */
const ALL_REGISTERS = 300;
const EVERY = { used: new Set([0, 1, 2, 3, 4, 5, 6, 7]), modified: new Set([0, 1, 2, 3, 4, 5, 6, 7]) };

/** The registers a region uses and changes, found by emitting it once. */
function findRegisters(region: Region, options: RegionOptions): { used: Set<number>; modified: Set<number> } {
  const none = new Set<number>();
  return new RegionEmitter(region, { ...options, cells: NO_CELLS }, none, none).emit();
}

/** The WebAssembly module of a region; its export `f` is the function. */
export function emitRegion(region: Region, options: RegionOptions): Uint8Array {
  const shaped = reshape(region);
  const { used, modified } = shaped.size > ALL_REGISTERS ? EVERY : findRegisters(shaped, options);
  const e = new RegionEmitter(shaped, options, used, modified).emit();
  const i32 = [ValueType.I32];
  const module: FunctionModule = {
    memory: ["env", "memory"],
    imports: IMPORTS,
    type: { params: [], results: i32 },
    locals: [
      [I32_LOCALS, ValueType.I32],
      [I64_LOCALS, ValueType.I64],
    ],
    body: e.code.take(),
  };
  return encodeModule(module);
}
