/** The text of WebAssembly: every instruction the encoder knows, in a module the engine accepts, reads back as it was written. */
import { expect, test } from "vitest";
import { Code } from "../../src/wasm/code.js";
import { encodeModule } from "../../src/wasm/module.js";
import { BlockType, ValueType, W } from "../../src/wasm/opcodes.js";
import { functionText, opcodeName, readFunction } from "../../src/wasm/text.js";

/** Opcodes that are more than the bare byte, each written once; the engine does not judge this body. */
const WITH_IMMEDIATES: Partial<Record<W, [write: (c: Code) => void, operands: string[]]>> = {
  [W.BLOCK]: [(c) => c.open(W.BLOCK, BlockType.I32), ["(result i32)"]],
  [W.LOOP]: [(c) => c.open(W.LOOP, BlockType.EMPTY), []],
  [W.IF]: [(c) => c.open(W.IF, BlockType.EMPTY), []],
  [W.BR]: [(c) => c.br(3), ["3"]],
  [W.BR_IF]: [(c) => c.brIf(200), ["200"]],
  [W.BR_TABLE]: [(c) => c.append([W.BR_TABLE, 2, 0, 1, 5]), ["0", "1", "5"]],
  [W.CALL]: [(c) => c.call(0), ["$helper"]],
  [W.LOCAL_GET]: [(c) => c.get(1), ["$ecx"]],
  [W.LOCAL_SET]: [(c) => c.set(300), ["300"]],
  [W.LOCAL_TEE]: [(c) => c.tee(1), ["$ecx"]],
  [W.I32_CONST]: [(c) => c.i32(-123456), ["-123456"]],
  [W.I64_CONST]: [(c) => c.append([W.I64_CONST, 0x80, 0x7f]), ["-128"]],
};

const ALL = Object.values(W).filter((v): v is W => typeof v === "number");

function moduleOf(body: Code): Uint8Array {
  return encodeModule({
    memory: ["env", "memory"],
    imports: [{ module: "m", name: "helper", type: { params: [], results: [] } }],
    type: { params: [], results: [ValueType.I32] },
    locals: [
      [3, ValueType.I32],
      [1, ValueType.I64],
    ],
    body: body.take(),
  });
}

test("every opcode reads back", () => {
  const body = new Code();
  const expected: { name: string; operands: string[] }[] = [];
  for (const op of ALL) {
    const special = WITH_IMMEDIATES[op];
    const memory = op >= W.I32_LOAD && op <= 0x3e;
    if (special !== undefined) special[0](body);
    else if (memory) body.memory(op, 70_000);
    else body.op(op);
    expected.push({ name: opcodeName(op), operands: special?.[1] ?? (memory ? ["offset=70000"] : []) });
  }
  const read = readFunction(moduleOf(body), { local: (i) => (i === 1 ? "ecx" : undefined) });
  expect(read.body).toEqual(expected);
  expect(read.imports).toEqual(["helper"]);
  expect(read.locals).toEqual([
    [3, "i32"],
    [1, "i64"],
  ]);
});

test("offsets and constants can have names", () => {
  const c = new Code();
  c.i32(-1);
  c.memory(W.I32_LOAD, 4096);
  c.end();
  const names = {
    offset: (n: number) => (n === 4096 ? "start" : undefined),
    constant: (n: number) => (n === 0xffffffff ? "ones" : undefined),
  };
  expect(functionText(moduleOf(c), names).slice(3, 5)).toEqual(["  i32.const ones", "  i32.load offset=start"]);
});

test("names are those of the specification", () => {
  expect(
    [W.I32_LOAD8_U, W.LOCAL_TEE, W.BR_IF, W.I64_EXTEND_I32_S, W.I32_WRAP_I64, W.I32_EXTEND8_S].map(opcodeName),
  ).toEqual(["i32.load8_u", "local.tee", "br_if", "i64.extend_i32_s", "i32.wrap_i64", "i32.extend8_s"]);
});

test("nesting is shown by indentation, and the engine accepts what is shown", () => {
  const c = new Code();
  c.open(W.BLOCK, BlockType.I32);
  c.get(0);
  c.open(W.IF, BlockType.EMPTY);
  c.call(0);
  c.op(W.ELSE, W.UNREACHABLE);
  c.end();
  c.i32(7);
  c.end();
  c.end();
  const bytes = moduleOf(c);
  expect(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)).toBe(true);
  expect(functionText(bytes)).toEqual([
    "(func (result i32)",
    "  (local i32 i32 i32)",
    "  (local i64)",
    "  block (result i32)",
    "    local.get 0",
    "    if",
    "      call $helper",
    "    else",
    "      unreachable",
    "    end",
    "    i32.const 7",
    "  end",
    ")",
  ]);
});

test("bytes that are no such module are refused", () => {
  expect(() => readFunction(new Uint8Array(8))).toThrow("no code section");
  const broken = new Code();
  broken.byte(0xff);
  expect(() => readFunction(moduleOf(broken))).toThrow(/unknown opcode 0xff at offset \d+/);
});
