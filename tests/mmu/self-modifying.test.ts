/**
 * Code that changes while it runs: the very next instruction sees it, whoever wrote it and by whichever address. Each program
 * runs in blocks and step by step.
 */
import { describe, expect, test } from "vitest";
import { Counter, SEG_USABLE } from "../../assembly/abi/cpu.js";
import { Core, type CoreHost } from "../../src/core/core.js";
import { NO_HOST } from "../cpu/flat-core.js";
import { CODE, CORES, type Engine, FRAMES, PagingMachine, SYSTEM_BITS, TABLES, TARGET } from "./paging-machine.js";

const STAY = [0xeb, 0xfe];
const ENGINES: Engine[] = ["run", "step"];
const SETUPS = Object.keys(CORES).flatMap((core) => ENGINES.map((engine) => ({ core, engine })));

/** The four bytes of a number. */
const dword = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
/** mov byte [address], value. */
const storeByte = (address: number, value: number) => [0xc6, 0x05, ...dword(address), value];
/** mov dword [address], value. */
const storeDword = (address: number, value: number) => [0xc7, 0x05, ...dword(address), ...dword(value)];

describe.each(SETUPS)("$core, $engine", ({ core, engine }) => {
  /** A machine whose pages from TARGET on are FRAMES.second and following. */
  function machineWithTarget(host: Partial<CoreHost> = {}): PagingMachine {
    const machine = new PagingMachine(CORES[core]!, { pae: false, pse: true }, host);
    const { pde, pte } = machine.entries(TARGET, TABLES.second);
    machine.setEntry(pde, BigInt(TABLES.second | SYSTEM_BITS));
    for (let page = 0; page < 16; page++) {
      machine.setEntry(pte + 4 * page, BigInt((FRAMES.second + 4096 * page) | SYSTEM_BITS));
    }
    return machine;
  }

  /** Runs code at CODE for some ticks. */
  function run(machine: PagingMachine, code: number[], ticks = 32): void {
    machine.code(CODE, ...code, ...STAY);
    machine.enter(false, CODE);
    machine.run(engine, ticks);
    expect(machine.vector).toBe(undefined);
  }

  test("a store into the next instruction", () => {
    const machine = machineWithTarget();
    // mov byte [imm of the next], 22; mov al, 11
    run(machine, [...storeByte(CODE + 8, 0x22), 0xb0, 0x11]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x22);
  });

  test("a store into the next instruction, after the block has run many times", () => {
    const machine = machineWithTarget();
    // mov ecx,50; l: mov al,0; add ebx,eax; inc byte [imm of mov al]; loop l
    const loop = CODE + 5;
    run(machine, [0xb9, ...dword(50), 0xb0, 0, 0x01, 0xc3, 0xfe, 0x05, ...dword(loop + 1), 0xe2, 0xf4], 300);
    expect(machine.core.cpu.ebx).toBe((49 * 50) / 2);
  });

  test("stores of every width that only touch the edge of an instruction", () => {
    for (const [width, offset, code] of [
      [1, 0, [0xc6, 0x05]],
      [2, -1, [0x66, 0xc7, 0x05]],
      [4, -3, [0xc7, 0x05]],
    ] as const) {
      const machine = machineWithTarget();
      const victim = CODE + 0x80;
      machine.code(victim, 0xb0, 0x11, 0xc3); // decoded by the first call
      const call = (from: number) => [0xe8, ...dword(victim - (CODE + from + 5))];
      const at = victim + 1 + offset;
      const value = Array.from({ length: width }, (_, i) =>
        at + i === victim + 1 ? 0x33 : at + i === victim ? 0xb0 : 0x90,
      );
      const store = [...code, ...dword(at), ...value];
      run(machine, [...call(0), ...store, ...call(5 + store.length)]);
      expect(machine.core.cpu.eax & 0xff).toBe(0x33);
    }
  });

  test("a read-modify-write and a push change code", () => {
    const machine = machineWithTarget();
    // lock xor byte [imm of the next], 33; mov al, 11
    run(machine, [0xf0, 0x80, 0x35, ...dword(CODE + 9), 0x33, 0xb0, 0x11]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x22);
    // mov esp, CODE + 16; push 909022B0; (at CODE + 12:) mov al, 11; nop; nop
    run(machine, [0xbc, ...dword(CODE + 16), 0x68, ...dword(0x909022b0), 0x90, 0x90, 0xb0, 0x11, 0x90, 0x90]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x22);
  });

  test("a store across the end of a page changes code on both sides", () => {
    const machine = machineWithTarget();
    const end = TARGET + 4096;
    machine.code(FRAMES.second + 4094, 0xb0, 0x11, 0xb4, 0x11, 0xc3);
    const call = (from: number) => [0xe8, ...dword(end - 2 - (CODE + from + 5))];
    const store = storeDword(end - 1, 0x9022b433 & 0xffffffff);
    machine.core.writeRam(FRAMES.second + 4098 + 1, Uint8Array.of(0xc3));
    run(machine, [...call(0), ...store, ...call(5 + store.length)]);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x2233);
  });

  test("code in another page, called before and after", () => {
    const machine = machineWithTarget();
    machine.code(FRAMES.second + 0x100, 0xb0, 0x11, 0xc3);
    const call = (from: number) => [0xe8, ...dword(TARGET + 0x100 - (CODE + from + 5))];
    const store = storeByte(TARGET + 0x101, 0x44);
    const again = [...call(0), 0x88, 0xc4, ...store, ...call(7 + store.length)];
    run(machine, again);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x1144);
  });

  test("code written through another linear address", () => {
    const machine = machineWithTarget();
    const alias = TARGET + 0x8000;
    machine.setEntry(machine.entries(alias, TABLES.second).pte, BigInt(FRAMES.second | SYSTEM_BITS));
    machine.code(FRAMES.second, 0xb0, 0x11, 0xc3);
    const call = (to: number, from: number) => [0xe8, ...dword(to - (CODE + from + 5))];
    const store = storeByte(alias + 1, 0x55);
    run(machine, [...call(TARGET, 0), ...store, ...call(TARGET, 5 + store.length)]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x55);
  });

  test("code that runs at two linear addresses, written through one", () => {
    const machine = machineWithTarget();
    const alias = TARGET + 0x8000;
    machine.setEntry(machine.entries(alias, TABLES.second).pte, BigInt(FRAMES.second | SYSTEM_BITS));
    machine.code(FRAMES.second, 0xb0, 0x11, 0xc3);
    const call = (to: number, from: number) => [0xe8, ...dword(to - (CODE + from + 5))];
    const store = storeByte(TARGET + 1, 0x66);
    const code = [...call(TARGET, 0), ...call(alias, 5), ...store, ...call(alias, 17), 0x88, 0xc4, ...call(TARGET, 24)];
    run(machine, code);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x6666);
  });

  test("code written through a large page while a small one runs it", () => {
    const machine = machineWithTarget();
    // 4 MB page at 1000000: physical 0 to 3FFFFF.
    machine.setEntry(machine.entries(0x1000000, 0).pde, BigInt(SYSTEM_BITS | 0x80));
    const store = storeByte(0x1000000 + CODE + 8, 0x77);
    run(machine, [...store, 0xb0, 0x11]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x77);
  });

  test("a straddling instruction, changed in its second page", () => {
    const machine = machineWithTarget();
    const start = TARGET + 4096 - 1;
    machine.code(FRAMES.second + 4095, 0xb0, 0x11, 0xc3);
    const call = (from: number) => [0xe8, ...dword(start - (CODE + from + 5))];
    const store = storeByte(TARGET + 4096, 0x12);
    run(machine, [...call(0), 0x88, 0xc4, ...store, ...call(7 + store.length)]);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x1112);
  });

  test("a straddling instruction whose second page is remapped", () => {
    const machine = machineWithTarget();
    const start = TARGET + 4096 - 1;
    machine.code(FRAMES.second + 4095, 0xb0, 0x11, 0xc3);
    machine.code(FRAMES.second + 0x5000, 0x34, 0xc3);
    const call = (from: number) => [0xe8, ...dword(start - (CODE + from + 5))];
    const { pte } = machine.entries(TARGET + 4096, TABLES.second);
    const remap = storeDword(pte, (FRAMES.second + 0x5000) | SYSTEM_BITS);
    const invlpg = [0x0f, 0x01, 0x3d, ...dword(TARGET + 4096)];
    run(machine, [...call(0), 0x88, 0xc4, ...remap, ...invlpg, ...call(7 + remap.length + invlpg.length)]);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x1134);
  });

  test("code of a page that is remapped: the new frame runs, then the old one again", () => {
    const machine = machineWithTarget();
    machine.code(FRAMES.second, 0xb0, 0x11, 0xc3);
    machine.code(FRAMES.second + 0x5000, 0xb4, 0x22, 0xc3);
    const { pte } = machine.entries(TARGET, TABLES.second);
    const call = [0xff, 0xd3]; // call ebx
    const map = (frame: number) => [...storeDword(pte, frame | SYSTEM_BITS), 0x0f, 0x01, 0x3b];
    const code = [...call, ...map(FRAMES.second + 0x5000), ...call, 0xb0, 0, ...map(FRAMES.second), ...call];
    run(machine, [0xbb, ...dword(TARGET), ...code]);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x2211);
  });

  test("REP MOVSB and REP STOSD over code", () => {
    const machine = machineWithTarget();
    machine.code(FRAMES.second, 0xb0, 0x11, 0xc3);
    machine.code(FRAMES.second + 0x2000, 0xb0, 0x88, 0xc3);
    const call = [0xff, 0xd3];
    const setUp = (count: number) => [0xbf, ...dword(TARGET), 0xbe, ...dword(TARGET + 0x2000), 0xb9, ...dword(count)];
    run(machine, [0xbb, ...dword(TARGET), ...call, ...setUp(3), 0xf3, 0xa4, ...call]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x88);
    // mov eax, C399B090 in memory: nop; mov al,99; ret
    const eax = [0xb8, ...dword(0xc399b090)];
    run(machine, [0xbb, ...dword(TARGET), ...call, ...setUp(1), ...eax, 0xf3, 0xab, 0x31, 0xc0, ...call]);
    expect(machine.core.cpu.eax).toBe(0x99);
  });

  test("REP STOSB over the instruction behind it", () => {
    const machine = machineWithTarget();
    // mov edi, imm of mov ah; mov ecx,1; mov al,5A; rep stosb; mov ah,11
    run(machine, [0xbf, ...dword(CODE + 15), 0xb9, ...dword(1), 0xb0, 0x5a, 0xf3, 0xaa, 0xb4, 0x11]);
    expect(machine.core.cpu.eax & 0xffff).toBe(0x5a5a);
  });

  test("the host writes RAM between runs, and from a call-back", () => {
    const machine = machineWithTarget({
      portWrite: (_port, _size, value) => machine.core.writeRam(CODE + 3, Uint8Array.of(value)),
      mmioWrite: (_pa, _size, value) => machine.core.writeRam(CODE + 7, Uint8Array.of(value)),
    });
    run(machine, [0xb0, 0x11]);
    run(machine, [0xb0, 0x22]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x22);
    // out dx, al; mov ah, 0, with AL 22 from before
    run(machine, [0xee, 0x90, 0xb4, 0x11]);
    expect((machine.core.cpu.eax >> 8) & 0xff).toBe(0x22);
    // A store to memory that is a device's: mov [C00000], al; nop; mov ah, 33
    machine.setEntry(machine.entries(0xc00000, 0).pde, BigInt(0xc00000 | SYSTEM_BITS | 0x80));
    machine.core.cpu.eax = 0x44;
    run(machine, [0xa2, ...dword(0xc00000), 0x90, 0xb4, 0x33]);
    expect(machine.core.cpu.eax).toBe(0x4444);
  });

  test("setting accessed and dirty flags in a page of code changes the code", () => {
    const machine = machineWithTarget();
    // The table of TARGET is executed: its entry's low byte, 07, becomes 27 by a read: 67 by a write.
    const { pte } = machine.entries(TARGET, TABLES.second);
    machine.setEntry(pte, BigInt(FRAMES.second | 7));
    machine.code(pte - 1, 0xb0, 0x07, 0xc3); // mov al, low byte of the entry; ret: the frame's bits are 00C3
    machine.setEntry(pte, BigInt(0xc307));
    const call = [0xff, 0xd3];
    run(machine, [0xbb, ...dword(pte - 1), ...call, 0x8a, 0x25, ...dword(TARGET), ...call]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x27);
    run(machine, [0xbb, ...dword(pte - 1), ...call, 0x88, 0x25, ...dword(TARGET), ...call]);
    expect(machine.core.cpu.eax & 0xff).toBe(0x67);
  });

  test("data beside code leaves the code decoded; code counts as dropped only when its bytes are written", () => {
    const machine = machineWithTarget();
    machine.code(FRAMES.second, 0xb0, 0x11, 0xc3);
    const call = (from: number) => [0xe8, ...dword(TARGET - (CODE + from + 5))];
    const dropped = () => machine.core.cpu.counter(Counter.BLOCKS_DROPPED);
    run(machine, call(0));
    const before = dropped();
    run(machine, [...storeByte(TARGET + 0x800, 1), ...call(7)]);
    const own = dropped() - before; // writing the program itself
    run(machine, [...storeByte(TARGET + 1, 0x31), ...call(7)]);
    if (engine === "run") expect(dropped() - before).toBeGreaterThan(2 * own);
    expect(machine.core.cpu.eax & 0xff).toBe(0x31);
  });
});

