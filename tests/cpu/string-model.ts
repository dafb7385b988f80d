/**
 * String instructions one element at a time, after the operation sections of SDM 2A/2B. For comparison only.
 */

/** What a string instruction needs and changes. */
export interface StringState {
  eax: number;
  ecx: number;
  esi: number;
  edi: number;
  zf: boolean;
}

/** One string instruction. */
export interface StringInstruction {
  name: "movs" | "cmps" | "stos" | "lods" | "scas";
  size: 1 | 2 | 4;
  repeat: "" | "rep" | "repne";
  down: boolean;
}

/** Memory by linear address. */
export interface ByteMemory {
  get(address: number): number;
  set(address: number, value: number): void;
}

function load(memory: ByteMemory, at: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value += memory.get(at + i) * 2 ** (8 * i);
  return value;
}

function store(memory: ByteMemory, at: number, value: number, size: number): void {
  for (let i = 0; i < size; i++) memory.set(at + i, Math.floor(value / 2 ** (8 * i)) % 256);
}

/** Executes `insn` to its end. */
export function modelString(insn: StringInstruction, state: StringState, memory: ByteMemory): void {
  const { name, size } = insn;
  const step = insn.down ? -size : size;
  const low = 2 ** (8 * size);
  while (insn.repeat === "" || state.ecx !== 0) {
    const accumulator = state.eax % low;
    if (name === "movs") store(memory, state.edi, load(memory, state.esi, size), size);
    else if (name === "stos") store(memory, state.edi, accumulator, size);
    else if (name === "lods") state.eax = state.eax - accumulator + load(memory, state.esi, size);
    else if (name === "scas") state.zf = accumulator === load(memory, state.edi, size);
    else state.zf = load(memory, state.esi, size) === load(memory, state.edi, size);
    if (name === "movs" || name === "lods" || name === "cmps") state.esi += step;
    if (name !== "lods") state.edi += step;
    if (insn.repeat === "") return;
    state.ecx--;
    if ((name === "cmps" || name === "scas") && state.zf !== (insn.repeat === "rep")) return;
  }
}
