// What firmware expects to find in a PC's CMOS memory: memory sizes, equipment, boot order, checksum.
// Invariant: a function of the memory size only; the bytes at 0x10–0x2D add up to the checksum at 0x2E–0x2F.
// Specified in the IBM PC/AT technical reference (0x10–0x31); 0x34/0x35, 0x38, 0x3D and 0x5B–0x5F are what Bochs and SeaBIOS read.

const KB = 1024;
const MB = 1024 * KB;

/** CMOS addresses of the configuration bytes. */
export const CmosReg = {
  EQUIPMENT: 0x14,
  BASE_MEMORY: 0x15,
  EXTENDED_MEMORY: 0x17,
  CHECKSUM: 0x2e,
  EXTENDED_MEMORY_POST: 0x30,
  MEMORY_ABOVE_16M: 0x34,
  BOOT_ORDER_HIGH: 0x38,
  BOOT_ORDER: 0x3d,
  MEMORY_ABOVE_4G: 0x5b,
  CPU_COUNT: 0x5f,
} as const;

/** Equipment byte: numeric coprocessor, PS/2 mouse, a display with its own firmware (VGA), no floppy drive. */
const EQUIPMENT_MOUSE = 0x04;
const EQUIPMENT_FPU = 0x02;
/** Boot from disk, then floppy (0x3D), then CD-ROM (high nibble of 0x38). */
const BOOT_ORDER = 0x12;
const BOOT_ORDER_HIGH = 0x30;

/** Writes the configuration of a machine with `ramBytes` of memory into `cmos` (128 bytes). */
export function fillCmos(cmos: Uint8Array, ramBytes: number): void {
  const word = (address: number, value: number): void => {
    cmos[address] = value & 0xff;
    cmos[address + 1] = (value >> 8) & 0xff;
  };
  const base = Math.min(Math.floor(ramBytes / KB), 640);
  const extended = Math.min(Math.max(Math.floor((ramBytes - MB) / KB), 0), 0xffff);
  const above16 = Math.min(Math.max(Math.floor((ramBytes - 16 * MB) / (64 * KB)), 0), 0xffff);
  cmos[CmosReg.EQUIPMENT] = EQUIPMENT_MOUSE | EQUIPMENT_FPU;
  word(CmosReg.BASE_MEMORY, base);
  word(CmosReg.EXTENDED_MEMORY, extended);
  word(CmosReg.EXTENDED_MEMORY_POST, extended);
  word(CmosReg.MEMORY_ABOVE_16M, above16);
  cmos[CmosReg.BOOT_ORDER] = BOOT_ORDER;
  cmos[CmosReg.BOOT_ORDER_HIGH] = BOOT_ORDER_HIGH;
  let sum = 0;
  for (let address = 0x10; address < CmosReg.CHECKSUM; address++) sum += cmos[address];
  cmos[CmosReg.CHECKSUM] = sum >> 8;
  cmos[CmosReg.CHECKSUM + 1] = sum & 0xff;
}
