import { describe, expect, it } from "vitest";
import { ConfigError, createMachine, describeResult, ImageError, type MachineConfig } from "../../src/index.js";
import {
  COUNT,
  code,
  ECHO,
  EXIT_33,
  HALT,
  IDLE,
  machineOf,
  POWER_OFF,
  RESET,
  SEND_A,
  SPIN,
  TRIPLE_FAULT,
} from "./guests.js";

describe("the ways a run ends", () => {
  it("a write to the debug-exit port is a guest exit with its code", () => {
    const result = machineOf(EXIT_33).run();
    expect(result.exit).toEqual({ kind: "guest-exit", code: 33 });
    expect(result.instructions).toBe(2);
  });

  it("the debug-exit port can be elsewhere", () => {
    const machine = machineOf("66ba0105 b001 ee", { debugExitPort: 0x501 });
    expect(machine.run().exit).toEqual({ kind: "guest-exit", code: 3 });
  });

  it("marks are heard with the time of the machine and of the host", () => {
    const marks: unknown[] = [];
    const machine = machineOf(`66baf804 b061 ee 66bafc04 6a07 58 ef 90 31c0 ef ${EXIT_33}`, {
      onMark: ({ nanoseconds, ...mark }) => marks.push({ ...mark, host: nanoseconds > 0 }),
    });
    expect(machine.run().exit).toEqual({ kind: "guest-exit", code: 33 });
    const [begin, end] = marks as { time: number }[];
    expect(begin).toMatchObject({ kind: "begin", name: "a", count: 7, host: true });
    expect(end).toMatchObject({ kind: "end", name: "a", count: 7, host: true });
    expect(end!.time - begin!.time).toBe(3);
  });

  it("a power-off is one", () => {
    expect(machineOf(POWER_OFF).run().exit).toEqual({ kind: "powered-off" });
  });

  it("a triple fault is one, at the instruction that caused it", () => {
    const result = machineOf(`90 ${TRIPLE_FAULT}`).run();
    expect(result.exit).toEqual({ kind: "triple-fault" });
    expect([result.cs, result.eip]).toEqual([8, 0x100001]);
    expect(describeResult(result)).toBe("triple fault at 0008:00100001");
  });

  it("HLT with interrupts off is halted", () => {
    expect(machineOf(HALT).run()).toMatchObject({ exit: { kind: "halted" }, instructions: 2, eip: 0x100002 });
  });

  it("HLT with interrupts on that no device ends is idle, though the timer ticks on", () => {
    const machine = machineOf(IDLE);
    expect(machine.run().exit).toEqual({ kind: "idle" });
    expect(machine.statistics().virtualSeconds).toBeGreaterThan(3000);
  });

  it("a budget of instructions ends a run exactly there", () => {
    const machine = machineOf(COUNT);
    for (const budget of [1, 2, 3, 1000, 123_457, 0]) {
      const before = machine.instructions;
      const result = machine.run({ maxInstructions: budget });
      expect(result).toMatchObject({ exit: { kind: "budget", limit: "instructions" }, instructions: budget });
      expect(machine.instructions).toBe(before + budget);
    }
    expect(machine.cpu.eax).toBe(Math.ceil(machine.instructions / 2));
  });

  it("a budget of instructions ends a run also when the guest only takes exceptions", () => {
    const machine = machineOf("0f0b", { address: 0x7c00, mode: "real" }); // UD2 that is its own handler
    machine.writePhysical(6 * 4, code("007c 0000"));
    machine.cpu.setSegment(2, { ...machine.cpu.segment(2), selector: 0x2000, base: 0x20000 }); // SS: the stack wraps
    const result = machine.run({ maxInstructions: 100 });
    expect(result).toMatchObject({ exit: { kind: "budget", limit: "events" }, instructions: 0 });
  });

  it("a budget of virtual time ends a run, also while the processor is halted", () => {
    const machine = machineOf(SPIN, { clockHz: 1_000_000 });
    expect(machine.run({ maxVirtualSeconds: 0.5 }).exit).toEqual({ kind: "budget", limit: "time" });
    expect(machine.ticks).toBe(500_000);
    const halted = machineOf(IDLE, { clockHz: 1_000_000 });
    expect(halted.run({ maxVirtualSeconds: 2 }).exit).toEqual({ kind: "budget", limit: "time" });
    expect(halted.ticks).toBe(2_000_000);
    expect(halted.run({ maxVirtualSeconds: 1 }).exit).toEqual({ kind: "budget", limit: "time" });
    expect(halted.ticks).toBe(3_000_000);
  });

  it("a reset request is one by default, and stays until the machine is reset", () => {
    const machine = machineOf(RESET);
    expect(machine.run()).toMatchObject({ exit: { kind: "reset" }, instructions: 2 });
    expect(machine.run()).toMatchObject({ exit: { kind: "reset" }, instructions: 0 });
    machine.reset();
    expect(machine.run()).toMatchObject({ exit: { kind: "reset" }, instructions: 2 });
  });

  it("resets and triple faults reboot when asked to", () => {
    const counting = "ff0500003000 833d0000300003 7d04"; // inc [300000h]; cmp [300000h], 3; jge over the next 4 bytes
    const machine = machineOf(`${counting} b0fe e664 ${EXIT_33}`, { onReset: "reboot" });
    expect(machine.run({ maxInstructions: 1000 }).exit).toEqual({ kind: "budget", limit: "instructions" });
    expect(machine.readPhysical(0x300000, 1)[0]).toBeLessThan(3);
    const faulting = machineOf(TRIPLE_FAULT, { onTripleFault: "reboot" });
    expect(faulting.run({ maxVirtualSeconds: 1e-6 }).exit).toEqual({ kind: "budget", limit: "time" });
  });

  it("stop() ends a run after the instruction", () => {
    const machine = machineOf(SEND_A);
    machine.onSerial(0, () => machine.stop());
    expect(machine.run()).toMatchObject({ exit: { kind: "stopped" }, instructions: 3 });
    expect(machine.run().exit).toEqual({ kind: "guest-exit", code: 33 });
  });

  it("a handler that throws is a host error, and the machine stays stopped", () => {
    const machine = machineOf(SEND_A);
    machine.onSerial(0, () => {
      throw new Error("the handler's own fault");
    });
    const result = machine.run();
    expect(result.exit).toMatchObject({ kind: "host-error", error: { message: "the handler's own fault" } });
    expect(describeResult(result)).toMatch(/the machine failed at .*the handler's own fault/);
    expect(machine.run().exit.kind).toBe("host-error");
  });

  it("running a machine from its own handler is refused", () => {
    const machine = machineOf(SEND_A);
    let message = "";
    machine.onSerial(0, () => {
      try {
        machine.run();
      } catch (error) {
        message = (error as Error).message;
      }
    });
    expect(machine.run().exit).toEqual({ kind: "guest-exit", code: 33 });
    expect(message).toMatch(/already running/);
  });

  it("waiting is one when asked for: with the time of the next event", () => {
    const machine = machineOf("b0fe e621 fb f4 ebfd"); // only the timer; sti; hlt; again
    const result = machine.run({ pauseWhenHalted: true });
    expect(result.exit.kind).toBe("waiting");
    const wakeTime = result.exit.kind === "waiting" ? result.exit.wakeTime : 0;
    expect(wakeTime).toBeGreaterThan(machine.ticks);
    expect(wakeTime).toBeLessThan(machine.ticks + machine.clockHz / 18);
  });
});

describe("serial ports", () => {
  it("hand each byte to every handler until it is taken away", () => {
    const machine = machineOf("66baf803 b041 ee b042 ee b043 ee f4");
    const seen: [string, number][] = [];
    machine.onSerial(0, (byte) => seen.push(["a", byte]));
    const end = machine.onSerial(0, (byte) => {
      seen.push(["b", byte]);
      end();
    });
    machine.onSerial(1, (byte) => seen.push(["com2", byte]));
    machine.run();
    expect(seen).toEqual([
      ["a", 0x41],
      ["b", 0x41],
      ["a", 0x42],
      ["a", 0x43],
    ]);
  });

  it("deliver what is sent, as text or bytes", () => {
    const machine = machineOf(ECHO);
    let text = "";
    machine.onSerial(0, (byte) => {
      text += String.fromCharCode(byte);
      if (text.length === 5) machine.stop();
    });
    machine.sendSerial("hel");
    machine.sendSerial(Uint8Array.of(0x6c, 0x6f));
    expect(machine.run({ maxVirtualSeconds: 1 }).exit.kind).toBe("stopped");
    expect(text).toBe("hello");
  });
});

describe("looking in and changing", () => {
  it("step executes one instruction at a time and says when the guest ends", () => {
    const machine = machineOf(`40 ${EXIT_33}`);
    expect(machine.step()).toBeUndefined();
    expect(machine.registers()).toMatchObject({ eax: 1, eip: 0x100001, cs: 8, ds: 16, cr0: 0x11 });
    expect(machine.step()).toBeUndefined();
    expect(machine.step()).toEqual({ kind: "guest-exit", code: 33 });
    expect(machine.instructions).toBe(3);
  });

  it("registers and memory can be set", () => {
    const machine = machineOf(COUNT);
    machine.setRegisters({ eax: -1, eip: 0x200000 });
    machine.writePhysical(0x200000, code(EXIT_33));
    expect(machine.cpu.eax).toBe(0xffffffff);
    expect(machine.run().exit.kind).toBe("guest-exit");
    expect([...machine.readPhysical(0x200000, 2)]).toEqual([0xb0, 0x10]);
    expect(machine.readLinear(0x200002, 2)).toEqual(code("e6f4"));
  });

  it("code that was already run can be replaced", () => {
    const machine = machineOf(COUNT);
    machine.run({ maxInstructions: 100_000 });
    machine.writePhysical(0x100000, code(EXIT_33));
    machine.setRegisters({ eip: 0x100000 });
    expect(machine.run({ maxInstructions: 10 }).exit.kind).toBe("guest-exit");
  });

  it("wrong registers, ranges and limits are refused in one sentence", () => {
    const machine = machineOf(COUNT);
    expect(() => machine.readPhysical(4 << 20, 1)).toThrow(
      /inside the 4194304 bytes of RAM and found 1 bytes at 4194304/,
    );
    expect(() => machine.readPhysical(-1, 1)).toThrow(ConfigError);
    expect(() => machine.writePhysical(0x3fffff, new Uint8Array(2))).toThrow(ConfigError);
    expect(() => machine.setRegisters({ cs: 1 } as object)).toThrow(/found cs/);
    expect(() => machine.setRegisters({ eax: 0.5 })).toThrow(/eax: expected an integer and found 0.5/);
    expect(() => machine.run({ maxInstructions: Number.NaN })).toThrow(/maxInstructions.*found NaN/);
    expect(() => machine.run({ maxInstructions: -1 })).toThrow(ConfigError);
    expect(() => machine.onSerial(2 as 0, () => {})).toThrow(/serial port 0 or 1 and found 2/);
    expect(() => machine.onSerial(0, undefined as never)).toThrow(/handler function/);
  });

  it("after() acts at a point of virtual time", () => {
    const machine = machineOf(SPIN, { clockHz: 1_000_000 });
    const times: number[] = [];
    machine.after(0.25, () => times.push(machine.ticks));
    machine.after(0.001, () => times.push(machine.ticks));
    machine.run({ maxVirtualSeconds: 1 });
    expect(times).toEqual([1000, 250_000]);
  });
});

describe("equal runs", () => {
  /** Programs the timer for 1 kHz, takes its interrupts, and sends a byte at every eighth. */
  const SET_UP = `
    b011 e620 b020 e621 b004 e621 b001 e621 b0fe e621 ; PIC: base 20h, only the timer
    b034 e643 b0a9 e640 b004 e640                     ; PIT: 1193
    fb f4 40 ebfc                                     ; sti; hlt; count; again`;
  const HANDLER = "43 f6c307 7507 66baf803 88d8 ee b020 e620 cf";
  const GATE = "0001 0800 008e 1000"; // interrupt gate to 8:00100100

  function ticker(): ReturnType<typeof machineOf> {
    const machine = machineOf(SET_UP, { clockHz: 10_000_000 });
    machine.writePhysical(0x100100, code(HANDLER));
    machine.writePhysical(0x20 * 8, code(GATE));
    return machine;
  }

  function finalState(pieces: (done: number) => number): { hash: string; text: string; count: number; ticks: number } {
    const machine = ticker();
    let text = "";
    machine.onSerial(0, (byte) => {
      text += `${byte} `;
    });
    while (machine.instructions < 40_000) {
      const left = 40_000 - machine.instructions;
      const { exit } = machine.run({ maxInstructions: Math.min(left, pieces(machine.instructions)) });
      expect(exit).toEqual({ kind: "budget", limit: "instructions" });
    }
    return { hash: machine.stateHash(), text, count: machine.instructions, ticks: machine.ticks };
  }

  it("end in the same state however they are cut into pieces", () => {
    const whole = finalState(() => Number.POSITIVE_INFINITY);
    expect(whole.text.split(" ").length).toBeGreaterThan(100);
    expect(finalState(() => 1)).toEqual(whole);
    expect(finalState((done) => 1 + (done % 97))).toEqual(whole);
    expect(finalState(() => 5_000)).toEqual(whole);
  });

  it("have equal hashes, and a different byte anywhere has not", () => {
    const first = machineOf(COUNT);
    const second = machineOf(COUNT);
    first.run({ maxInstructions: 1000 });
    second.run({ maxInstructions: 1000 });
    expect(first.stateHash()).toBe(second.stateHash());
    expect(first.stateHash()).toMatch(/^[0-9a-f]{64}$/);
    second.writePhysical(0x3fffff, Uint8Array.of(1));
    expect(first.stateHash()).not.toBe(second.stateHash());
    first.run({ maxInstructions: 1 });
    expect(first.stateHash()).not.toBe(machineOf(COUNT).stateHash());
  });
});

describe("statistics", () => {
  it("count instructions, calls out, exceptions and unknown ports", () => {
    const machine = machineOf("e5f8 66badead e6f8 ec ee 40"); // in eax, f8h; …; out f8h, al; in al, dx; out dx, al
    machine.run({ maxInstructions: 6 });
    const statistics = machine.statistics();
    expect(statistics.instructions).toBe(6);
    expect(statistics.callOuts).toMatchObject({ portReads: 2, portWrites: 2, memoryReads: 0 });
    expect(statistics.unknownPorts).toEqual([
      { port: 0xf8, name: "numeric coprocessor", reads: 1, writes: 1 },
      { port: 0xadde, name: "unassigned", reads: 1, writes: 1 },
    ]);
    expect(statistics.virtualSeconds).toBe(6 / machine.clockHz);
  });

  it("name the exceptions that were delivered", () => {
    const machine = machineOf("cd03 31d2 31c0 f7f0"); // int 3; xor edx, edx; xor eax, eax; div eax
    machine.writePhysical(3 * 8, code("0001 0800 008f 1000"));
    machine.writePhysical(0, code("0002 0800 008e 1000"));
    machine.writePhysical(0x100100, code("cf"));
    machine.writePhysical(0x100200, code(EXIT_33));
    expect(machine.run({ maxInstructions: 100 }).exit.kind).toBe("guest-exit");
    expect(machine.statistics().exceptions).toEqual({ "#DE": 1 });
  });
});

describe("a configuration", () => {
  const image = code(SPIN);
  it.each<[string, object, RegExp]>([
    ["no object", null as unknown as object, /^config: expected an object and found null$/],
    ["a misspelt field", { image, memmory: 1 }, /^config\.memmory: there is no such field$/],
    [
      "an image that is no bytes",
      { image: "kernel.elf" },
      /^config\.image: expected a Uint8Array and found "kernel.elf"$/,
    ],
    [
      "no RAM",
      { image, memoryBytes: 0 },
      /^config\.memoryBytes: expected a whole number from 1048576 to \d+ and found 0$/,
    ],
    ["a RAM of half pages", { image, memoryBytes: 0x100001 }, /multiple of 4096/],
    ["an odd format", { image, format: "exe" }, /^config\.format: expected auto, multiboot.* and found "exe"$/],
    ["a name that is a number", { image, name: 5 }, /^config\.name: expected a string and found 5$/],
    ["modules that are no list", { image, modules: {} }, /^config\.modules: expected an array and found an object$/],
    [
      "a module without a name",
      { image, modules: [{ bytes: image }] },
      /modules\[0\]\.name: expected a string and found undefined/,
    ],
    [
      "a module without bytes",
      { image, modules: [{ name: "m", bytes: 1 }] },
      /modules\[0\]\.bytes: expected a Uint8Array and found 1/,
    ],
    ["a date that is none", { image, rtcTime: new Date("x") }, /rtcTime: expected a valid Date/],
    ["a clock that stands", { image, clockHz: 0 }, /clockHz: expected a whole number from 1000000/],
    ["a listener to marks that is no function", { image, onMark: 1 as never }, /onMark/],
    ["a debug-exit port out of range", { image, debugExitPort: 65536 }, /debugExitPort/],
    ["another engine", { image, engine: "magic" }, /engine: expected interpreter, .* and found "magic"/],
    ["an odd reset policy", { image, onReset: true }, /onReset: expected exit, reboot and found true/],
  ])("with %s is refused in one sentence", (_name, config, message) => {
    expect(() => createMachine(config as MachineConfig)).toThrow(message);
    expect(() => createMachine(config as MachineConfig)).toThrow(ConfigError);
  });

  it("with an image that cannot be booted is an ImageError", () => {
    expect(() => createMachine({ image: new Uint8Array(10) })).toThrow(ImageError);
  });
});
