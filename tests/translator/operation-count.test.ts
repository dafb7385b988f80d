/**
 * How many WebAssembly instructions a guest instruction costs inside a region: the difference that ten copies of it make. The reviewed
 * numbers are in operation-count.json; VMEXIT_UPDATE=1 writes them anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readFunction } from "../../src/wasm/text.js";
import { R } from "./lockstep/assembler.js";
import { DATA } from "./lockstep/kernel.js";
import { type Snippet, translateSnippet } from "./snippet.js";

const COPIES = 10;
const mem = { base: R.ESI, disp: 4 };

const INSTRUCTIONS: Record<string, Snippet> = {
  "mov eax, ecx": (a) => a.sized(0x88, 4, R.ECX, R.EAX),
  "mov eax, imm": (a) => a.movRegister(R.EAX, 5),
  "mov al, cl": (a) => a.sized(0x88, 1, R.ECX, R.EAX),
  "mov eax, [esi+4]": (a) => a.sized(0x8a, 4, R.EAX, mem),
  "mov [esi+4], eax": (a) => a.sized(0x88, 4, R.EAX, mem),
  "mov eax, [disp]": (a) => a.sized(0x8a, 4, R.EAX, { disp: DATA }),
  "movzx eax, byte [esi+4]": (a) => a.twoByte(0xb6, 4, R.EAX, mem),
  "lea eax, [ebx+ecx*4+8]": (a) => {
    a.raw(0x8d);
    a.modrm(R.EAX, { base: R.EBX, index: R.ECX, scale: 2, disp: 8 });
  },
  "mov eax, cr2": (a) => a.raw(0x0f, 0x20, 0xd0),
  cli: (a) => a.raw(0xfa),
  pushfd: (a) => a.raw(0x9c),
  "add eax, ecx": (a) => a.sized(0x00, 4, R.ECX, R.EAX),
  "add al, cl": (a) => a.sized(0x00, 1, R.ECX, R.EAX),
  "add eax, [esi+4]": (a) => a.sized(0x02, 4, R.EAX, mem),
  "add [esi+4], eax": (a) => a.sized(0x00, 4, R.EAX, mem),
  "adc eax, ecx": (a) => a.sized(0x10, 4, R.ECX, R.EAX),
  "xor eax, ecx": (a) => a.sized(0x30, 4, R.ECX, R.EAX),
  "cmp eax, ecx": (a) => a.sized(0x38, 4, R.ECX, R.EAX),
  "test eax, eax": (a) => a.sized(0x84, 4, R.EAX, R.EAX),
  "inc eax": (a) => a.raw(0x40),
  "neg eax": (a) => a.raw(0xf7, 0xd8),
  "shl eax, 3": (a) => a.raw(0xc1, 0xe0, 3),
  "shr eax, cl": (a) => a.raw(0xd3, 0xe8),
  "rol eax, 5": (a) => a.raw(0xc1, 0xc0, 5),
  "imul eax, ecx": (a) => a.twoByte(0xaf, 4, R.EAX, R.ECX),
  "mul ecx": (a) => a.raw(0xf7, 0xe1),
  "div ebx": (a) => a.raw(0xf7, 0xf3),
  "setb al": (a) => a.twoByte(0x92, 4, 0, R.EAX),
  "cmovz eax, ecx": (a) => a.twoByte(0x44, 4, R.EAX, R.ECX),
  "push eax": (a) => a.raw(0x50),
  "pop eax": (a) => a.raw(0x58),
  cdq: (a) => a.raw(0x99),
  "bswap eax": (a) => a.raw(0x0f, 0xc8),
  "lahf (interpreted)": (a) => a.raw(0x9f),
};

/** WebAssembly instructions of a loop around `copies` of an instruction. */
function operations(snippet: Snippet, copies: number): number {
  const { made } = translateSnippet((a) => {
    a.label("top");
    for (let n = copies; n > 0; n--) snippet(a);
    a.jmp("top");
  });
  return readFunction(made.wasm).body.length;
}

test("WebAssembly instructions for each guest instruction", () => {
  const counts = Object.fromEntries(
    Object.entries(INSTRUCTIONS).map(([name, snippet]) => {
      const more = operations(snippet, 2 * COPIES) - operations(snippet, COPIES);
      return [name, Math.round((more / COPIES) * 10) / 10];
    }),
  );
  const file = new URL("operation-count.json", import.meta.url);
  if (process.env.VMEXIT_UPDATE === "1") writeFileSync(file, `${JSON.stringify(counts, null, 2)}\n`);
  expect(counts).toEqual(JSON.parse(readFileSync(file, "utf8")));
});
