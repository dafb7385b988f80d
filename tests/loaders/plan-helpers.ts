/** Carries a plan out into a byte array, as the machine does, and reads words back. */
import { expect } from "vitest";
import type { BootPlan } from "../../src/loaders/boot-plan.js";
import { ImageError } from "../../src/loaders/image-error.js";

/** RAM filled with 0xCC and then written as the plan says, so that zero fill shows. */
export function carryOut(plan: BootPlan, ramBytes: number): DataView {
  const ram = new Uint8Array(ramBytes).fill(0xcc);
  for (const write of plan.writes) {
    if ("bytes" in write) ram.set(write.bytes, write.pa);
    else ram.fill(0, write.pa, write.pa + write.zero);
  }
  return new DataView(ram.buffer);
}

/** The zero-terminated string at `pa`. */
export function cString(ram: DataView, pa: number): string {
  let text = "";
  for (let at = pa; ram.getUint8(at) !== 0; at++) text += String.fromCharCode(ram.getUint8(at));
  return text;
}

/** The invariant of every plan: writes inside RAM, none over another. */
export function expectSound(plan: BootPlan, ramBytes: number): void {
  const ranges = plan.writes
    .map((write) => ({ base: write.pa, end: write.pa + ("bytes" in write ? write.bytes.length : write.zero) }))
    .sort((a, b) => a.base - b.base);
  let previous = 0;
  for (const range of ranges) {
    expect(range.base).toBeGreaterThanOrEqual(previous);
    expect(range.end).toBeGreaterThan(range.base);
    expect(range.end).toBeLessThanOrEqual(ramBytes);
    previous = range.end;
  }
}

/** Runs `plan` and returns the `ImageError` it must raise. */
export function refusal(plan: () => unknown): ImageError {
  try {
    plan();
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    const refused = error as ImageError;
    expect(refused.message).not.toMatch(/undefined|\n/);
    return refused;
  }
  throw new Error("the image was accepted");
}
