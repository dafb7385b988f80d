import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { elf, kludge } from "../loaders/images.js";
import {
  COUNT,
  code,
  ECHO,
  EXIT_33,
  HALT,
  IDLE,
  POWER_OFF,
  RESET,
  SEND_A,
  SPIN,
  TRIPLE_FAULT,
} from "../machine/guests.js";
import { inRoot, start, testFolder, vmexit } from "./vmexit.js";

const MB = 0x100000;
const files = testFolder();
let number = 0;

/** Writes a guest as a Multiboot file and returns its path. */
function guest(text: string): string {
  const body = code(text);
  const image = kludge(0, 0x40 + body.length, [MB, MB, 0, 0, MB + 0x40]);
  image.set(body, 0x40);
  return files.write(`guest${number++}.elf`, image);
}

const HELLO = inRoot("roms/hello.elf");

describe("vmexit run", () => {
  it("boots a kernel: its output is stdout, its code the process's", async () => {
    expect(await vmexit("run", HELLO)).toEqual({ code: 33, stdout: "Hello from ring 0.\n", stderr: "" });
  });

  it("understands QEMU's command lines, with or without the subcommand", async () => {
    const words = ["-kernel", HELLO, "-m", "16", "-serial", "stdio", "-display", "none", "-no-reboot"];
    const device = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"];
    expect(await vmexit(...words, ...device)).toMatchObject({ code: 33, stdout: "Hello from ring 0.\n" });
    expect(await vmexit("run", ...words, "-nographic")).toMatchObject({ code: 33 });
  });

  it.each<[string, string, string[], number, RegExp]>([
    ["a guest exit", EXIT_33, [], 33, /^$/],
    ["a power-off", POWER_OFF, [], 0, /^$/],
    ["a triple fault", TRIPLE_FAULT, [], 101, /^vmexit: triple fault at 0008:00100040, after 0 instructions\n$/],
    [
      "HLT with interrupts off",
      HALT,
      [],
      102,
      /^vmexit: the processor halted with interrupts off before 0008:00100042, after 2 /,
    ],
    [
      "an instruction budget",
      SPIN,
      ["--max-insns", "1M"],
      103,
      /budget of instructions is used up .*, after 1,000,000 instructions/,
    ],
    [
      "a time budget",
      SPIN,
      ["--max-time", "0.01"],
      103,
      /budget of virtual time is used up .*, after 1,000,000 instructions/,
    ],
    ["a reset", RESET, [], 104, /the guest asked for a reset/],
    ["idleness", IDLE, [], 106, /nothing will ever wake it/],
  ])("ends %s with its own code and one line", async (_name, text, args, exitCode, stderr) => {
    const outcome = await vmexit("run", guest(text), ...args);
    expect(outcome.code).toBe(exitCode);
    expect(outcome.stderr).toMatch(stderr);
    expect(outcome.stderr.split("\n").length).toBeLessThanOrEqual(2);
  });

  it("starts the image again on resets when asked to", async () => {
    expect((await vmexit("run", guest(RESET), "--reboot", "--max-insns", "5000")).code).toBe(103);
  });

  it("prints a summary as the last line of stdout, equal for equal runs", async () => {
    const image = guest(SEND_A);
    const summary = async () => {
      const { stdout } = await vmexit("run", image, "--json");
      expect(stdout).toMatch(/^A\n\{/);
      return JSON.parse(stdout.slice(2));
    };
    const [one, two] = [await summary(), await summary()];
    expect(one).toMatchObject({
      image,
      format: "multiboot",
      exit: { kind: "guest-exit", code: 33, processCode: 33 },
      instructions: 5,
      ticks: 5,
      callOuts: { portWrites: 2 },
      exceptions: {},
      unknownPorts: [],
      memoryBytes: 128 << 20,
    });
    expect(one.stateHash).toMatch(/^[0-9a-f]{64}$/);
    for (const volatile of ["hostSeconds", "mips"]) {
      expect(one[volatile]).toBeGreaterThan(0);
      delete one[volatile];
      delete two[volatile];
    }
    expect(one).toEqual(two);
  });

  it("writes the summary, serial ports and debug console into files", async () => {
    const image = guest(`66baf802 b042 ee 66bae900 b043 ee ${SEND_A}`);
    const [json, com1, com2, debug] = ["s.json", "com1", "com2", "debug"].map((name) => files.path(name)) as [
      string,
      string,
      string,
      string,
    ];
    const args = [
      "--serial",
      `file:${com1}`,
      "-serial",
      `file:${com2}`,
      "-debugcon",
      `file:${debug}`,
      `--json=${json}`,
    ];
    expect(await vmexit("run", image, ...args)).toEqual({ code: 33, stdout: "", stderr: "" });
    expect([com1, com2, debug].map((path) => readFileSync(path, "latin1"))).toEqual(["A", "B", "C"]);
    expect(JSON.parse(readFileSync(json, "utf8")).exit.kind).toBe("guest-exit");
  });

  it("prints the text screen and statistics", async () => {
    const image = guest(`66c705 00800b00 4807 66c705 a2800b00 6907 e5fa ${EXIT_33}`);
    const { stdout, stderr } = await vmexit("run", image, "--screen", "--stats");
    expect(stdout).toBe("H\n i\n");
    expect(stderr).toMatch(/^instructions +5$/m);
    expect(stderr).toMatch(/^unknown port +0xfa \(numeric coprocessor\): 1 in, 0 out$/m);
  });

  it("types keys, after a wait if asked for", async () => {
    const scanCode = "e464 a801 74fa e460 e6e9"; // wait for the 8042, read, print on E9
    const image = guest(`${scanCode.repeat(4)} ${EXIT_33}`);
    const { stdout } = await vmexit("run", image, "--keys", "a{wait 0.5}{esc}", "--debugcon", "stdio");
    expect(Buffer.from(stdout, "latin1").toString("hex")).toBe("1e9e0181");
  });

  it("hands command line, modules and memory size over", async () => {
    const printString = `8b7310 ac 84c0 7407 66baf803 ee ebf4 ${EXIT_33}`; // mov esi, [ebx+16]; print to the zero
    const image = guest(printString);
    expect((await vmexit("run", image, "--append", "a b=c")).stdout).toBe(`${image} a b=c`);
    const module = files.write("module.txt", "text");
    const withModule = guest(`8b5318 8b32 8b4a04 29f1 66baf803 f36e ${EXIT_33}`); // print the first module
    expect((await vmexit("run", withModule, "--module", `${module}=x`)).stdout).toBe("text");
    expect((await vmexit("run", withModule, "-initrd", `${module} x,${HELLO}`)).stdout).toBe("text");
    const memory = guest(`8b4308 c1e80a e6f4`); // mem_upper in MB
    expect((await vmexit("run", memory, "-m", "64M")).code).toBe(63 * 2 + 1);
  });
});

describe("input", () => {
  it("from a pipe reaches COM1, and its end ends a guest that only waits", async () => {
    const running = start("run", guest(ECHO), "--max-insns", "500M");
    running.send("hel");
    await running.prints("hel");
    running.send("lo");
    await running.prints("hello");
    running.kill("SIGINT");
    const { code: exitCode, stderr } = await running.outcome;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/^vmexit: ended by an interrupt signal, after [\d,]+ instructions\n$/);
  });

  it("from a file is there from the start and makes equal runs", async () => {
    const input = files.write("input", "abc");
    const image = guest(`${ECHO.replace("ebef", "3c63 75eb")} ${EXIT_33}`); // until "c"
    const runs = [
      await vmexit("run", image, "--input", input, "--json"),
      await vmexit("run", image, "--input", input, "--json"),
    ];
    const [one, two] = runs.map(({ stdout }) => JSON.parse(stdout.split("\n")[1]!));
    expect(runs[0]!.stdout.split("\n")[0]).toBe("abc");
    expect(one.stateHash).toBe(two.stateHash);
    expect(one.ticks).toBe(two.ticks);
  });

  it("SIGTERM ends a run as cleanly", async () => {
    const running = start("run", guest(`66baf803 b041 ee ${SPIN}`));
    await running.prints("A");
    running.kill("SIGTERM");
    expect((await running.outcome).code).toBe(143);
  });

  it("a guest that sleeps is not run ahead while input may come", async () => {
    const gate = "c70540000000 65000800 c70544000000 008e1000"; // vector 8 to 8:00100065, the last five bytes
    const image = guest(`${gate} b0fe e621 fb 66baf803 b041 ee f4 ebfd 9090 b020 e620 cf`);
    const running = start("run", image, `--json=${files.path("sleep.json")}`);
    await running.prints("A");
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.kill("SIGINT");
    expect((await running.outcome).code).toBe(130);
    const { virtualSeconds, exit, interrupts } = JSON.parse(readFileSync(files.path("sleep.json"), "utf8"));
    expect(exit.kind).toBe("stopped");
    expect(interrupts).toBeGreaterThan(3);
    expect(virtualSeconds).toBeLessThan(10);
  });
});

