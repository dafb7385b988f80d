/**
 * What representative regions become, as text that people review. When the translator is meant to produce something else:
 * VMEXIT_UPDATE=1 writes the files anew, and the change is read as a diff.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { regionLines } from "../../../src/cli/region-text.js";
import { loadDisassembler } from "../../../src/trace/disassembler.js";
import { type Assembler, R } from "../lockstep/assembler.js";
import { DATA } from "../lockstep/kernel.js";
import { type Snippet, translateSnippet } from "../snippet.js";

function again(a: Assembler, condition?: number): void {
  if (condition === undefined) a.jmp("top");
  else a.jcc(condition, "top");
}

/** A loop for ever around `body`. */
function forever(body: Snippet): Snippet {
  return (a) => {
    a.label("top");
    body(a);
    again(a);
  };
}

const REGIONS: Record<string, Snippet> = {
  "counted-loop": (a) => {
    a.label("top");
    a.sized(0x00, 4, R.ECX, R.EAX);
    a.raw(0x49); // dec ecx
    again(a, 5);
    again(a);
  },
  "memory-copy-loop": forever((a) => {
    a.sized(0x8a, 4, R.EAX, { base: R.ESI, disp: 0 });
    a.sized(0x88, 4, R.EAX, { base: R.EDI, disp: 0x10 });
  }),
  "compare-and-branch": forever((a) => {
    a.aluImmediate(7, 4, R.EAX, 100);
    a.jcc(12, "less");
    a.raw(0x43); // inc ebx
    a.label("less");
    a.raw(0x40); // inc eax
  }),
  "call-and-return": (a) => {
    a.label("top");
    a.call("f");
    again(a);
    a.label("f");
    a.raw(0x40, 0xc3);
  },
  "adc-chain": forever((a) => {
    a.sized(0x00, 4, R.EAX, R.EBX);
    a.sized(0x10, 4, R.ECX, R.EDX);
  }),
  "byte-registers": forever((a) => {
    a.sized(0x00, 1, 4, 0); // add al, ah
    a.sized(0x28, 1, 3, 1); // sub cl, bl
  }),
  "sixteen-bit": forever((a) => {
    a.sized(0x00, 2, R.EAX, R.EBX);
    a.sized(0x8a, 2, R.ECX, { disp: DATA });
  }),
  "indirect-jump": forever((a) => {
    a.movLabel(R.EAX, "next");
    a.raw(0xff, 0xe0);
    a.label("next");
  }),
  "interpreted-instruction": forever((a) => {
    a.raw(0x9f); // lahf
    a.raw(0x40);
  }),
  divide: forever((a) => {
    a.sized(0x30, 4, R.EDX, R.EDX);
    a.raw(0xf7, 0xf3);
    a.raw(0x43);
  }),
  "shift-by-cl": forever((a) => {
    a.raw(0xd3, 0xe0);
    a.jcc(2, "top");
  }),
  "push-pop-leave": forever((a) => {
    a.raw(0x55, 0x89, 0xe5); // push ebp; mov ebp, esp
    a.raw(0x83, 0xec, 16);
    a.raw(0xc9); // leave
  }),
};

const update = process.env.VMEXIT_UPDATE === "1";

test.each(Object.entries(REGIONS))("%s", async (name, snippet) => {
  const { made, read } = translateSnippet(snippet);
  const text = `${regionLines(made, read, await loadDisassembler()).join("\n")}\n`;
  const file = new URL(`${name}.txt`, import.meta.url);
  if (update) writeFileSync(file, text);
  expect(existsSync(file)).toBe(true);
  expect(text).toBe(readFileSync(file, "utf8"));
});
