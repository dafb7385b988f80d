/**
 * What the run loop needs of a processor, as an interface: the bare core is one, a virtual machine's is another, and the tests'
 * scripted processor a third. Times are ticks of the virtual clock: one for each retired instruction and each delivered event, and those
 * skipped while halted.
 */

/** What the processor asks of its surroundings while it runs. */
export interface ProcessorHost {
  portRead(port: number, size: 1 | 2 | 4): number;
  portWrite(port: number, size: 1 | 2 | 4, value: number): void;
  mmioRead(pa: number, size: 1 | 2 | 4): number;
  mmioWrite(pa: number, size: 1 | 2 | 4, value: number): void;
  acknowledgeInterrupt(): number;
}

/** The part of a processor the run loop drives. */
export interface ProcessorCore {
  /** Virtual time in ticks, exact also inside a call-back. */
  readonly time: number;
  /** Instructions retired since power-on. */
  readonly retired: number;
  /** True between HLT and the event that ends it. */
  readonly halted: boolean;
  /** True if maskable interrupts are on (EFLAGS.IF). */
  readonly interruptsEnabled: boolean;
  /** Runs at most `budget` ticks; returns an `ExitReason`. */
  run(budget: number): number;
  /** Lets virtual time pass without instructions. */
  skipTime(ticks: number): void;
  /** From a call-back: leave `run` after the current instruction. */
  requestStop(): void;
}
