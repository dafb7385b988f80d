/**
 * A guest in VMX non-root operation for measurements: flat, paged 1:1, without EPT, executing CPUID for ever.
 */
import { SEG_USABLE } from "../dist/assembly/abi/cpu.js";
import { ExitReason } from "../dist/assembly/abi/exit.js";
import { VMCS_REVISION, VmcsField } from "../dist/assembly/abi/vmcs.js";
import {
  ENTRY_REQUIRED,
  EXIT_REQUIRED,
  PIN_REQUIRED,
  PRIMARY_REQUIRED,
  Primary,
  Secondary,
} from "../dist/assembly/abi/vmx.js";

const VMCS = 0x10_0000;
const DIRECTORY = 0x10_1000;
const CODE = 0x11_0000;
const CR0 = 0x8000_0031;
const CR4_PSE = 0x10;
const FLAT_CODE = 0xc09b;
const FLAT_DATA = 0xc093;
/** CPUID; JMP to it. */
const PROGRAM = [0x0f, 0xa2, 0xeb, 0xfc];

/** Little-endian bytes of a 32-bit value. */
function dword(value) {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

/** Sets up the guest in `core`; returns a function that enters it, takes the CPUID exit and emulates the instruction. */
export function cpuidRoundTrip(core) {
  const { vmclear, vmptrld, vmwrite, vmenter, retireOne } = core.exports;
  core.writeRam(CODE, Uint8Array.from(PROGRAM));
  core.writeRam(DIRECTORY, dword(0xe7));
  core.writeRam(VMCS, dword(VMCS_REVISION));
  vmclear(VMCS);
  vmptrld(VMCS);
  const fields = {
    PIN_CONTROLS: PIN_REQUIRED,
    PRIMARY_CONTROLS: PRIMARY_REQUIRED | Primary.SECONDARY,
    SECONDARY_CONTROLS: Secondary.VPID,
    EXIT_CONTROLS: EXIT_REQUIRED,
    ENTRY_CONTROLS: ENTRY_REQUIRED,
    VPID: 1,
    HOST_CR0: CR0,
    HOST_CS_SELECTOR: 8,
    HOST_SS_SELECTOR: 16,
    HOST_TR_SELECTOR: 24,
    GUEST_CR0: CR0,
    GUEST_CR3: DIRECTORY,
    GUEST_CR4: CR4_PSE,
    GUEST_DR7: 0x400,
    GUEST_RFLAGS: 2,
    GUEST_RIP: CODE,
    GUEST_TR_SELECTOR: 24,
    GUEST_TR_LIMIT: 0x67,
    GUEST_TR_RIGHTS: 0x8b,
    GUEST_LDTR_RIGHTS: SEG_USABLE,
  };
  for (const [name, value] of Object.entries(fields)) vmwrite(VmcsField[name], value);
  vmwrite(VmcsField.LINK_POINTER, -1);
  vmwrite(VmcsField.LINK_POINTER + 1, -1);
  for (let segment = 0; segment < 6; segment++) {
    const code = segment === 1;
    vmwrite(VmcsField.GUEST_ES_SELECTOR + 2 * segment, code ? 8 : 16);
    vmwrite(VmcsField.GUEST_ES_LIMIT + 2 * segment, -1);
    vmwrite(VmcsField.GUEST_ES_RIGHTS + 2 * segment, code ? FLAT_CODE : FLAT_DATA);
  }
  if (vmenter(1, 10) !== ExitReason.CPUID) throw new Error("the guest did not get to its CPUID");
  return () => {
    retireOne(2);
    if (vmenter(0, 1000) !== ExitReason.CPUID) throw new Error("expected a CPUID exit");
  };
}
