/**
 * A translated region as text: sizes, its control-flow graph with the disassembly of every node, and the WebAssembly it became.
 */
import { Cpu, Mode } from "../../assembly/abi/cpu.js";
import { Layout, Tlb } from "../../assembly/abi/layout.js";
import { RecFlag } from "../../assembly/abi/record.js";
import type { Node, Terminator } from "../translator/discover.js";
import { Local } from "../translator/emitter.js";
import type { Insn } from "../translator/insn.js";
import type { MadeRegion } from "../translator/translator.js";
import type { Disassembler } from "../trace/disassembler.js";
import { hexDigits } from "../trace/text-trace.js";
import { functionText, readFunction } from "../wasm/text.js";

/** Names of the general registers, which are locals 0 to 7 of a region. */
const REGISTERS = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

/** Names of a region's locals by number. */
const LOCALS = new Map<number, string>([
  ...REGISTERS.map((name, i) => [i, name] as const),
  ...Object.entries(Local).map(([name, i]) => [i, lower(name)] as const),
]);

/** Name of a field of the CPU state or the TLB by its offset in memory. */
function offsetName(offset: number): string | undefined {
  const field = offset - Layout.CPU;
  if (field >= 0 && field < Cpu.ZERO) return `cpu.${REGISTERS[field >> 2]}`;
  if (field >= 0 && field < Cpu.SIZE && Cpu[field] !== undefined) return `cpu.${lower(Cpu[field])}`;
  const part = offset - Layout.TLB;
  if (part >= 0 && part < Tlb.SIZE) return `tlb.${lower(Tlb[part] as string)}`;
  return undefined;
}

/** Cells and records, which lie in the block pool, relative to it. */
function constantName(value: number): string | undefined {
  const at = value - Layout.BLOCK_POOL;
  return at >= 0 && value < Layout.RAM ? `pool+${at}` : undefined;
}

function lower(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}

/** Bytes of guest memory at a linear address, `undefined` where there is none. */
export type ReadCode = (address: number, length: number) => Uint8Array | undefined;

function address(value: number): string {
  return hexDigits(value, 8);
}

/** Where control goes from a node, in words. Targets outside the region are marked by `exit`. */
function terminatorText(end: Terminator, nodes: ReadonlyMap<number, Node>): string {
  const to = (target: number) => (nodes.has(target) ? address(target) : `exit ${address(target)}`);
  switch (end.kind) {
    case "goto":
      return `to ${to(end.target)}`;
    case "branch":
      return `taken to ${to(end.taken)}, else to ${to(end.fall)}`;
    case "call":
      return `calls ${to(end.target)}, returns to ${to(end.site)}`;
    case "return":
      return end.sites.length === 0 ? "returns out of the region" : `returns to ${end.sites.map(to).join(", ")} or out`;
    case "indirect":
      return `to ${addressesText(end.targets, to)}`;
    case "call-out":
      return "calls the monitor";
    case "system":
      return `interpreted, then to ${addressesText(end.targets, to)}`;
  }
}

/** The addresses a branch has been seen to lead to, and any other one. */
function addressesText(targets: readonly number[], to: (target: number) => string): string {
  return [...targets.map(to), "an address known at run time"].join(", ");
}

/** What became of an instruction in translated code. */
function treatment({ flags }: Insn): string {
  if ((flags & RecFlag.CALL_OUT) !== 0) return "call-out";
  return (flags & RecFlag.INLINE) !== 0 ? "inline" : "ident";
}

/** How many instructions became what. */
function treatmentSummary({ nodes }: MadeRegion["region"]): string {
  const all = [...nodes.values()].flatMap(({ insns }) => insns.map(treatment));
  return ["ident", "inline", "call-out"].map((word) => `${all.filter((w) => w === word).length} ${word}`).join(", ");
}

/** One line with the sizes of a region. */
export function regionSummary({ region, wasm }: MadeRegion): string {
  const code = [...region.nodes.values()].flatMap((n) => n.insns).reduce((sum, i) => sum + i.length, 0);
  const { body, bytes } = readFunction(wasm);
  const treated = (region.mode & Mode.TRANSLATED) === 0 ? "" : `; ${treatmentSummary(region)}`;
  return (
    `region ${address(region.entry)}: ${region.nodes.size} nodes, ${region.size} instructions, ${code} bytes of x86, ` +
    `${region.pages.size} pages; ${body.length} WebAssembly instructions, ${bytes} bytes of code, ${wasm.length} of module${treated}`
  );
}

/** The nodes in order of address, each with its instructions and where it goes. */
export function nodeLines({ region }: MadeRegion, read: ReadCode, disassembler: Disassembler): string[] {
  const lines: string[] = [];
  const sorted = [...region.nodes.values()].sort((a, b) => a.eip - b.eip);
  for (const node of sorted) {
    lines.push(`node ${address(node.eip)}: ${terminatorText(node.end, region.nodes)}`);
    for (const insn of node.insns) {
      const bytes = read(insn.eip, insn.length);
      const shown = bytes === undefined ? "" : [...bytes].map((b) => hexDigits(b, 2)).join(" ");
      const text = bytes === undefined ? "(not mapped now)" : disassembler.disassemble(bytes, insn.eip, true).text;
      const treated = (region.mode & Mode.TRANSLATED) === 0 ? "" : treatment(insn).padEnd(10);
      lines.push(`  ${address(insn.eip)}  ${treated}${shown.padEnd(24)} ${text}`);
    }
  }
  return lines;
}

/** The WebAssembly function of a region. */
export function wasmLines({ wasm }: MadeRegion): string[] {
  return functionText(wasm, { local: (index) => LOCALS.get(index), offset: offsetName, constant: constantName });
}

/** Everything about a region. */
export function regionLines(made: MadeRegion, read: ReadCode, disassembler: Disassembler): string[] {
  return [regionSummary(made), "", ...nodeLines(made, read, disassembler), "", ...wasmLines(made)];
}
