/**
 * The wires between processor and board, in both directions.
 * Safe because: an exception of a device or of a user's handler is caught here, before it could unwind through the
 * processor, and ends the run after the instruction.
 */
import type { Board } from "../devices/board.js";
import type { ProcessorHost } from "../core/processor.js";
import type { CallOuts } from "./statistics.js";

const OPEN_BUS = 0xffffffff;

/** Who hears what happens between processor and board. */
export interface HostListeners {
  /** A device or handler threw. */
  failed(error: Error): void;
  /** The processor takes the interrupt `vector`. */
  acknowledged(vector: number): void;
}

/** What the processor calls: the board's bus, counted in `calls`. */
export function makeProcessorHost(board: () => Board, calls: CallOuts, listeners: HostListeners): ProcessorHost {
  const failed = (error: unknown): number => {
    listeners.failed(error instanceof Error ? error : new Error(String(error)));
    return OPEN_BUS;
  };
  // Guests call these millions of times a second: no closures are made on the way.
  return {
    portRead: (port, size) => {
      calls.portReads++;
      try {
        return board().bus.portRead(port, size);
      } catch (error) {
        return failed(error);
      }
    },
    portWrite: (port, size, value) => {
      calls.portWrites++;
      try {
        board().bus.portWrite(port, size, value);
      } catch (error) {
        failed(error);
      }
    },
    mmioRead: (pa, size) => {
      calls.memoryReads++;
      try {
        return board().bus.mmioRead(pa, size);
      } catch (error) {
        return failed(error);
      }
    },
    mmioWrite: (pa, size, value) => {
      calls.memoryWrites++;
      try {
        board().bus.mmioWrite(pa, size, value);
      } catch (error) {
        failed(error);
      }
    },
    acknowledgeInterrupt: () => {
      calls.interruptAcknowledges++;
      let vector = OPEN_BUS;
      try {
        vector = board().acknowledgeInterrupt();
      } catch (error) {
        failed(error);
      }
      vector &= 0xff;
      listeners.acknowledged(vector);
      return vector;
    },
  };
}
