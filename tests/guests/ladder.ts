/**
 * Guests nobody here wrote, in order of what they need of the machine: a bare kernel, a game, three firmwares, a boot
 * loader and a microkernel. docs/guests.md says what each one is and does. A package that cannot be had skips its guests
 * with the reason; where the environment says CI, it fails them. Bare or in a virtual machine, they must do the same.
 */
import { beforeAll, describe, expect, test, type TestContext } from "vitest";
import { createMachine, type MachineConfig, type RunResult } from "../../src/index.js";
import { Guest } from "./guest.js";
import { fetchImages, type ImageName } from "./packages.js";

const FETCH_LIMIT = 300_000;
const inCi = (process.env.CI ?? "") !== "";
let missing: Partial<Record<ImageName, string>> = {};

/** Fetches the images before the first test. */
function fetchFirst(): void {
  beforeAll(() => {
    missing = fetchImages();
    for (const reason of new Set(Object.values(missing))) console.warn(`guests skipped: ${reason}`);
  }, FETCH_LIMIT);
}

/** Skips the test with the reason if its image is missing; in CI that is a failure. */
function needs(context: TestContext, name: ImageName): void {
  const reason = missing[name];
  if (reason === undefined) return;
  if (inCi) throw new Error(reason);
  context.skip(reason);
}

/** Runs the guest to its end: HLT with interrupts off. */
function untilHalted(guest: Guest, seconds: number): RunResult {
  const result = guest.machine.run({ maxVirtualSeconds: seconds });
  expect(result.exit.kind, guest.transcript()).toBe("halted");
  return result;
}

/** Whether CPUID says that the processor has an x87: leaf 1, EDX bit 0. */
function hasFpu(): boolean {
  // mov eax,1; cpuid; hlt
  const image = new Uint8Array([0xb8, 1, 0, 0, 0, 0x0f, 0xa2, 0xf4]);
  const machine = createMachine({ image, format: "flat", address: 0x10_0000, mode: "protected" });
  machine.run({ maxInstructions: 3 });
  return (machine.cpu.edx & 1) === 1;
}

