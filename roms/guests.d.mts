/** Types of guests.mjs, for the tests. */

/** One run with an expected outcome: an entry of manifest.json. */
export interface GuestRun {
  /** Image and source without extension, relative to the folder of the guests. */
  name: string;
  /** Multiboot command line, without the image's path. */
  append: string;
  /** Status the emulator's process must end with. */
  exitCode: number;
  /** Where the transcript holds. */
  machines: ("vmexit" | "qemu")[];
  /** Lines to type on COM1, each sent when the guest has printed `prompt`. */
  input?: string;
  /** What the guest prints each time it wants a line. */
  prompt?: string;
  /** File name of the expected bytes, when it is not NAME.txt. */
  transcript?: string;
}

/** Absolute path of the folder that holds the guests. */
export const ROMS: string;

/** Every run of manifest.json. */
export function guestRuns(): GuestRun[];

/** Every run of manifest-pv.json: paravirtual images, for `--vmm pv` alone. */
export function pvRuns(): GuestRun[];

/** Absolute path of the expected transcript. */
export function transcriptPath(run: GuestRun): string;

/** Whether the program can be started. */
export function isInstalled(program: string): boolean;

/** Assembles `NAME.asm`, or for NAME-pv the same source as a paravirtual kernel, to the absolute path `output`; throws an Error with nasm's message. */
export function assemble(name: string, output: string): void;

/** Runs a guest under qemu-system-i386; `exitCode` is null when it did not end within `timeoutMs` milliseconds. */
export function runUnderQemu(
  run: GuestRun,
  timeoutMs?: number,
): Promise<{ serial: Buffer; exitCode: number | null }>;
