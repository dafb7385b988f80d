/** The inspector shows what is in the tables, changes nothing, and its text is stable. */
import { expect, test } from "vitest";
import { Cr0, Cr4 } from "../../assembly/abi/x86.js";
import { gva } from "../../src/address.js";
import { inspect } from "../../src/mm/inspect.js";
import { inspectionText } from "../../src/mm/inspect-text.js";
import { ShadowMachine } from "./shadow-machine.js";

function guest(pae: boolean) {
  const machine = new ShadowMachine(64, []);
  const { memory } = machine.vm;
  const bytes = pae ? 8 : 4;
  memory.write32(0x1000 + bytes, 0x2007);
  for (let i = 0; i < 16; i++) memory.write32(0x2000 + bytes * i, (i << 12) | 7);
  machine.registers.cr0 = Cr0.PE | Cr0.PG | Cr0.WP;
  machine.registers.cr4 = pae ? Cr4.PAE : 0;
  machine.registers.cr3 = 0x1000;
  machine.registers.pdptes = [0x1001, 0, 0, 0];
  machine.mmu.reload();
  const at = gva(pae ? 0x209123 : 0x409123);
  return { machine, at, subject: { memory, state: machine.registers, shadow: machine.mmu } };
}

test.each([false, true])("three translations of one address, PAE %s", (pae) => {
  const { machine, at, subject } = guest(pae);
  const before = machine.host.memory.bytes.slice();
  const cold = inspect(subject, at);
  expect(Buffer.from(before).equals(machine.host.memory.bytes)).toBe(true);
  expect(cold.guest.entries.map(({ level }) => level)).toEqual(pae ? ["PDPTE", "PDE", "PTE"] : ["PDE", "PTE"]);
  expect([cold.guest.gpa, cold.guest.rights, cold.shadow?.ma]).toEqual([0x9123, "rwrw", undefined]);
  const ma = machine.vm.p2m.mfn(9) * 4096 + 0x123;
  expect([cold.ept?.ma, cold.ept?.entries.length]).toEqual([ma, 4]);
  machine.access(at, false, false);
  expect(inspect(subject, at).shadow).toMatchObject({ ma, rights: "r-r-" });
  machine.access(at, true, false);
  expect(inspect(subject, at).shadow).toMatchObject({ ma, rights: "rwrw" });
  expect(inspect(subject, gva(at + 0x10000)).guest).toMatchObject({ gpa: undefined, errorCode: 0, rights: "----" });
});

test("the text of an inspection", () => {
  const { machine, at, subject } = guest(false);
  machine.access(at, true, true);
  // Machine addresses follow the allocator's permutation, which is not the point here.
  const text = inspectionText(inspect(subject, at)).replace(/ma [0-9a-f]{8}/g, "ma ........");
  const values = text.replace(/ [0-9a-f]{5}(?=[0-9a-f]{3} )/g, " .....").replace(/_[0-9a-f]{5}/g, "_.....");
  expect(values.replace(/pointer [0-9a-f]{5}/, "pointer .....")).toMatchInlineSnapshot(`
    "gva 00409123
    guest tables, 32-bit
      PDE        gpa .....004  ma ........   .....027           P RW US A
      PTE        gpa .....024  ma ........   .....067           P RW US A D
      = gpa .....123  supervisor rw, user rw
    shadow tables, root ma ........
      PDE        ma ........                 .....027           P RW US A  (directory in gfn 1, traced)
      PTE        ma ........                 .....067           P RW US A D  (table in gfn 2, traced)
      = ma ........  supervisor rw, user rw
    EPT, pointer .....05e
      EPT PML4E  ma ........                 00000000_.....007  R W X
      EPT PDPTE  ma ........                 00000000_.....007  R W X
      EPT PDE    ma ........                 00000000_.....007  R W X
      EPT PTE    ma ........                 00800000_.....037  R W X RAM
      = ma ........  RAM
    "
  `);
});