/** Declares the tests of all guests, on machines with what `way` says. */
export function ladder(way: Partial<MachineConfig>): void {
  fetchFirst();

  const boot = (name: ImageName, config: Partial<MachineConfig> = {}) => new Guest(name, { ...config, ...way });
  describe("multiboot example kernel", () => {
    test("prints the boot information it was given and halts", (context) => {
      needs(context, "multibootExample");
      const guest = boot("multibootExample", { commandLine: "hello arg", memoryBytes: 16 << 20 });
      const { instructions } = untilHalted(guest, 1);
      expect(guest.machine.screenText().filter((line) => line !== "")).toEqual([
        "flags = 0x247",
        "mem_lower = 639KB, mem_upper = 15360KB",
        "boot_device = 0x8000ffff",
        "cmdline = multibootExample hello arg",
        expect.stringMatching(/^mmap_addr = 0x[0-9a-f]+, mmap_length = 0x[0-9a-f]+$/),
        " size = 0x14, base_addr = 0x000000000, length = 0x00009fc00, type = 0x1",
        " size = 0x14, base_addr = 0x00009fc00, length = 0x000000400, type = 0x2",
        " size = 0x14, base_addr = 0x0000f0000, length = 0x000010000, type = 0x2",
        " size = 0x14, base_addr = 0x000100000, length = 0x000f00000, type = 0x1",
        " size = 0x14, base_addr = 0x0fffc0000, length = 0x000040000, type = 0x2",
        "Halted.",
      ]);
      expect(instructions).toBeLessThan(60_000);
      const { portReads, portWrites } = guest.machine.statistics().callOuts;
      expect({ portReads, portWrites }).toEqual({ portReads: 0, portWrites: 0 });
    });

    test("lists the modules it was given", (context) => {
      needs(context, "multibootExample");
      const module = (name: string, size: number) => ({
        name,
        bytes: new Uint8Array(size),
        commandLine: `${name} args`,
      });
      const guest = boot("multibootExample", { modules: [module("first", 10), module("second", 5000)] });
      untilHalted(guest, 1);
      expect(guest.screen).toMatch(/flags = 0x24f/);
      expect(guest.screen).toMatch(/mods_count = 2, mods_addr = 0x[0-9a-f]+/);
      const modules = [
        ...guest.screen.matchAll(/mod_start = 0x([0-9a-f]+), mod_end = 0x([0-9a-f]+), cmdline = (.*)$/gm),
      ];
      expect(modules.map((found) => Number(`0x${found[2]}`) - Number(`0x${found[1]}`))).toEqual([10, 5000]);
    });
  });

  describe("GRUB Invaders", () => {
    test("draws its rows, fires at the space bar and moves the ship", (context) => {
      needs(context, "invaders");
      const guest = boot("invaders", { memoryBytes: 16 << 20, clockHz: 20_000_000 }); // it waits by polling the timer
      const rows = () => guest.machine.screenText().filter((line) => /(?:-\*-.*){4}/.test(line)).length;
      const shot = () => guest.machine.screenText().some((line) => /^ *\| *$/.test(line));
      const ship = () => guest.screenLine("/ \\").indexOf("/ \\");
      guest.until("rows of invaders", () => rows() >= 4, 1);
      guest.until("the ship", () => ship() > 0, 1);
      expect(shot()).toBe(false);
      guest.machine.pressKey("space");
      guest.until("a shot", shot, 1);
      const middle = ship();
      guest.machine.board.setKey("left", true);
      guest.until("the ship to go left", () => ship() >= 0 && ship() < middle - 5, 2);
      guest.machine.board.setKey("left", false);
      guest.wait(0.2);
      const left = ship();
      guest.wait(0.5);
      expect(ship()).toBe(left);
      guest.machine.board.setKey("right", true);
      guest.until("the ship to go right", () => ship() > left + 5, 2);
    });
  });

  describe("Bochs BIOS", () => {
    test("legacy: probes a machine without disks in real mode and says so", (context) => {
      needs(context, "bochsLegacyBios");
      const guest = boot("bochsLegacyBios", { memoryBytes: 16 << 20 });
      const { instructions } = untilHalted(guest, 5);
      expect(guest.debug).toContain("No bootable device.");
      expect(guest.machine.cpu.cr0 & 1).toBe(0);
      const again = boot("bochsLegacyBios", { memoryBytes: 16 << 20 });
      expect(untilHalted(again, 5).instructions).toBe(instructions);
      expect(again.machine.stateHash()).toBe(guest.machine.stateHash());
    });

    test("latest: its 32-bit half counts memory and processors", (context) => {
      needs(context, "bochsBios");
      const guest = boot("bochsBios", { memoryBytes: 16 << 20 });
      untilHalted(guest, 5);
      for (const line of ["Starting rombios32", "ram_size=0x01000000", "Found 1 cpu(s)", "No bootable device."]) {
        expect(guest.debug).toContain(line);
      }
    });
  });

  describe("SeaBIOS", () => {
    test("sets up the machine, tries every disk and finds none", (context) => {
      needs(context, "seaBios");
      const guest = boot("seaBios", { memoryBytes: 16 << 20 });
      guest.until("No bootable device", () => guest.debug.includes("No bootable device."), 5);
      expect(guest.debug).toContain("SeaBIOS (version 1.");
      expect(guest.debug).toContain("RamSize: 0x01000000 [cmos]");
      expect(guest.debug).toContain("Found 2 serial ports");
      expect(guest.debug).toContain("PS2 keyboard initialized");
      expect(guest.debug).toMatch(/3: 0000000000100000 - 0000000001000000 = 1 RAM/);
      expect(guest.debug).toMatch(/CPU Mhz=100\b/); // the time stamp counter against the interval timer
      expect(guest.machine.statistics().interrupts).toBeGreaterThan(0);
    });

    test("waits a minute for another try, halted, and then resets the machine", (context) => {
      needs(context, "seaBios");
      const guest = boot("seaBios", { memoryBytes: 16 << 20 });
      const result = guest.machine.run({ maxVirtualSeconds: 90 });
      expect(result.exit.kind, guest.transcript()).toBe("reset");
      expect(guest.debug).toContain("Retrying in 60 seconds.");
      expect(guest.machine.statistics().virtualSeconds).toBeGreaterThan(60);
      expect(guest.machine.instructions).toBeLessThan(50_000_000); // the minute passes halted
    });
  });

  describe("GRUB as firmware", () => {
    test("draws its menu and moves the selection with the cursor keys", (context) => {
      needs(context, "grubFirmware");
      const guest = boot("grubFirmware");
      const selected = () => guest.machine.screenText().findIndex((line) => line.includes("│*"));
      guest.until("the menu", () => guest.screen.includes("GNU GRUB  version 2.") && selected() >= 0, 15);
      expect(guest.screen).toContain("Search & load /boot/multiboot.img");
      expect(guest.screen).toContain("Reboot");
      const first = selected();
      guest.machine.pressKey("down");
      guest.until("the second entry", () => selected() === first + 1, 3);
      guest.machine.pressKey("down");
      guest.until("the third entry", () => selected() === first + 2, 3);
      guest.machine.pressKey("up");
      guest.until("the second entry again", () => selected() === first + 1, 3);
      guest.machine.typeText("c");
      guest.until("the command line", () => guest.screen.includes("grub>"), 5);
      guest.machine.typeText("echo six times $grub_platform\n");
      guest.until("the answer", () => guest.screen.includes("\nsix times qemu"), 5);
    });
  });

  gnuMach(way);
}

/** Declares those of the one that uses most of the processor. */
export function gnuMach(way: Partial<MachineConfig>): void {
  fetchFirst();

  const boot = (name: ImageName, config: Partial<MachineConfig> = {}) => new Guest(name, { ...config, ...way });
  describe("GNU Mach", () => {
    test("boots to the point where it asks for its bootstrap program", (context) => {
      needs(context, "gnumach");
      const guest = boot("gnumach", { commandLine: "console=com0", clockHz: 10_000_000 }); // it waits by counting
      guest.until("a panic", () => /panic [^\n]*\n/.test(guest.serial), 60);
      expect(guest.serial).toMatch(/^GNU Mach 1\.8\+git20221224-486$/m);
      expect(guest.serial).toMatch(/^vm_page: DIRECTMAP: pages: 12288 \(48M\)/m);
      if (hasFpu()) {
        expect(guest.serial).toMatch(/^RTC time is 2026-01-01 00:00:/m);
        expect(guest.serial).toContain("bootstrap_create: No bootstrap code loaded with the kernel!");
      } else {
        // Mach needs an x87 from here on and says that this processor has none.
        expect(guest.serial).toMatch(/^panic .*: init_fpu: No FPU!$/m);
      }
    });
  });
}
