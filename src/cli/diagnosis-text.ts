/**
 * The diagnosis of a run under trap-and-emulate, as lines for people.
 */
import { grouped } from "../report/numbers.js";
import { loadDisassembler } from "../trace/disassembler.js";
import type { Diagnosis, Slipped } from "../vmm/diagnosis/diagnosis.js";

const hex = (address: number): string => address.toString(16).padStart(8, "0");

/** The lines: each instruction that slipped through, then the first one that mattered. */
export async function diagnosisLines({ slipped, first, more }: Diagnosis): Promise<string[]> {
  if (slipped.length === 0) return ["diagnosis: no sensitive instruction was executed outside ring 0 without trapping"];
  const disassembler = await loadDisassembler();
  const text = ({ bytes, address, code32 }: Slipped) =>
    disassembler.disassemble(Buffer.from(bytes, "hex"), address, code32).text;
  const seen = (row: Slipped) =>
    row.differences.map(({ what, saw, should }) => `${what} ${saw}, bare ${should}`).join("; ");
  const lines = ["diagnosis: sensitive instructions that were executed outside ring 0 without trapping"];
  for (const row of slipped) {
    const ring = row.kernel ? "kernel" : "user";
    const outcome = row.wrong === 0 ? "as on the bare machine" : `${grouped(row.wrong)} wrong: ${seen(row)}`;
    lines.push(
      `  ${hex(row.address)}  ${text(row).padEnd(32)} ${ring.padEnd(6)} ${grouped(row.count)} times, ${outcome}`,
    );
  }
  if (more > 0) lines.push(`  and ${grouped(more)} at other addresses`);
  lines.push(
    first === undefined
      ? "none of them showed the guest anything but the bare machine"
      : `the guest's state is not the bare machine's from tick ${grouped(first.since!)} on: ${text(first)} at ${hex(first.address)} (${seen(first)})`,
  );
  return lines;
}
