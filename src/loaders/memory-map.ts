/**
 * The memory map a kernel is told: the one a PC of this size has, so that a kernel prints the same lines here and
 * under QEMU's `isapc`. Types are those of INT 15h AX=E820h (ACPI 6.0, 15): 1 usable, 2 reserved.
 */

/** One range of the map; addresses and lengths in bytes. */
export interface MemoryRange {
  base: number;
  length: number;
  type: 1 | 2;
}

/** End of the memory below 640 KB that is free; the last kilobyte is the BIOS data of a PC. */
export const LOW_MEMORY_END = 0x9fc00;

/** Start of the memory above the ISA hole. */
export const HIGH_MEMORY_START = 0x100000;

/** Smallest RAM a machine can have: everything below is laid out as a PC lays it out. */
export const MIN_RAM_BYTES = 0x100000;

/** The ranges of a machine with `ramBytes` of RAM, in ascending order. */
export function memoryMap(ramBytes: number): MemoryRange[] {
  const map: MemoryRange[] = [
    { base: 0, length: LOW_MEMORY_END, type: 1 },
    { base: LOW_MEMORY_END, length: 0xa0000 - LOW_MEMORY_END, type: 2 },
    { base: 0xf0000, length: 0x10000, type: 2 },
  ];
  if (ramBytes > HIGH_MEMORY_START) {
    map.push({ base: HIGH_MEMORY_START, length: ramBytes - HIGH_MEMORY_START, type: 1 });
  }
  map.push({ base: 0xfffc0000, length: 0x40000, type: 2 });
  return map;
}

/** True if `base … base + length` lies inside one usable range. */
export function isUsable(ramBytes: number, base: number, length: number): boolean {
  return memoryMap(ramBytes).some(
    (range) => range.type === 1 && base >= range.base && base + length <= range.base + range.length,
  );
}