describe("what cannot be run is refused in one sentence and with a code", () => {
  const elf64 = elf({ entry: MB, elfClass: 2, segments: [{ vaddr: MB, data: code(SPIN) }] });
  const good = elf({ entry: MB, segments: [{ vaddr: MB, data: code(COUNT) }] });
  it.each<[string, () => string[], number, RegExp]>([
    ["no image", () => ["run"], 64, /expected an image to boot: vmexit run IMAGE$/],
    [
      "a missing file",
      () => ["run", files.path("absent.elf")],
      66,
      /cannot read image .*absent\.elf: there is no such file$/,
    ],
    ["a folder", () => ["run", inRoot("roms")], 66, /it is a directory$/],
    ["an empty file", () => ["run", files.write("empty", "")], 65, /the image is empty/],
    ["text", () => ["run", files.write("text", "#!/bin/sh\n")], 65, /expected a Multiboot kernel.*found 10 bytes/],
    [
      "a 64-bit ELF",
      () => ["run", files.write("elf64", elf64)],
      65,
      /expected a 32-bit ELF file and found a 64-bit one.*offset 0x4$/,
    ],
    [
      "a truncated ELF",
      () => ["run", files.write("cut", good.subarray(0, good.length - 1))],
      65,
      /the image is truncated.*offset 0x38$/,
    ],
    [
      "a Multiboot header that points outside the image",
      () => ["run", files.write("outside", kludge(0, 0x100, [MB, MB, MB + 0x1000, 0, MB]))],
      65,
      /load_end_addr 0x101000 is outside the image.*offset 0x14$/,
    ],
    ["no memory", () => ["run", HELLO, "-m", "0"], 64, /--memory: expected a memory size .* and found "0"$/],
    ["an unknown flag", () => ["run", HELLO, "--memroy", "4"], 64, /unknown option --memroy; did you mean --memory\?$/],
    ["two images", () => ["run", HELLO, "-kernel", HELLO], 64, /expected one image and found/],
    ["words behind the image", () => ["run", HELLO, "x"], 64, /text for the kernel goes into --append$/],
    ["an unknown subcommand", () => ["runn", HELLO], 64, /unknown subcommand runn; did you mean run\?/],
    ["an unknown device", () => ["run", HELLO, "-device", "e1000"], 64, /expected isa-debug-exit and found "e1000"/],
    ["a display", () => ["run", HELLO, "-display", "gtk"], 64, /-display gtk is not offered; only none is$/],
    [
      "a strange port",
      () => ["run", HELLO, "--serial", "tcp:1"],
      64,
      /expected stdio, none or file:PATH and found "tcp:1"/,
    ],
    [
      "a file that cannot be written",
      () => ["run", HELLO, "--serial", `file:${inRoot("roms")}/x/y`],
      74,
      /cannot write .*no such file/,
    ],
    ["a missing module", () => ["run", HELLO, "--module", "/no/such"], 66, /cannot read module \/no\/such/],
    ["a missing initrd", () => ["run", HELLO, "--initrd", "/no/such"], 66, /cannot read module \/no\/such/],
    ["a strange key", () => ["run", HELLO, "--keys", "{hyper}"], 64, /--keys: expected the name of a key/],
    ["an open brace", () => ["run", HELLO, "--keys", "a{down"], 64, /closing brace/],
    ["a strange format", () => ["run", HELLO, "--format", "exe"], 64, /--format: expected auto, .* and found "exe"$/],
    [
      "a strange time",
      () => ["run", HELLO, "--max-time", "soon"],
      64,
      /--max-time: expected a number of seconds and found "soon"$/,
    ],
    ["a strange clock", () => ["run", HELLO, "--clock", "1"], 64, /--clock: expected a rate/],
    ["a strange date", () => ["run", HELLO, "--rtc", "yesterday"], 64, /--rtc: expected a date and time/],
    [
      "a debug-exit port that is taken",
      () => ["run", HELLO, "-device", "isa-debug-exit,iobase=0x3f8"],
      64,
      /0x3f8|3F8/i,
    ],
  ])("%s", async (_name, args, exitCode, sentence) => {
    const { code: found, stdout, stderr } = await vmexit(...args());
    expect(stderr).toMatch(/^vmexit: [^\n]+\n$/);
    expect(stderr.trimEnd()).toMatch(sentence);
    expect([found, stdout]).toEqual([exitCode, ""]);
  });
});
