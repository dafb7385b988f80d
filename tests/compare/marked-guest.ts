/** A guest of a few instructions in marked sections, in machine code: what each section does is known exactly. */
import type { ComparedGuest } from "../../src/index.js";

/** Operations of each section. */
export const OPERATIONS = 16;

const word = (value: number) => [value & 0xff, (value >>> 8) & 0xff];
const dword = (value: number) => [...word(value), ...word(value >>> 16)];
const selectPort = (port: number) => [0x66, 0xba, ...word(port)]; // mov dx, port
const outByte = (port: number, value: number) => [0xb0, value, ...selectPort(port), 0xee];
const mark = (count: number) => [0xb8, ...dword(count), ...selectPort(0x4fc), 0xef]; // mov eax, count; out dx, eax

/** The section `name`, which has `body` `OPERATIONS` times; `body` keeps ECX. */
function section(name: string, body: readonly number[]): number[] {
  const named = [...name].flatMap((character) => outByte(0x4f8, character.charCodeAt(0)));
  const loop = [0xb9, ...dword(OPERATIONS), ...body, 0x49, 0x75, -(body.length + 3) & 0xff]; // dec ecx; jnz
  return [...named, ...mark(OPERATIONS), ...(body.length === 0 ? [] : loop), ...mark(0)];
}

/** The bodies by section name. */
export const BODIES: Readonly<Record<string, readonly number[]>> = {
  nothing: [],
  "cli-sti": [0xfb, 0xfa], // sti; cli
  "pushf-popf": [0x9c, 0x9d],
  in: [0xe4, 0x80],
  cr0: [0x0f, 0x20, 0xc0, 0x0f, 0x22, 0xc0], // mov eax, cr0; mov cr0, eax
  cpuid: [0x51, 0x31, 0xc0, 0x0f, 0xa2, 0x59], // push ecx; xor eax, eax; cpuid; pop ecx
  nop: [0x90, 0x90],
};

/** The guest: interrupts masked, a stack, a letter on COM1, the sections, and its end. */
export function markedGuest(): ComparedGuest {
  const image = [
    ...outByte(0x21, 0xff),
    ...outByte(0xa1, 0xff),
    ...[0xbc, ...dword(0x180000), 0x50, 0x58], // mov esp; push eax; pop eax
    ...outByte(0x3f8, 0x21),
    ...Object.entries(BODIES).flatMap(([name, body]) => section(name, body)),
    ...[0xb0, 0x10, 0xe6, 0xf4],
  ];
  return {
    name: "marked",
    image: Uint8Array.from(image),
    format: "flat",
    address: 0x100000,
    mode: "protected",
    memoryBytes: 4 << 20,
  };
}
