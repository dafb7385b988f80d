// What a PC/AT compatible usually has at each I/O port, for reports about ports nobody owns.
// Facts from the PC/AT technical reference, the ISA plug-and-play and PCI specifications and common chipset data sheets.
// Invariant: ranges are in ascending order and do not overlap (a test checks it), so the lookup is a binary search.

/** First port, last port, usual owner. */
// biome-ignore format: a table
export const PORT_NAMES: readonly (readonly [first: number, last: number, name: string])[] = [
  [0x0000, 0x000f, "DMA controller 1"],
  [0x0020, 0x0021, "interrupt controller 1"],
  [0x0022, 0x0023, "chipset configuration"],
  [0x002e, 0x002f, "Super I/O configuration"],
  [0x0040, 0x0043, "interval timer"],
  [0x0048, 0x004b, "second interval timer (EISA)"],
  [0x004e, 0x004f, "Super I/O configuration, alternate"],
  [0x0060, 0x0060, "keyboard controller data"],
  [0x0061, 0x0061, "system control port B"],
  [0x0062, 0x0062, "embedded controller data"],
  [0x0064, 0x0064, "keyboard controller command"],
  [0x0066, 0x0066, "embedded controller command"],
  [0x0070, 0x0071, "real-time clock and CMOS"],
  [0x0072, 0x0073, "extended CMOS"],
  [0x0080, 0x0080, "POST code"],
  [0x0081, 0x008f, "DMA page registers"],
  [0x0092, 0x0092, "system control port A"],
  [0x00a0, 0x00a1, "interrupt controller 2"],
  [0x00b2, 0x00b3, "system management interrupt"],
  [0x00c0, 0x00df, "DMA controller 2"],
  [0x00e9, 0x00e9, "debug console"],
  [0x00ed, 0x00ed, "I/O delay"],
  [0x00f0, 0x00ff, "numeric coprocessor"],
  [0x0130, 0x0133, "SCSI adapter"],
  [0x0168, 0x016f, "fourth IDE controller"],
  [0x0170, 0x0177, "secondary IDE controller"],
  [0x01e8, 0x01ef, "third IDE controller"],
  [0x01f0, 0x01f7, "primary IDE controller"],
  [0x0200, 0x020f, "game port"],
  [0x0220, 0x022f, "sound card"],
  [0x0230, 0x0233, "SCSI adapter"],
  [0x023c, 0x023f, "bus mouse"],
  [0x0240, 0x025f, "network or sound card"],
  [0x0274, 0x0277, "ISA plug and play read data"],
  [0x0278, 0x027a, "parallel port 2 and ISA plug and play address"],
  [0x0280, 0x029f, "network card"],
  [0x02a0, 0x02bf, "network card"],
  [0x02e8, 0x02ef, "serial port 4"],
  [0x02f8, 0x02ff, "serial port 2"],
  [0x0300, 0x031f, "network card"],
  [0x0320, 0x032f, "XT disk or MIDI"],
  [0x0330, 0x0337, "SCSI adapter or MIDI"],
  [0x0340, 0x035f, "network or SCSI card"],
  [0x0360, 0x0365, "network card"],
  [0x0366, 0x0366, "fourth IDE control"],
  [0x0367, 0x036d, "network card"],
  [0x036e, 0x036f, "fourth IDE control"],
  [0x0370, 0x0375, "secondary floppy controller"],
  [0x0376, 0x0376, "secondary IDE control"],
  [0x0377, 0x0377, "secondary floppy controller"],
  [0x0378, 0x037a, "parallel port 1"],
  [0x0380, 0x038f, "synchronous serial or sound"],
  [0x03b0, 0x03bb, "monochrome display"],
  [0x03bc, 0x03be, "parallel port (monochrome card)"],
  [0x03c0, 0x03cf, "VGA"],
  [0x03d0, 0x03df, "colour display"],
  [0x03e6, 0x03e6, "third IDE control"],
  [0x03e8, 0x03ef, "serial port 3"],
  [0x03f0, 0x03f5, "floppy controller"],
  [0x03f6, 0x03f6, "primary IDE control"],
  [0x03f7, 0x03f7, "floppy controller"],
  [0x03f8, 0x03ff, "serial port 1"],
  [0x0400, 0x0401, "firmware panic port"],
  [0x0402, 0x0402, "firmware debug console"],
  [0x0403, 0x0403, "firmware debug port"],
  [0x04d0, 0x04d1, "interrupt edge/level control"],
  [0x0505, 0x0505, "firmware debug port"],
  [0x0510, 0x051b, "firmware configuration (fw_cfg)"],
  [0x0600, 0x0603, "ACPI power management event"],
  [0x0604, 0x0605, "ACPI power management control"],
  [0x0608, 0x060b, "ACPI power management timer"],
  [0x0a79, 0x0a79, "ISA plug and play write data"],
  [0x0cf8, 0x0cf8, "PCI configuration address"],
  [0x0cf9, 0x0cf9, "reset control"],
  [0x0cfa, 0x0cfb, "PCI configuration address"],
  [0x0cfc, 0x0cff, "PCI configuration data"],
  [0x5658, 0x5659, "VMware backdoor"],
  [0x8900, 0x8900, "Bochs shutdown"],
  [0xae00, 0xae1f, "PCI hot plug"],
  [0xafe0, 0xafe3, "ACPI general purpose event"],
  [0xb000, 0xb03f, "power management (PIIX4)"],
];

/** What a PC usually has at `port`, or "unassigned". */
export function portName(port: number): string {
  let low = 0;
  let high = PORT_NAMES.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last, name] = PORT_NAMES[middle] as readonly [number, number, string];
    if (port < first) high = middle - 1;
    else if (port > last) low = middle + 1;
    else return name;
  }
  return "unassigned";
}
