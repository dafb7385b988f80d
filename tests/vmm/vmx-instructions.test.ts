/**
 * A guest that uses VMX: its processor has none, so each instruction is #UD, whichever way the monitor hears of it. The monitors' own
 * machine has non-root operation, where the instructions exit.
 */
import { describe, expect, test } from "vitest";
import { ShapeFlag } from "../../assembly/abi/shape.js";
import { createMachine } from "../../src/index.js";
import { INSTRUCTIONS } from "../../src/isa/table/index.js";
import { encode } from "../agreement/encode.js";
import { formsOf } from "../../src/isa/dsl.js";
import { WAYS } from "./ways.js";

const ROWS = INSTRUCTIONS.filter((row) => row.privilege === "vmx");
const AT = 0x10_0000;
/** Where the IDT's pointer and its one gate are, for #UD: a handler that halts. */
const TABLE = AT + 0x1000;
const HANDLER = AT + 0x800;

/** LIDT [TABLE], the instruction. The gate is for code segment `cs`. */
function image(code: Uint8Array, cs: number): Uint8Array {
  const bytes = new Uint8Array(0x1100);
  const view = new DataView(bytes.buffer);
  bytes.set([0xbb, 0, 0, 0, 0, 0x0f, 0x01, 0x1d, 0, 0, 0, 0, ...code, 0xeb, 0xfe]);
  view.setUint32(1, AT + 0x900, true);
  view.setUint32(8, TABLE, true);
  bytes.set([0x0f, 0x0b], 0x40);
  bytes[HANDLER - AT] = 0xf4;
  view.setUint16(TABLE - AT, 7 * 8 - 1, true);
  view.setUint32(TABLE - AT + 2, TABLE + 16, true);
  view.setUint32(TABLE - AT + 16 + 48, (cs << 16) | (HANDLER & 0xffff), true);
  view.setUint32(TABLE - AT + 16 + 52, (HANDLER & 0xffff0000) | 0x8e00, true);
  return bytes;
}

function run(code: Uint8Array, way: object) {
  const config = { format: "flat", address: AT, mode: "protected", memoryBytes: 4 << 20 } as const;
  const cs = createMachine({ image: image(code, 0), ...config }).registers().cs;
  const machine = createMachine({ image: image(code, cs), ...config, ...way });
  const { exit } = machine.run({ maxInstructions: 1000 });
  const vmm = machine.statistics().vmm;
  const { undefinedOpcodes } = machine.statistics();
  return { exit, eip: machine.registers().eip, undefinedOpcodes, exits: vmm?.exits.map(({ cause }) => cause) ?? [] };
}

describe.each(Object.entries(WAYS))("%s", (_name, way) => {
  test.each(ROWS.map((row) => [row.mnemonic, row] as const))("%s is #UD", (mnemonic, row) => {
    const code = encode(formsOf(row)[0]!, 32, (row.flags & ShapeFlag.REGISTER_ONLY) === 0);
    const bare = run(code, { isa: way.isa === "strict" ? "ia32" : "umip" });
    expect(bare).toMatchObject({ exit: { kind: "halted" }, eip: HANDLER + 1 });
    expect(bare.undefinedOpcodes).toHaveLength(1);
    const { exits, ...guest } = run(code, way);
    expect({ ...guest, exits: [] }).toEqual(bare);
    if (way.vmm === "vt") expect(exits).toContain(mnemonic);
  });
});
