/**
 * A host call-back may ask run() to return. That is the host's business: the guest's state and virtual time do not change by it,
 * not even in the middle of a repeated instruction.
 */
import { describe, expect, test } from "vitest";
import { ExitReason } from "../../assembly/abi/exit.js";
import { flatCore, program } from "../cpu/flat-core.js";
import { Random } from "../random.js";

const BUFFER = 0x100000;
const DEVICE = 0x8000000;
const TICKS = 400;

const dword = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

/** mov ecx, count; mov edi, to; mov esi, from; mov edx, 80; then the instruction, inc ebx and a jump back to it. */
function repeated(count: number, to: number, from: number, instruction: number[]): number[] {
  const start = [0xb9, ...dword(count), 0xbf, ...dword(to), 0xbe, ...dword(from), 0xba, ...dword(0x80)];
  return [...start, ...instruction, 0x43, 0xeb, 0xfe];
}

const PROGRAMS: Record<string, number[]> = {
  "REP OUTSB": repeated(150_000, BUFFER, BUFFER, [0xf3, 0x6e]),
  "REP INSB": repeated(150_000, BUFFER, BUFFER, [0xf3, 0x6c]),
  "REP MOVSB to a device": repeated(100_000, DEVICE, BUFFER, [0xf3, 0xa4]),
  "REP MOVSB from a device": repeated(131_072, BUFFER, DEVICE, [0xf3, 0xa4]),
  "REPE CMPSB with a device": repeated(65_537, BUFFER, DEVICE, [0xf3, 0xa6]),
  // in al,80; out 80,al; jump back
  "single accesses": [0xe4, 0x80, 0xe6, 0x80, 0x43, 0xeb, 0xf9],
};

/** Runs a program; a call-back asks for a stop when `stop` says so. Returns the final state and the number of stops. */
function finalState(code: number[], stop: () => boolean) {
  let stops = 0;
  const touch = () => {
    if (!stop()) return 0;
    core.requestStop();
    return 0;
  };
  const core = flatCore({ portRead: touch, portWrite: touch, mmioRead: touch, mmioWrite: touch });
  program(core, ...code);
  const end = core.time + TICKS;
  while (core.time < end) {
    const reason = core.run(end - core.time);
    if (reason === ExitReason.HOST_REQUEST) stops++;
    else expect(reason).toBe(ExitReason.BUDGET);
  }
  const { eax, ebx, ecx, edx, esi, edi, eip, eflags, retired } = core.cpu;
  return { stops, state: { eax, ebx, ecx, edx, esi, edi, eip, eflags, retired, time: core.time } };
}

describe("a stop that the host asks for", () => {
  test.each(Object.entries(PROGRAMS))("changes nothing in %s", (_name, code) => {
    const whole = finalState(code, () => false);
    expect(whole.stops).toBe(0);
    for (const seed of [1, 2, 3]) {
      const random = new Random(seed);
      const stopped = finalState(code, () => random.below(20) === 0);
      expect(stopped.stops).toBeGreaterThan(3);
      expect(stopped.state).toEqual(whole.state);
    }
    expect(finalState(code, () => true).state).toEqual(whole.state);
  });
});
