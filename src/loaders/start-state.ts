/**
 * What every protected-mode image has in common at its first instruction: selectors, where their descriptor table may
 * lie, and a small stack. Boot protocols leave ESP open; a usable one is given, as QEMU and GRUB do.
 */

/** Selector of the flat code segment of Multiboot, ELF and flat images, as under QEMU and GRUB. */
export const PROTECTED_CODE = 0x08;

/** Selector of the flat data segment that goes with it. */
export const PROTECTED_DATA = 0x10;

/** Places for the descriptor table, best first: conventional memory no image is usually loaded to. */
export const GDT_PLACES: readonly number[] = [0x9600, 0x600, 0x7e00, 0x90000];

/** Initial ESP (and SP in real mode): below the address a boot sector is loaded to. */
export const STACK_TOP = 0x7c00;
