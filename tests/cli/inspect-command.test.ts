/** `vmexit inspect`: one address through all tables, under every monitor and on the bare machine. */
import { relative } from "node:path";
import { expect, it } from "vitest";
import { inRoot, vmexit } from "./vmexit.js";

// Relative: the path is in the kernel's command line, and what the kernel does with it takes time.
const MINIKERNEL = relative("", inRoot("roms/minikernel.elf"));
/** Two processes are running in ring 3 by then; their code begins at 40000000. */
const LOOK = ["--at", "500k", "--gva", "0x40000010"];

interface Table {
  entries: { level: string; gpa?: number; ma?: number; low: number }[];
  ma?: number;
  gpa?: number;
}
interface Translation {
  gva: number;
  bare: boolean;
  guest: Table & { mode: string; rights: string };
  shadow?: Table;
  ept?: Table & { type: string };
}

async function translation(...args: string[]): Promise<Translation> {
  const { code, stdout, stderr } = await vmexit("inspect", MINIKERNEL, ...LOOK, "--json", ...args);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout).translations[0];
}

it.each([
  ["vt on EPT", ["--vmm", "vt", "--mmu", "ept"], false],
  ["vt on shadow tables", ["--vmm", "vt", "--mmu", "shadow"], true],
  ["trap", ["--vmm", "trap", "--isa", "strict"], true],
  ["hybrid", ["--vmm", "hybrid"], true],
])("under %s the tables agree, and the guest's are those of the bare machine", async (_name, args, shadowed) => {
  const bare = await translation();
  const { guest, shadow, ept } = await translation(...args);
  const own = ({ level, gpa, low }: Table["entries"][number]) => [level, gpa, low];
  expect(guest.entries.map(own)).toEqual(bare.guest.entries.map(own));
  expect([guest.mode, guest.rights, guest.gpa]).toEqual([bare.guest.mode, bare.guest.rights, bare.guest.gpa]);
  expect([ept?.type, ept?.entries.map(({ level }) => level)]).toEqual([
    "RAM",
    ["EPT PML4E", "EPT PDPTE", "EPT PDE", "EPT PTE"],
  ]);
  expect(shadow?.ma).toBe(shadowed ? ept?.ma : undefined);
});

it("prints one line an entry; the bare machine has physical addresses", async () => {
  const { code, stdout } = await vmexit("inspect", MINIKERNEL, ...LOOK);
  const [first, ...rest] = stdout.split("\n");
  expect(first).toMatch(/^on the bare machine, after 500,000 instructions, at [0-9a-f]{4}:[0-9a-f]{8}$/);
  expect([code, rest.join("\n")]).toEqual([
    0,
    `
gva 40000010
guest tables, 32-bit
  PDE        pa 00216400                 00217027           P RW US A
  PTE        pa 00217000                 00103025           P US A
  = pa 00103010  supervisor r-, user r-
`,
  ]);
});

it("follows several addresses; before paging there is nothing to walk", async () => {
  const { stdout } = await vmexit(
    "inspect",
    MINIKERNEL,
    "--at",
    "0",
    "--gva",
    "0x1000",
    "--gva",
    "0xfffff000",
    "--vmm",
    "vt",
  );
  expect(stdout).toContain("under vt, mmu ept, after 0 instructions, at 0008:");
  expect(stdout).toContain("gva 00001000\nguest tables, no paging\n  = gpa 00001000  supervisor rw, user rw\nEPT");
  expect(stdout).toContain("  absent: devices\n");
});

it("says what faults", async () => {
  const { stdout } = await vmexit("inspect", MINIKERNEL, "--at", "500k", "--gva", "0x50000000", "--vmm", "vt");
  expect(stdout).toMatch(/PDE .* absent\n {2}page fault, error code 0\n$/);
});

it.each<[string, string[], RegExp]>([
  ["no number of instructions", ["--gva", "0x1000"], /expected --at N, the number of instructions to run$/],
  ["no address", ["--at", "5"], /expected --gva ADDR, the address to follow$/],
  ["a strange address", ["--at", "5", "--gva", "here"], /^vmexit: --gva: expected a number .* and found "here"$/],
  ["a guest that ends before", ["--at", "9M", "--gva", "0"], /--at: the guest ended after 1,061,\d\d\d instructions/],
  ["a map the monitor cannot use", [...LOOK, "--vmm", "trap", "--mmu", "ept"], /expected --mmu shadow with --vmm trap/],
])("refuses %s in one sentence", async (_name, args, sentence) => {
  const { code, stdout, stderr } = await vmexit("inspect", MINIKERNEL, ...args);
  expect(stderr).toMatch(/^vmexit: [^\n]+\n$/);
  expect(stderr.trimEnd()).toMatch(sentence);
  expect([code, stdout]).toEqual([64, ""]);
});
