/**
 * CPUID (SDM 2A "CPUID"): what this processor claims to be. The vendor is its own: guests then leave vendor-specific MSRs alone.
 * Invariant: a feature is claimed exactly if the machine has all of it.
 */
import { Reg } from "../abi/x86";
import { hasUmip } from "../vmx/controls";
import { setReg32 } from "./state";

/** Family 6, model 3, stepping 3, as EDX shows at reset: below that, SEP does not mean SYSENTER (SDM 2A "CPUID"). */
export const SIGNATURE: u32 = 0x633;
/** Leaf 1 EDX: FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV. */
const FEATURES: u32 = 0xa97f;
/** Leaf 7 ECX: UMIP. */
const UMIP: u32 = 4;
/** Highest basic and extended leaves. */
const BASIC_MAX: u32 = 7;
const EXTENDED: u32 = 0x80000000;
const EXTENDED_MAX: u32 = 0x80000004;

function answer(a: u32, b: u32, c: u32, d: u32): void {
  setReg32(Reg.EAX, a);
  setReg32(Reg.EBX, b);
  setReg32(Reg.ECX, c);
  setReg32(Reg.EDX, d);
}

/** Loads EAX, EBX, ECX, EDX with leaf `leaf`, sub-leaf `sub`. A leaf beyond the last one answers like the last basic one. */
export function cpuid(leaf: u32, sub: u32): void {
  switch (leaf) {
    case 0: // "vmexit  i686"
      answer(BASIC_MAX, 0x78656d76, 0x36383669, 0x20207469);
      break;
    case 1:
      answer(SIGNATURE, 0, 0, FEATURES);
      break;
    case 2: // one descriptor byte round, no caches or TLBs described
      answer(1, 0, 0, 0);
      break;
    case EXTENDED:
      answer(EXTENDED_MAX, 0, 0, 0);
      break;
    case EXTENDED + 2: // "vmexit i686 processor": 16 characters a leaf
      answer(0x78656d76, 0x69207469, 0x20363836, 0x636f7270);
      break;
    case EXTENDED + 3:
      answer(0x6f737365, 0x00000072, 0, 0);
      break;
    case EXTENDED + 1:
    case EXTENDED + 4:
      answer(0, 0, 0, 0);
      break;
    case 3:
    case 4:
    case 5:
    case 6:
      answer(0, 0, 0, 0);
      break;
    default:
      answer(0, 0, (leaf > BASIC_MAX || sub == 0) && hasUmip() ? UMIP : 0, 0);
  }
}