describe.each(ENGINES)("without paging, %s", (engine) => {
  const RESET = 0xfffffff0;

  function romMachine(host: Partial<CoreHost> = {}): Core {
    const core = Core.create({ ramBytes: 1 << 20, romBytes: 0x10000 }, { ...NO_HOST, ...host });
    core.rom.fill(0xf4);
    return core;
  }

  function run(core: Core, ticks: number): void {
    if (engine === "run") core.run(ticks);
    else for (let i = 0; i < ticks; i++) core.stepOnce();
  }

  test("stores to ROM are ignored, also by code that runs there", () => {
    const core = romMachine();
    // cs mov byte [FFF7], 0; mov al, 11; hlt
    core.rom.set([0x2e, 0xc6, 0x06, 0xf7, 0xff, 0x00, 0xb0, 0x11, 0xf4], 0xfff0);
    const before = core.rom.slice();
    run(core, 2);
    expect(core.cpu.eax & 0xff).toBe(0x11);
    expect(core.rom).toEqual(before);
    expect(core.cpu.eip).toBe((RESET + 8) & 0xffff);
  });

  test("memory nobody answers for executes as all ones", () => {
    const core = romMachine();
    // FF FF is no instruction: #UD through the real-mode vector 6.
    core.ram.set([0x00, 0x07, 0x00, 0x00], 6 * 4);
    core.ram[0x700] = 0xf4;
    core.cpu.setSegment(1, { selector: 0, base: 0x200000, limit: 0xffff, access: 0x9b | SEG_USABLE });
    core.cpu.setSegment(2, { selector: 0, base: 0, limit: 0xffff, access: 0x93 | SEG_USABLE });
    core.cpu.eip = 0;
    core.cpu.esp = 0x1000;
    run(core, 2);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.eip).toBe(0x701);
    expect(Array.from(core.ram.subarray(0xffa, 0xffc))).toEqual([0, 0]);
  });

  test("code is fetched from a device, byte by byte and each time anew", () => {
    const device = [0xb0, 0x11, 0xeb, 0xfc];
    const core = romMachine({ mmioRead: (pa) => device[pa - 0x200000] ?? 0xff });
    core.cpu.setSegment(1, { selector: 0, base: 0x200000, limit: 0xffff, access: 0x9b | SEG_USABLE });
    core.cpu.eip = 0;
    run(core, 2);
    expect(core.cpu.eax & 0xff).toBe(0x11);
    device[1] = 0x99;
    run(core, 2);
    expect(core.cpu.eax & 0xff).toBe(0x99);
  });

  test("the last bytes of RAM run into what is not there", () => {
    const core = romMachine();
    core.ram.set([0xb0], 0xfffff);
    core.cpu.setSegment(1, { selector: 0xf000, base: 0xf0000, limit: 0xffffffff, access: 0x9b | SEG_USABLE });
    core.cpu.eip = 0xffff;
    run(core, 1);
    expect(core.cpu.eax & 0xff).toBe(0xff);
  });

  test("a block that ends at the segment limit faults behind it, not before", () => {
    const core = romMachine();
    core.ram.set([0x40, 0x40, 0x40, 0x40], 0x2000);
    core.ram.set([2, 0, 0, 0], 13 * 4); // the handler's offset has to be below the limit as well
    core.ram[2] = 0xf4;
    core.cpu.setSegment(1, { selector: 0, base: 0x2000, limit: 2, access: 0x9b | SEG_USABLE });
    core.cpu.setSegment(2, { selector: 0, base: 0, limit: 0xffff, access: 0x93 | SEG_USABLE });
    core.cpu.eip = 0;
    core.cpu.esp = 0x1000;
    run(core, 8);
    expect(core.cpu.eax & 0xffff).toBe(3);
    expect(core.cpu.halted).toBe(true);
    expect(core.cpu.eip).toBe(3);
  });
});
