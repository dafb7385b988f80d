/**
 * VMREAD and VMWRITE of the current VMCS by encoding (SDM 3C appendix B). Control, host and read-only fields are found by arithmetic:
 * Vmx keeps each group in the order of its indices. Guest fields are the CPU state, in guest-fields.ts.
 */
import { VmcsField } from "../abi/vmcs";
import { Changed, InstructionError, NO_VMCS, Vmx } from "../abi/vmx";
import { guestFieldExists, readGuest, writeGuest } from "./guest-fields";
import { vget, vset } from "./state";

/** Groups of fields: width (0: 16 bits, 1: 64, 2: 32, 3: natural) and type (0 control, 1 read-only, 2 guest, 3 host). */
const CONTROL16: u32 = 0;
const HOST16: u32 = 3;
const CONTROL64: u32 = 4;
const READ_ONLY64: u32 = 5;
const CONTROL32: u32 = 8;
const READ_ONLY32: u32 = 9;
const HOST32: u32 = 11;
const CONTROL: u32 = 12;
const READ_ONLY: u32 = 13;
const HOST: u32 = 15;

/** Types of fields. */
const TYPE_READ_ONLY: u32 = 1;
const TYPE_GUEST: u32 = 2;
const TYPE_HOST: u32 = 3;

/** vmread() of a field there is not. */
const NOTHING: u32 = 0;
/** fieldOffset() of a field there is not in Layout.VMX. */
const NO_FIELD: i32 = -1;

/** Offset of word `index` of a group of `size`-byte fields from `first`, if bit `index` of `present` is set. */
function word(first: i32, size: u32, present: u32, index: u32): i32 {
  return index < 32 && ((present >>> index) & 1) != 0 ? first + <i32>(index * size) : NO_FIELD;
}

/** Group of an encoding. */
function groupOf(encoding: u32): u32 {
  return ((encoding >>> 11) & 12) | ((encoding >>> 10) & 3);
}

/** Offset in Layout.VMX of the field with this encoding, or NO_FIELD. */
function fieldOffset(encoding: u32): i32 {
  if ((encoding & 0xffff9000) != 0) return NO_FIELD;
  const group = groupOf(encoding);
  const high = encoding & 1;
  if (high != 0 && (group & 12) != CONTROL64) return NO_FIELD;
  const index = (encoding >>> 1) & 511;
  switch (group) {
    case CONTROL16:
      return word(Vmx.VPID, 4, 1, index);
    case HOST16:
      return word(Vmx.HOST_ES, 4, 0x7f, index);
    case CONTROL64: {
      // I/O bitmaps, MSR bitmap, MSR areas, TSC offset, EPTP.
      const at = word(Vmx.IO_BITMAP_A, 8, 0x213f, index);
      return at < 0 ? at : at + <i32>(high << 2);
    }
    case READ_ONLY64: {
      const at = word(Vmx.GUEST_PHYSICAL, 8, 1, index);
      return at < 0 ? at : at + <i32>(high << 2);
    }
    case CONTROL32:
      // All up to the secondary controls but the TPR threshold.
      return word(Vmx.PIN, 4, 0xbfff, index);
    case READ_ONLY32:
      return word(Vmx.INSTRUCTION_ERROR, 4, 0xff, index);
    case HOST32:
      return word(Vmx.HOST_SYSENTER_CS, 4, 1, index);
    case CONTROL:
      return word(Vmx.CR0_MASK, 4, 0xff, index);
    case READ_ONLY:
      return word(Vmx.QUALIFICATION, 4, 0x21, index);
    case HOST:
      return word(Vmx.HOST_CR0, 4, 0xfff, index);
    default:
      return NO_FIELD;
  }
}

/** Type of an encoding's field. */
function typeOf(encoding: u32): u32 {
  return (encoding >>> 10) & 3;
}

/** True if the field exists. */
export function fieldExists(encoding: u32): bool {
  if (typeOf(encoding) == TYPE_GUEST) return guestFieldExists(encoding);
  return fieldOffset(encoding) != NO_FIELD;
}

/** VMREAD: the field, or 0 if there is none or no current VMCS (Vmx.INSTRUCTION_ERROR tells). */
export function vmread(encoding: u32): u32 {
  if (vget(Vmx.CURRENT) == NO_VMCS) return NOTHING;
  if (!fieldExists(encoding)) {
    vset(Vmx.INSTRUCTION_ERROR, InstructionError.UNSUPPORTED_FIELD);
    return NOTHING;
  }
  if (typeOf(encoding) == TYPE_GUEST) return readGuest(encoding);
  const value = vget(fieldOffset(encoding));
  return (encoding & 0x6000) == 0 ? value & 0xffff : value;
}

/** Remembers `error` and returns it. */
function fail(error: u32): u32 {
  vset(Vmx.INSTRUCTION_ERROR, error);
  return error;
}

/** VMWRITE. Returns 0, or an InstructionError. Without current VMCS nothing happens. */
export function vmwrite(encoding: u32, value: u32): u32 {
  if (vget(Vmx.CURRENT) == NO_VMCS) return 0;
  if (!fieldExists(encoding)) return fail(InstructionError.UNSUPPORTED_FIELD);
  const type = typeOf(encoding);
  if (type == TYPE_READ_ONLY) return fail(InstructionError.READ_ONLY_FIELD);
  if (type == TYPE_GUEST) {
    writeGuest(encoding, value);
    if (encoding != <u32>VmcsField.GUEST_RIP && encoding != <u32>VmcsField.GUEST_RSP) {
      vset(Vmx.CHANGED, vget(Vmx.CHANGED) | Changed.GUEST);
    }
    return 0;
  }
  vset(fieldOffset(encoding), (encoding & 0x6000) == 0 ? value & 0xffff : value);
  vset(Vmx.CHANGED, vget(Vmx.CHANGED) | (type == TYPE_HOST ? Changed.HOST : Changed.CONTROLS));
  return 0;
}
