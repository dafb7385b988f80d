/** A hostile kernel's own code: random instructions in ring 1 and in ring 3, after which all that the monitor keeps true still is. */
import { expect, test } from "vitest";
import { Random } from "../../random.js";
import { Hypercall } from "../../../src/vmm/pv/abi.js";
import { audit } from "./audit.js";
import { CODE, DomainMachine, SCRATCH } from "./domain-machine.js";

const SEED = Number(process.env.VMEXIT_SEED ?? 20261121);
const DOMAINS = Number(process.env.VMEXIT_STEPS ?? 12);
const PROGRAMS = 40;
const PAGE = SCRATCH + 0x4000;
/** Beginnings of instructions that have to do with privilege: system instructions, segment loads, returns, flags, ports. */
const LIKELY = [
  0x0f, 0x0f, 0x8e, 0x9d, 0xcf, 0xcb, 0xca, 0x9a, 0xea, 0xcd, 0xcc, 0xce, 0x17, 0x1f, 0x07, 0xe6, 0xec, 0xf4, 0xc4,
  0xc5,
];

test("random code in a domain", { timeout: 120_000 }, () => {
  const random = new Random(SEED);
  for (let i = 0; i < DOMAINS; i++) {
    const lab = new DomainMachine();
    const kinds = [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 0x80];
    kinds.forEach((vector, at) =>
      lab.put(SCRATCH + 8 * at, vector | (0xe019 << 16) | (vector === 0x80 ? 0x300 : 0), CODE.handler),
    );
    lab.put(SCRATCH + 8 * kinds.length, 0, 0);
    expect(lab.call(Hypercall.SET_TRAP_TABLE, SCRATCH)).toBe(0);
    lab.call(Hypercall.STACK_SWITCH, 0xe021, SCRATCH + 0x3000);
    for (let j = 0; j < PROGRAMS && lab.domain.crashed === undefined; j++) {
      const bytes = Uint8Array.from({ length: 64 }, () =>
        random.below(3) === 0 ? LIKELY[random.below(LIKELY.length)]! : random.below(256),
      );
      const frame = lab.domain.access.translate(PAGE, true);
      if (frame < 0) break;
      lab.domain.memory.bytes.set(bytes, frame);
      lab.domain.memory.written(frame, bytes.length);
      const flags = [0x202, 0x4202, 0x302, 0x40202][random.below(4)]!;
      const registers = () =>
        random.pick(0, random.bits(), PAGE, 0xfc3c_0000, 0xfc00_0000, 0xe021, lab.domain.directory * 4096);
      lab.machine.setRegisters({
        eax: registers(),
        ebx: registers(),
        ecx: registers(),
        edx: registers(),
        esi: registers(),
      });
      lab.machine.setRegisters({ edi: registers(), ebp: registers(), esp: SCRATCH + 0x2000, eflags: flags, eip: PAGE });
      const { exit } = lab.machine.run({ maxInstructions: 40 });
      expect(exit.kind, `${i} ${j}`).not.toBe("host-error");
      expect(audit(lab.domain).slice(0, 3), `${i} ${j}`).toEqual([]);
      expect([1, 2, 3]).toContain(lab.machine.cpu.cpl);
      expect(lab.machine.cpu.eflags & 0x3000).toBe(0);
      if (exit.kind !== "budget") break;
    }
  }
});
