/**
 * The machines that random states run on: this one, and Bochs as a witness of what the processor should do. Both boot the same ROM
 * (harness.asm) and print one line for each state.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExitReason } from "../../../assembly/abi/exit.js";
import { Core } from "../../../src/core/core.js";
import { packState, randomState } from "./random-state.js";

/** Size of the ROM: Bochs takes no larger one. */
const ROM_BYTES = 1 << 20;
const ROM_BASE = 0x100000000 - ROM_BYTES;
const HARNESS_BYTES = 0x10000;
/** Where the harness keeps the number of states and the address of their table. */
const COUNT_FIELD = 8;
const TABLE_FIELD = 12;
const DEBUG_PORT = 0xe9;
const EXIT_PORT = 0xf4;
/** No state runs for longer; most take some hundred thousand instructions, of the harness's own. */
const BUDGET = 5_000_000;

/** A ROM that runs the states of these seeds, as many as fit. */
export function statesRom(seeds: Iterable<number>): { rom: Uint8Array; seeds: number[] } {
  const rom = new Uint8Array(ROM_BYTES).fill(0xff);
  const view = new DataView(rom.buffer);
  const harness = ROM_BYTES - HARNESS_BYTES;
  rom.set(readFileSync(new URL("harness.bin", import.meta.url)), harness);
  // The reset vector: a jump from FFF0 to offset 0.
  rom.set([0xe9, 0x0d, 0x00], ROM_BYTES - 16);
  const pointers: number[] = [];
  const taken: number[] = [];
  let at = 0;
  for (const seed of seeds) {
    const packed = packState(randomState(seed));
    if (at + packed.length + 4 * (pointers.length + 2) > harness) break;
    rom.set(packed, at);
    pointers.push(ROM_BASE + at);
    taken.push(seed);
    at = (at + packed.length + 3) & ~3;
  }
  pointers.forEach((pointer, i) => view.setUint32(at + 4 * i, pointer, true));
  view.setUint32(harness + COUNT_FIELD, pointers.length, true);
  view.setUint32(harness + TABLE_FIELD, ROM_BASE + at, true);
  return { rom, seeds: taken };
}

/** What became of each state by its number in the ROM: "E crc" or "S". */
function results(text: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const [, end, number, crc] of text.matchAll(/([ES])([0-9A-F]{8}) (?:([0-9A-F]{8}) )?\n/g)) {
    found.set(Number.parseInt(number!, 16), end === "E" ? `E ${crc}` : "S");
  }
  return found;
}

/** Runs a ROM of states here. Errors: Error if the harness does not come to its end. */
export function runHere(rom: Uint8Array, engine: "blocks" | "step" = "blocks"): Map<number, string> {
  let text = "";
  let done = false;
  const core: Core = Core.create(
    { ramBytes: 2 << 20, romBytes: ROM_BYTES },
    {
      portRead: (_port, size) => 0xffffffff >>> (32 - 8 * size),
      portWrite: (port, _size, value) => {
        if (port === DEBUG_PORT) text += String.fromCharCode(value & 255);
        if (port === EXIT_PORT) {
          done = true;
          core.requestStop();
        }
      },
      mmioRead: (_pa, size) => 0xffffffff >>> (32 - 8 * size),
      mmioWrite: () => undefined,
      acknowledgeInterrupt: () => 0,
    },
  );
  core.rom.set(rom);
  core.reset();
  let before = text.length;
  let steps = 0;
  while (!done) {
    const reason = engine === "blocks" ? core.run(BUDGET) : core.stepOnce();
    if (reason === ExitReason.TRIPLE_FAULT) core.reset();
    else if (reason !== ExitReason.BUDGET && !done) throw new Error(`the harness stopped: exit reason ${reason}`);
    if (engine === "step" && ++steps % BUDGET !== 0) continue;
    if (text.length === before && reason === ExitReason.BUDGET) {
      throw new Error(`a state does not end, after "${text.slice(-24)}"`);
    }
    before = text.length;
  }
  return results(text);
}

/** True if Bochs is installed. */
export function hasBochs(): boolean {
  return spawnSync("bochs", ["--help"]).status === 0;
}

/** Runs a ROM of states in Bochs as a Pentium II. */
export function runInBochs(rom: Uint8Array): Map<number, string> {
  const directory = mkdtempSync(join(tmpdir(), "vmexit-bochs-"));
  const file = (name: string) => join(directory, name);
  writeFileSync(file("states.rom"), rom);
  // The debugger stops at every reset: it is told to go on more often than there are states.
  writeFileSync(file("commands"), "c\n".repeat(2000));
  writeFileSync(
    file("bochsrc"),
    [
      "plugin_ctrl: unmapped=1, biosdev=0, speaker=0, extfpuirq=0, parallel=0, serial=0, gameport=0",
      "config_interface: textconfig",
      "display_library: term",
      `romimage: file=${file("states.rom")}, address=0x${ROM_BASE.toString(16)}`,
      "megs: 32",
      "cpu: model=p2_klamath, count=1, ips=100000000, reset_on_triple_fault=1, ignore_bad_msrs=0",
      "port_e9_hack: enabled=1",
      `log: ${file("log")}`,
      "panic: action=fatal",
      "error: action=ignore",
      "info: action=ignore",
      "debug: action=ignore",
      "",
    ].join("\n"),
  );
  const { stdout } = spawnSync("bochs", ["-q", "-f", file("bochsrc"), "-rc", file("commands")], {
    encoding: "latin1",
    env: { ...process.env, TERM: "xterm" },
    timeout: 120_000,
    killSignal: "SIGKILL",
    maxBuffer: 64 << 20,
  });
  rmSync(directory, { recursive: true });
  return results(stdout.replaceAll("\r", ""));
}
