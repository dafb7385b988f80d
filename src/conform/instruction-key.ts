/**
 * The least decoding a test file needs: prefixes, opcode, ModRM, and the key results are counted under (`01`, `0FA4`, `F7.6`).
 *
 * Deliberately not the machine's own decoder: the judge does not ask the accused. Opcode maps and groups: SDM 2D appendix A.
 */

/** What the front of an instruction says. */
export interface InstructionHead {
  /** `01`, `0FA4`, or with the ModRM digit for opcodes that are groups: `F7.6`, `0FBA.4`. */
  key: string;
  /** One-byte opcode, or 0x0F00 + second byte. */
  opcode: number;
  /** ModRM byte, if the opcode has one. */
  modrm: number | undefined;
  /** Offset of the byte behind the opcode. */
  operandOffset: number;
  /** Segment override as a segment register number (ES 0 … GS 5); the last one counts. */
  override: number | undefined;
  lock: boolean;
  /** 0xF2 or 0xF3, the last one, or 0. */
  repeat: number;
  operandSizePrefix: boolean;
  addressSizePrefix: boolean;
}

const SEGMENT_PREFIXES = new Map([
  [0x26, 0],
  [0x2e, 1],
  [0x36, 2],
  [0x3e, 3],
  [0x64, 4],
  [0x65, 5],
]);

const GROUPS = new Set([
  0x80, 0x81, 0x82, 0x83, 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3, 0xf6, 0xf7, 0xfe, 0xff, 0x0f00, 0x0f01, 0x0fba, 0x0fc7,
]);

function hasModrm(opcode: number): boolean {
  if (opcode >= 0x0f00) {
    const second = opcode & 0xff;
    if (second <= 0x03 || second === 0x0d) return true;
    if (second >= 0x10 && second <= 0x23) return true;
    if (second >= 0x40 && second <= 0x76) return true;
    if (second >= 0x78 && second <= 0x7f) return true;
    if (second >= 0x90 && second <= 0x9f) return true;
    if (second >= 0xa3 && second <= 0xa5) return true;
    return (second >= 0xab && second <= 0xaf) || (second >= 0xb0 && second <= 0xc7) || second >= 0xd0;
  }
  if (opcode < 0x40) return (opcode & 7) < 4;
  if (opcode >= 0x80 && opcode <= 0x8f) return true;
  if (opcode >= 0xd8 && opcode <= 0xdf) return true;
  return [
    0x62, 0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xf6, 0xf7, 0xfe, 0xff,
  ].includes(opcode);
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}

/** Reads prefixes, opcode and ModRM of `bytes`; bytes that are missing count as zero. */
export function headOf(bytes: Uint8Array): InstructionHead {
  const head: InstructionHead = {
    key: "",
    opcode: 0,
    modrm: undefined,
    operandOffset: 0,
    override: undefined,
    lock: false,
    repeat: 0,
    operandSizePrefix: false,
    addressSizePrefix: false,
  };
  let at = 0;
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 0xf0) head.lock = true;
    else if (byte === 0xf2 || byte === 0xf3) head.repeat = byte;
    else if (byte === 0x66) head.operandSizePrefix = true;
    else if (byte === 0x67) head.addressSizePrefix = true;
    else if (SEGMENT_PREFIXES.has(byte)) head.override = SEGMENT_PREFIXES.get(byte);
    else break;
  }
  let opcode = bytes[at++] ?? 0;
  if (opcode === 0x0f) opcode = 0x0f00 | (bytes[at++] ?? 0);
  head.opcode = opcode;
  head.operandOffset = at;
  if (hasModrm(opcode)) head.modrm = bytes[at] ?? 0;
  head.key = opcode >= 0x0f00 ? hex(opcode, 4) : hex(opcode, 2);
  if (GROUPS.has(opcode)) head.key += `.${((head.modrm ?? 0) >> 3) & 7}`;
  return head;
}

/** The form of a key that a filter or mask file uses: upper case, without `0x` and blanks. */
export function normaliseKey(text: string): string {
  return text.trim().toUpperCase().replaceAll(" ", "").replace(/^0X/, "");
}
