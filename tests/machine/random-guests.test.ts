/** Random bytes as guests of a whole machine: every run ends in a named exit, no device and no loader throws. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMachine, type ExitKind } from "../../src/index.js";

/**
 * Bytes that reach devices often: IN and OUT with ports, STI, HLT, and anything but string I/O, one instruction of
 * which may make 4,096 accesses.
 */
const byte = fc.oneof(
  { weight: 3, arbitrary: fc.nat(255).map((value) => (value >= 0x6c && value <= 0x6f ? 0x90 : value)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf3, 0xfb, 0xf4, 0xcd),
  },
);
// biome-ignore format: a list
const ports = fc.constantFrom(0x20, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x92, 0xa0, 0x3f8, 0x3d4, 0x3c0, 0xcf9, 0x402);

/** Code that loads a port into DX and then does whatever the bytes say. */
const program = fc.array(
  fc.oneof(
    fc.array(byte, { minLength: 1, maxLength: 12 }),
    fc
      .tuple(ports, fc.nat(255), fc.constantFrom(0xec, 0xed, 0xee, 0xef))
      .map(([port, value, io]) => [0xba, port & 255, port >> 8, 0xb0, value, io]),
  ),
  { minLength: 1, maxLength: 40 },
);

describe("random guests", () => {
  it("end in a named exit within their budget", () => {
    const seen = new Map<ExitKind, number>();
    fc.assert(
      fc.property(program, fc.boolean(), (parts, real) => {
        const image = Uint8Array.from(parts.flat());
        const place = real
          ? { address: 0x7c00, mode: "real" as const }
          : { address: 0x100000, mode: "protected" as const };
        const machine = createMachine({ image, format: "flat", memoryBytes: 2 << 20, clockHz: 1_000_000, ...place });
        const { exit, instructions } = machine.run({ maxInstructions: 5_000, maxVirtualSeconds: 0.02 });
        seen.set(exit.kind, (seen.get(exit.kind) ?? 0) + 1);
        if (exit.kind === "host-error") throw exit.error;
        expect(instructions).toBeLessThanOrEqual(5_000);
        expect(machine.stateHash()).toMatch(/^[0-9a-f]{64}$/);
      }),
      { numRuns: 600, seed: 0x5eed },
    );
    for (const kind of ["budget", "triple-fault", "halted"] as const)
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(3);
  });
});
