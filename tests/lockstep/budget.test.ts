/**
 * A run is a function of the guest alone: however its budget is cut, and whichever way its instructions are executed, it ends in
 * the same state at the same virtual time.
 */
import { describe, expect, test } from "vitest";
import { Random } from "../random.js";
import {
  atOnce,
  type Driver,
  ENGINES,
  guestRuns,
  inPieces,
  inTimeSlices,
  type Outcome,
  runCode,
  runGuest,
  stepByStep,
} from "./guest-runs.js";

const SEED = 20260101;
/** Guests that retire more are stepped in the long suite. */
const STEPPED = 500_000;

const dword = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

/** mov ecx, 1500000; loop to itself: by then slices are long, so that deadlines move inside one. */
const WAIT = [0xb9, ...dword(1_500_000), 0xe2, 0xfe];

/** Guests of a few instructions whose repeated I/O makes devices ask for attention in the middle of an instruction. */
const PROGRAMS: Record<string, number[]> = {
  // mov edx,3F8; mov ecx,200000; rep outsb; mov dl,F4; mov dh,0; mov al,1; out dx,al
  "REP OUTSB to the serial port": [
    ...[...WAIT, 0xba, ...dword(0x3f8), 0xb9, ...dword(200_000), 0xf3, 0x6e],
    ...[0xba, ...dword(0xf4), 0xb0, 1, 0xee],
  ],
  // mov edx,40; mov ecx,150000; rep outsb; out F4
  "REP OUTSB to the timer": [
    ...[...WAIT, 0xb0, 0x34, 0xe6, 0x43, 0xba, ...dword(0x40), 0xb9, ...dword(150_000), 0xf3, 0x6e],
    ...[0xba, ...dword(0xf4), 0xb0, 1, 0xee],
  ],
  // mov edi,200000; mov edx,61; mov ecx,150000; rep insb; out F4
  "REP INSB from the timer's gate": [
    ...[...WAIT, 0xbf, ...dword(0x200000), 0xba, ...dword(0x61), 0xb9, ...dword(150_000), 0xf3, 0x6c],
    ...[0xba, ...dword(0xf4), 0xb0, 1, 0xee],
  ],
  // mov edi,200000; mov ecx,1000000; rep stosb; out F4
  "REP STOSB longer than one pause": [
    ...[0xbf, ...dword(0x200000), 0xb9, ...dword(1_000_000), 0xf3, 0xaa],
    ...[0xba, ...dword(0xf4), 0xb0, 1, 0xee],
  ],
};

/** Checks that a guest ends the same way in pieces of instructions and of time. */
function expectSame(whole: Outcome, again: (driver: Driver) => Outcome): void {
  const random = new Random(SEED);
  expect(again(atOnce)).toEqual(whole);
  expect(again(inPieces(() => random.between(1, 10_000)))).toEqual(whole);
  expect(again(inTimeSlices(() => random.between(1, 10_000)))).toEqual(whole);
}

describe.each(ENGINES)("%s", (engine) => {
  test.each(guestRuns())("$name $append: at once, in pieces and step by step", (run) => {
    const whole = runGuest(run, engine, atOnce);
    expect(whole.instructions).toBeGreaterThan(100);
    expectSame(whole, (driver) => runGuest(run, engine, driver));
    if (whole.instructions <= STEPPED) expect(runGuest(run, engine, stepByStep)).toEqual(whole);
  });

  test.each(Object.entries(PROGRAMS))("%s", (_name, code) => {
    const whole = runCode(code, engine, atOnce);
    expect(whole.exit).toEqual({ kind: "guest-exit", code: 3 });
    expectSame(whole, (driver) => runCode(code, engine, driver));
    expect(runCode(code, engine, stepByStep)).toEqual(whole);
  });
});
