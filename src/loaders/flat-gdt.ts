/**
 * The descriptor table a protected-mode image starts with: null, flat code and flat data of ring 0, with the code
 * descriptor at the selector a boot protocol names. Layout of a descriptor: SDM 3A 3.4.5.
 */

const CODE_FLAT = 0x00cf9a00_0000ffffn; // base 0, limit 4 GB, present, ring 0, execute/read, 32-bit
const DATA_FLAT = 0x00cf9200_0000ffffn; // base 0, limit 4 GB, present, ring 0, read/write, 32-bit

/** Bytes of a table whose entry at selector `code` is flat code and the next one flat data; the rest is null. */
export function flatGdt(code: number): Uint8Array {
  const bytes = new Uint8Array(code + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(code, CODE_FLAT, true);
  view.setBigUint64(code + 8, DATA_FLAT, true);
  return bytes;
}
