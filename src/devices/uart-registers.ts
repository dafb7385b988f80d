// Register numbers and bits of a 16550A.
// Specified in the National Semiconductor PC16550D data sheet, table II.

/** Register numbers; 0 and 1 are the divisor while LCR.DLAB is set. */
export const UartReg = { DATA: 0, IER: 1, IIR_FCR: 2, LCR: 3, MCR: 4, LSR: 5, MSR: 6, SCRATCH: 7 } as const;

/** Interrupt enable register. */
export const Ier = { RECEIVED: 0x01, EMPTY: 0x02, LINE_STATUS: 0x04, MODEM_STATUS: 0x08, KEPT: 0x0f } as const;

/** Interrupt identification register, from highest priority to lowest; FIFO_ON is set beside the cause. */
export const Iir = {
  LINE_STATUS: 0x06,
  RECEIVED: 0x04,
  TIMEOUT: 0x0c,
  EMPTY: 0x02,
  MODEM_STATUS: 0x00,
  NONE: 0x01,
  FIFO_ON: 0xc0,
} as const;

/** FIFO control register. */
export const Fcr = { ENABLE: 0x01, CLEAR_RECEIVER: 0x02, TRIGGER: 0xc0 } as const;

/** Line control register. */
export const Lcr = { WORD_LENGTH: 0x03, STOP: 0x04, PARITY: 0x08, DLAB: 0x80 } as const;

/** Modem control register. */
export const Mcr = { DTR: 0x01, RTS: 0x02, OUT1: 0x04, OUT2: 0x08, LOOP: 0x10, KEPT: 0x1f } as const;

/** Line status register; TRANSMITTER_EMPTY is holding and shift register together. */
export const Lsr = {
  DATA_READY: 0x01,
  OVERRUN: 0x02,
  PARITY: 0x04,
  FRAMING: 0x08,
  BREAK: 0x10,
  TRANSMITTER_EMPTY: 0x60,
  FIFO_ERROR: 0x80,
} as const;

/** Modem status register: levels, changes of CTS, DSR and DCD four bits below them, and the end of a ring. */
export const Msr = { CTS: 0x10, DSR: 0x20, RI: 0x40, DCD: 0x80, DELTAS: 0x0f, RING_ENDED: 0x04 } as const;
