/**
 * Types for the part of `capstone-wasm` 1.0.3 that is used here; the package's own do not resolve under `nodenext`.
 *
 * Feed `disasm` at most 4 KiB at a time: the input is copied to a 64 KiB stack, and an overflow corrupts the module.
 */
declare module "capstone-wasm" {
  /** One disassembled instruction. */
  export interface CapstoneInsn {
    readonly id: number;
    readonly address: number | bigint;
    readonly size: number;
    readonly bytes: Uint8Array | number[];
    readonly mnemonic: string;
    readonly opStr: string;
  }

  /** Names of architectures, modes and options. */
  export const Const: {
    readonly CS_ARCH_X86: number;
    readonly CS_MODE_16: number;
    readonly CS_MODE_32: number;
    readonly [name: string]: number;
  };

  /** One open disassembler handle; usable after `loadCapstone()` has settled. */
  export class Capstone {
    constructor(arch: number, mode: number);
    setOption(option: number, value: number): void;
    /** Throws when the first bytes are no instruction. */
    disasm(bytes: Uint8Array, options?: { address?: number | bigint; count?: number }): CapstoneInsn[];
    close(): void;
  }

  /** Compiles the engine; must settle before the first `new Capstone`. */
  export function loadCapstone(moduleArguments?: object): Promise<void>;
}
