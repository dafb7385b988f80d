/**
 * Adaptive translation: a store that keeps hitting a page table becomes a call-out, goes back to being a store once it no longer does, and needs
 * more faults to become one again. The guest never notices.
 */
import { expect, test } from "vitest";
import { createMachine, type Machine, type MachineConfig } from "../../src/index.js";
import { FAULTS_TO_CONVICT, QUIET_TO_ACQUIT } from "../../src/vmm/translation/adaptation.js";
import { ENGINES } from "./ways.js";

const DIRECTORY = 0x200000;
const TABLE = 0x201000;
/** Entry of TABLE for a page that nothing else uses. */
const ENTRY = TABLE + 4 * 0x3f0;
/** A word that is no page table's. */
const DATA = 0x300000;

const u32 = (value: number) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];

/** The one store: `times` times through EDI, with INVLPG and a read of the page it may map behind each. */
function stores(at: number, times: number): number[] {
  return [0xbf, ...u32(at), 0xb9, ...u32(times), 0xff, 0xd3]; // mov edi, at; mov ecx, times; call ebx
}

/** Paging on, the first 4 MB mapped as they are, then the calls; the store lies at 0x108000. */
function image(calls: readonly number[][]): Uint8Array {
  const code = [
    0xbf,
    ...u32(DIRECTORY),
    0xc7,
    0x07,
    ...u32(TABLE | 7), // directory entry 0
    0xbf,
    ...u32(TABLE),
    0xb8,
    ...u32(7),
    0xb9,
    ...u32(1024), // 1,024 entries
    0xab,
    0x05,
    ...u32(0x1000),
    0xe2,
    0xf8, // stosd; add eax, 1000h; loop
    0xb8,
    ...u32(DIRECTORY),
    0x0f,
    0x22,
    0xd8, // mov cr3
    0x0f,
    0x20,
    0xc0,
    0x0d,
    ...u32(0x80000000),
    0x0f,
    0x22,
    0xc0, // paging on
    0xbb,
    ...u32(0x108000),
    ...calls.flat(),
    0xfa,
    0xf4, // cli; hlt
  ];
  // mov eax, 3F0007h; mov [edi], eax; invlpg [3F0000h]; mov eax, [3F0000h]; loop; ret
  const store = [
    0xb8,
    ...u32(0x3f0007),
    0x89,
    0x07,
    0x0f,
    0x01,
    0x3d,
    ...u32(0x3f0000),
    0xa1,
    ...u32(0x3f0000),
    0xe2,
    0xeb,
    0xc3,
  ];
  const bytes = new Uint8Array(0x8000 + store.length);
  bytes.set(code);
  bytes.set(store, 0x8000);
  return bytes;
}

function run(calls: readonly number[][], config: Partial<MachineConfig>): Machine {
  const machine = createMachine({
    image: image(calls),
    format: "flat",
    address: 0x100000,
    memoryBytes: 8 << 20,
    ...config,
  });
  expect(machine.run({ maxInstructions: 100_000 }).exit.kind).toBe("halted");
  return machine;
}

const CONVICTED = "stores retranslated to call-outs";
const ACQUITTED = "call-outs taken back";
const TABLE_STORES = 20;

test.each(ENGINES)("conviction, acquittal, and a second conviction that takes twice the faults; %s", (engine) => {
  const seen = (calls: number[][]) => {
    const machine = run(calls, { vmm: "bt", isa: "ia32", engine });
    expect(machine.stateHash()).toBe(run(calls, { isa: "ia32", engine }).stateHash());
    const { exits, memory } = machine.statistics().vmm!;
    const calledOut = exits.find(({ cause }) => cause === "page-table store")?.count ?? 0;
    // Filling the table is done before paging, by another instruction.
    return { trace: memory.trace, calledOut, convicted: memory[CONVICTED], acquitted: memory[ACQUITTED] };
  };
  const few = FAULTS_TO_CONVICT - 1;
  expect(seen([stores(ENTRY, few)])).toEqual({ trace: few, calledOut: 0, convicted: 0, acquitted: 0 });
  const first = { trace: FAULTS_TO_CONVICT, calledOut: TABLE_STORES - FAULTS_TO_CONVICT };
  expect(seen([stores(ENTRY, TABLE_STORES)])).toEqual({ ...first, convicted: 1, acquitted: 0 });
  const quiet = stores(DATA, QUIET_TO_ACQUIT + 50);
  const taken = { trace: first.trace, calledOut: first.calledOut + QUIET_TO_ACQUIT };
  expect(seen([stores(ENTRY, TABLE_STORES), quiet])).toEqual({ ...taken, convicted: 1, acquitted: 1 });
  const again = 2 * FAULTS_TO_CONVICT;
  expect(seen([stores(ENTRY, TABLE_STORES), quiet, stores(ENTRY, TABLE_STORES)])).toEqual({
    trace: taken.trace + again,
    calledOut: taken.calledOut + TABLE_STORES - again,
    convicted: 2,
    acquitted: 1,
  });
});
