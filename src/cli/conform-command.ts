/** `vmexit conform`: the conformance runner of src/conform, loaded when it is used. */
import { ConformUsageError } from "../conform/conform-error.js";
import type { MakePlatform } from "../conform/conform.js";
import type { ConformOptions } from "../conform/options.js";
import { runConform } from "../conform/run-conform.js";
import { Hypervisor, machineBytes } from "../vmm/hypervisor.js";
import { DEFAULT_SHADOW_FRAMES, type IsaName, MMUS_OF, mismatch, type MmuKind, type VmmKind } from "../vmm/options.js";

const ISAS: readonly IsaName[] = ["ia32", "umip", "strict"];

/** Monitors that run unmodified guests. */
const KINDS: readonly VmmKind[] = ["vt", "hybrid", "trap", "bt"];

/** Takes an option's value if it is one of those there are. */
function choose<T extends string>(option: string, value: string, possible: readonly T[]): T {
  const found = possible.find((one) => one === value);
  if (found !== undefined) return found;
  throw new ConformUsageError(`--${option}: expected ${possible.join(", ")} and found "${value}"`);
}

/** A maker of the virtual machines that the options ask for. */
function platformFor({ vmm, mmu, isa }: ConformOptions): MakePlatform | undefined {
  if (vmm === "none") return undefined;
  const kind = choose("vmm", vmm, KINDS);
  const map: MmuKind = mmu === undefined ? MMUS_OF[kind][0]! : choose("mmu", mmu, ["ept", "shadow"]);
  const wrong = mismatch(kind, map);
  if (wrong !== undefined) throw new ConformUsageError(wrong);
  const name = choose("isa", isa ?? "umip", ISAS);
  const common = { vmm: kind, mmu: map, isa: name, rings: "0/1/3", diagnose: false } as const;
  return (host, ramBytes, romBytes) => {
    const options = { ...common, ramBytes, shadowFrames: DEFAULT_SHADOW_FRAMES };
    const bytes = machineBytes([{ ...options, ramBytes: ramBytes + romBytes }]);
    return new Hypervisor({ ramBytes: bytes, isa: name }).createVm(options, host);
  };
}

/** Runs the conformance runner and returns its exit code. */
export function conformCommand(args: string[]): Promise<number> {
  return runConform(args, platformFor);
}
