/**
 * Domains as virtual machines: what images they take, what they cost, that they leave no frame behind, and that neighbours do not see each other.
 */
import { describe, expect, test } from "vitest";
import { createMachine, Hypervisor, type Machine, type MachineConfig, machineBytes } from "../../../src/index.js";
import { guestImage } from "../../lockstep/guest-runs.js";
import { ENGINES } from "../ways.js";
import { CODE, domainImage } from "./domain-machine.js";

const MEMORY = 16 << 20;
const minikernel = guestImage("minikernel-pv");

/** A machine with minikernel in a domain. */
const domain = (config: Partial<MachineConfig> = {}, hypervisor?: Hypervisor): Machine =>
  createMachine({ image: minikernel, vmm: "pv", memoryBytes: MEMORY, ...config }, hypervisor);

describe("images", () => {
  const refuse = (config: MachineConfig) => expect(() => createMachine(config));

  test("a kernel that is not paravirtual is refused under pv, and the other way round", () => {
    refuse({ image: guestImage("minikernel"), vmm: "pv" }).toThrow(
      "expected a paravirtual kernel (with Xen's ELF notes) under vmm pv and found an image of format multiboot",
    );
    for (const vmm of ["none", "trap", "vt", "hybrid", "bt"] as const) {
      refuse({ image: minikernel, vmm }).toThrow(
        `the image is a paravirtual kernel: expected vmm pv with it and found ${vmm}`,
      );
    }
    refuse({ image: guestImage("minikernel"), format: "xen", vmm: "pv" }).toThrow(/and found one without/);
    refuse({ image: minikernel, vmm: "pv", mmu: "shadow" }).toThrow(
      "expected --mmu direct with --vmm pv and found shadow",
    );
  });

  test("notes that cannot be met are refused, each in one sentence", () => {
    const image = (type: number, value: number) => domainImage([[type, value]]);
    refuse({ image: image(2, 0x9000_0000), vmm: "pv" }).toThrow(/expected a hypercall page inside the kernel/);
    refuse({ image: image(2, 0x10_0004), vmm: "pv" }).toThrow(/on a page boundary/);
    refuse({ image: image(3, 0x123), vmm: "pv" }).toThrow(/expected a virtual base on a page boundary/);
    refuse({ image: image(3, 0xfbe0_0000), vmm: "pv", memoryBytes: MEMORY }).toThrow(/above the monitor's 0xfc000000/);
    refuse({ image: image(4, 0x20_0000), vmm: "pv" }).toThrow(/does not fit/);
    // "yes" to PAE.
    refuse({ image: image(9, 0x0073_6579), vmm: "pv" }).toThrow(/three levels/);
    refuse({ image: minikernel, vmm: "pv", memoryBytes: 2 << 20 }).toThrow(/does not fit|needs/);
  });

  test("a kernel may live anywhere below the monitor", () => {
    const machine = createMachine({
      image: domainImage([
        [3, 0xc000_0000],
        [1, 0xc000_0000 + CODE.handler],
      ]),
      vmm: "pv",
    });
    machine.run({ maxInstructions: 10 });
    expect(machine.cpu.eip).toBe(0xc000_0000 + CODE.handler);
    expect(machine.cpu.segment(1).selector).toBe(0xe019);
  });

  test("mutated images are refused or run, and never make the host fail", { timeout: 60_000 }, () => {
    for (let at = 4; at < 0x160; at += 5) {
      const image = domainImage([
        [3, 0],
        [2, CODE.handler & ~0xfff],
      ]);
      image[at] = at % 2 === 0 ? 0xff : image[at]! ^ 1;
      try {
        const { exit } = createMachine({ image, vmm: "pv", memoryBytes: 4 << 20 }).run({ maxInstructions: 20 });
        expect(exit.kind).not.toBe("host-error");
      } catch (error) {
        expect((error as Error).name, String((error as Error).stack)).toMatch(/ImageError|ConfigError/);
      }
    }
  });
});

describe.each(ENGINES)("%s", (engine) => {
  test("crossings of minikernel-pv", () => {
    const machine = domain({ engine });
    machine.run();
    const { exits, memory } = machine.statistics().vmm!;
    const of = (kind: string) =>
      Object.fromEntries(exits.filter(({ crossing }) => crossing === kind).map(({ cause, count }) => [cause, count]));
    expect([of("hypercall"), of("exit")]).toMatchInlineSnapshot(`
      [
        {
          "console_io": 693,
          "event_channel_op": 1,
          "mmuext_op": 3,
          "multicall": 79,
          "set_callbacks": 1,
          "set_gdt": 1,
          "set_trap_table": 1,
          "stack_switch": 1,
          "update_va_mapping": 5,
          "vcpu_op": 1,
        },
        {
          "#BP": 1,
          "#DE": 1,
          "#GP": 5,
          "#PF": 4,
          "#UD": 1,
          "INT 20h": 1,
        },
      ]
    `);
    expect(memory).toMatchInlineSnapshot(`
      {
        "L1 validated": 19,
        "L2 validated": 18,
        "descriptor frames validated": 1,
        "entries changed": 69,
        "mmuext_op in multicalls": 79,
        "stack_switch in multicalls": 47,
        "update_va_mapping in multicalls": 64,
      }
    `);
  });
});

test("a machine that has run domains has all its frames again", () => {
  const size = { ramBytes: MEMORY, shadowFrames: 16, mmu: "direct" } as const;
  const hypervisor = new Hypervisor({ ramBytes: machineBytes([size, size]), isa: "umip" });
  const { free } = hypervisor.frames;
  for (const maxInstructions of [100, 20_000, 500_000, 2_000_000]) {
    const machine = domain({}, hypervisor);
    machine.run({ maxInstructions });
    machine.destroy();
    expect(hypervisor.frames.framesByOwner()).toEqual(new Map());
    expect(hypervisor.frames.free).toBe(free);
  }
});

test("a domain beside a domain and a guest of another kind: each runs as alone", () => {
  const alone = (config: Partial<MachineConfig>) => {
    let text = "";
    const machine = domain(config);
    machine.onSerial(0, (byte) => {
      text += String.fromCharCode(byte);
    });
    machine.run();
    return [text, machine.instructions];
  };
  const size = { ramBytes: MEMORY, shadowFrames: 256, mmu: "shadow" } as const;
  const hypervisor = new Hypervisor({ ramBytes: machineBytes([size, size, size]), isa: "umip" });
  const configs: Partial<MachineConfig>[] = [{}, { vmm: "vt", image: guestImage("minikernel") }, {}];
  const guests = configs.map((config) => {
    const machine = domain(config, hypervisor);
    const guest = { machine, text: "", going: true };
    machine.onSerial(0, (byte) => {
      guest.text += String.fromCharCode(byte);
    });
    return guest;
  });
  for (let turn = 0; guests.some(({ going }) => going); turn++) {
    const guest = guests[turn % guests.length]!;
    if (guest.going) guest.going = guest.machine.run({ maxInstructions: 777 + turn }).exit.kind === "budget";
  }
  expect(guests.map(({ text, machine }) => [text, machine.instructions])).toEqual(configs.map(alone));
});
