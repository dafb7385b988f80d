/**
 * A whole machine: processor, board, clock and the image it boots, made from a plain object.
 * Invariant: a run depends only on the configuration and on what was sent in (serial bytes, keys) and when in virtual
 * time; the host's clock and speed change nothing a guest can see. No guest and no handler can make a method throw from
 * inside the machine: such a run ends in a `host-error` exit.
 */
import { Seg } from "../../assembly/abi/x86.js";
import type { Core } from "../core/core.js";
import type { CpuView } from "../core/cpu-view.js";
import type { GuestRam } from "../core/guest-ram.js";
import type { Platform } from "../core/platform.js";
import { Board } from "../devices/board.js";
import { TEXT_BYTES, TEXT_MEMORY } from "../devices/screen.js";
import { Timers } from "../devices/clock.js";
import type { BootPlan } from "../loaders/boot-plan.js";
import { planBoot } from "../loaders/plan-boot.js";
import { boardOptions } from "./board-options.js";
import { type ByteHandler, HandlerSet } from "./byte-handlers.js";
import { checkPort, configErrors, limit, type SerialPort } from "./arguments.js";
import { type CompleteConfig, ConfigError, checkConfig, type MachineConfig, show } from "./machine-config.js";
import { makeProcessorHost } from "./processor-host.js";
import { processorStateText, type Registers, readRegisters, type SettableRegister } from "./registers.js";
import { makePlatform, vmClock } from "./make-platform.js";
import { RunLoop, type RunLimits } from "./run-loop.js";
import type { RunExit, RunResult } from "./run-result.js";
import { startImage } from "./start-image.js";
import { hashState } from "./state-hash.js";
import { type CallOuts, processorCounts, type Statistics } from "./statistics.js";
import { Translator } from "../translator/translator.js";
import type { Hypervisor } from "../vmm/hypervisor.js";
import { VirtualMachine } from "../vmm/virtual-machine.js";
import { UndefinedOpcodes, unimplementedExit } from "./undefined-opcodes.js";

export type { SerialPort } from "./arguments.js";

/** Limits of one `run`; without any it goes on until something stops the guest. */
export interface RunOptions {
  /** Retire at most this many instructions. */
  maxInstructions?: number;
  /** Let at most this much virtual time pass. */
  maxVirtualSeconds?: number;
  /** Return a `waiting` exit when the processor halts with interrupts on, instead of skipping to the next event. */
  pauseWhenHalted?: boolean;
}

/** Exits after which the machine stays stopped until it is reset. */
const ENDS: ReadonlySet<string> = new Set<RunExit["kind"]>(["powered-off", "triple-fault", "reset", "host-error"]);

/** Registers `setRegisters` takes. */
const SETTABLE: ReadonlySet<string> = new Set<SettableRegister>(
  // biome-ignore format: a list
  ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags", "cr0", "cr2", "cr3", "cr4"],
);

/** What a time in seconds may be off by, in ticks: a caller that asks for "the rest" must not get a tick more for a rounding error. */
const SECONDS_ERROR = 1e-3;

/** A halted processor that no device wakes for this long (virtual seconds) counts as idle. */
const IDLE_SECONDS = 3600;

/** A machine made by `createMachine`. */
export class Machine {
  /** What the image is and where it begins. */
  readonly plan: BootPlan;
  /** The board: devices, bus, interrupt controllers. */
  readonly board: Board;
  /** The translator if the engine is one, for tools that show what it does. */
  readonly translator: Translator | undefined;
  readonly #config: CompleteConfig;
  readonly #platform: Platform;
  readonly #timers = new Timers();
  readonly #loop: RunLoop;
  readonly #callOuts: CallOuts = {
    portReads: 0,
    portWrites: 0,
    memoryReads: 0,
    memoryWrites: 0,
    interruptAcknowledges: 0,
  };
  readonly #exits: Record<string, number> = {};
  readonly #serial: readonly [HandlerSet, HandlerSet] = [new HandlerSet(), new HandlerSet()];
  readonly #debug = new HandlerSet();
  readonly #interrupts = new HandlerSet();
  readonly #undefinedOpcodes = new UndefinedOpcodes();
  #interruptLine = false;
  #nmi = false;
  #hostSeconds = 0;
  #ended: RunExit | undefined;

  /** Builds the machine and loads the image. Raises `ConfigError` or `ImageError`. */
  constructor(config: MachineConfig, hypervisor?: Hypervisor) {
    this.#config = checkConfig(config);
    this.plan = planBoot(this.#config.image, { ...this.#config, ramBytes: this.#config.memoryBytes });
    const { clockHz } = this.#config;
    this.#platform = makePlatform(
      this.#config,
      this.plan,
      {
        clock: vmClock(this.#timers, clockHz),
        ...makeProcessorHost(() => this.board, this.#callOuts, {
          failed: (error) => this.#loop.end({ kind: "host-error", error }),
          acknowledged: (vector) => this.#interrupts.call(vector),
        }),
        undefinedOpcode: (eip) => this.#undefinedOpcodes.note(this.#platform, eip),
        translateRegion: (block) => this.translator?.translate(block),
      },
      hypervisor,
    );
    if (this.#config.engine === "translator") {
      this.translator = this.vm?.hypervisor.translator() ?? new Translator(this.#platform.core);
    }
    this.#loop = new RunLoop({
      core: this.#platform,
      timers: this.#timers,
      interruptPending: () => this.#interruptLine || this.#nmi,
      unimplemented: () => unimplementedExit(this.#platform),
      idleTicks: IDLE_SECONDS * clockHz,
      exits: this.#exits,
    });
    this.board = configErrors("debugExitPort", () => this.#makeBoard());
    this.#start(true);
  }

  /** The processor's registers, by name, to read and to set. */
  get cpu(): CpuView {
    return this.#platform.cpu;
  }

  /** Guest RAM by physical address. */
  get ram(): GuestRam {
    return this.#platform.ram;
  }

  /** The virtual machine the guest runs in, if it runs under a monitor. */
  get vm(): VirtualMachine | undefined {
    return this.#platform instanceof VirtualMachine ? this.#platform : undefined;
  }

  /** The processor under the machine, for tools that trace or check it. */
  get core(): Core {
    return this.#platform.core;
  }

  /** Instructions retired since the machine was made. */
  get instructions(): number {
    return this.#platform.retired;
  }

  /** Ticks in one second of virtual time. */
  get clockHz(): number {
    return this.#config.clockHz;
  }

  /** Virtual time in ticks of `clockHz`. */
  get ticks(): number {
    return this.#platform.time;
  }

  /**
   * Runs until the guest stops or a limit is reached. After a triple fault, power-off, reset request or host error a
   * further call returns the same exit at once, until `reset`. Raises `ConfigError` for limits that are no numbers.
   */
  run(options: RunOptions = {}): RunResult {
    const maxInstructions = limit("maxInstructions", options.maxInstructions);
    const maxTicks = limit("maxVirtualSeconds", options.maxVirtualSeconds) * this.#config.clockHz;
    const pauseWhenHalted = options.pauseWhenHalted === true;
    const before = this.instructions;
    const lastTick = this.ticks + Math.ceil(maxTicks - SECONDS_ERROR);
    const started = performance.now();
    for (;;) {
      const exit =
        this.#ended ??
        this.#guarded({
          maxInstructions: maxInstructions - (this.instructions - before),
          maxTicks: lastTick - this.ticks,
          pauseWhenHalted,
        });
      if (this.#reboots(exit)) {
        this.reset();
        continue;
      }
      if (ENDS.has(exit.kind)) this.#ended = exit;
      this.#hostSeconds += (performance.now() - started) / 1000;
      const { eip } = this.cpu;
      return { exit, instructions: this.instructions - before, cs: this.cpu.segment(Seg.CS).selector, eip };
    }
  }

  /**
   * Executes one tick: an instruction, or the delivery of an exception or interrupt. Returns the exit if it caused one,
   * `undefined` if the machine can go on. A halted processor waits for its next event first.
   */
  step(): RunExit | undefined {
    const result =
      this.#ended ??
      this.#guarded({
        maxInstructions: Number.POSITIVE_INFINITY,
        maxTicks: 1,
        pauseWhenHalted: false,
        singleTick: true,
      });
    if (this.#reboots(result)) {
      this.reset();
      return undefined;
    }
    if (ENDS.has(result.kind)) this.#ended = result;
    return result.kind === "budget" ? undefined : result;
  }

  /** Ends the current or next `run` after the current instruction with a `stopped` exit. */
  stop(): void {
    this.#loop.end({ kind: "stopped" });
  }

  /** Power-on state with the image loaded anew; time, counters and pending input go on. */
  reset(): void {
    if (this.#loop.running) throw new Error("reset: the machine is running; end the run first");
    this.#ended = undefined;
    this.#loop.clear();
    this.#nmi = false;
    this.board.reset();
    this.#start(false);
  }

  /** Under a monitor: gives the machine's frames back to its hypervisor. The machine cannot be used afterwards. */
  destroy(): void {
    this.vm?.destroy();
  }

  /** Calls `handler` with what the guest sends to a serial port (0: COM1). Returns a function that ends it. */
  onSerial(port: SerialPort, handler: ByteHandler): () => void {
    return this.#serial[checkPort(port)].add(handler);
  }

  /** Calls `handler` with what the guest writes to the debug consoles (ports 0xE9 and 0x402). */
  onDebugConsole(handler: ByteHandler): () => void {
    return this.#debug.add(handler);
  }

  /** Calls `handler` with the vector of each external interrupt the processor takes. For tracers; it must not throw. */
  onInterrupt(handler: (vector: number) => void): () => void {
    return this.#interrupts.add(handler);
  }

  /** Sends bytes or text (UTF-8) to a serial port of the guest; they arrive at the programmed speed. */
  sendSerial(data: string | Uint8Array, port: SerialPort = 0): void {
    this.board.serial.send(checkPort(port), typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** Types text on the keyboard: one key press and release after another. */
  typeText(text: string): void {
    this.board.typeText(text);
  }

  /** Presses and releases a key or chord by name, such as `down`, `f1`, `ctrl+alt+delete`. */
  pressKey(chord: string): void {
    this.board.pressKey(chord);
  }

  /** Calls `action` when `seconds` of virtual time have passed from now. */
  after(seconds: number, action: () => void): void {
    this.#timers.at(this.ticks + Math.ceil(limit("after: seconds", seconds) * this.#config.clockHz), action);
  }

  /** The text screen at 0xB8000 as lines without trailing spaces. */
  screenText(): string[] {
    return this.board.screenText(this.ram.read(TEXT_MEMORY, TEXT_BYTES));
  }

  /** A copy of all registers. */
  registers(): Registers {
    return readRegisters(this.cpu);
  }

  /** Sets general registers, EIP, EFLAGS and control registers by name. */
  setRegisters(values: Partial<Record<SettableRegister, number>>): void {
    for (const [name, value] of Object.entries(values)) {
      if (!SETTABLE.has(name))
        throw new ConfigError(`setRegisters: expected a register that can be set and found ${name}`);
      if (!Number.isInteger(value))
        throw new ConfigError(`setRegisters.${name}: expected an integer and found ${show(value)}`);
      this.cpu[name as SettableRegister] = value >>> 0;
    }
  }

  /** A copy of `length` bytes at physical address `pa`. Raises `ConfigError` outside RAM. */
  readPhysical(pa: number, length: number): Uint8Array {
    this.#checkRange("readPhysical", pa, length);
    return this.ram.read(pa, length);
  }

  /** Writes bytes at physical address `pa`; the guest sees them with its next instruction. */
  writePhysical(pa: number, bytes: Uint8Array): void {
    this.#checkRange("writePhysical", pa, bytes.length);
    this.ram.write(pa, bytes);
  }

  /** A copy of bytes at a linear address as supervisor code sees them; `undefined` if a page is not mapped. */
  readLinear(address: number, length: number): Uint8Array | undefined {
    return this.#platform.readLinear(address, length);
  }

  /** Counts since the machine was made. */
  statistics(): Statistics {
    const instructions = this.instructions;
    return {
      instructions,
      ticks: this.ticks,
      virtualSeconds: this.ticks / this.#config.clockHz,
      hostSeconds: this.#hostSeconds,
      mips: this.#hostSeconds > 0 ? instructions / this.#hostSeconds / 1e6 : 0,
      exits: { ...this.#exits },
      callOuts: { ...this.#callOuts },
      ...processorCounts(this.cpu),
      ...(this.vm === undefined ? {} : { vmm: this.vm.statistics() }),
      ...(this.translator === undefined ? {} : { translator: this.translator.statistics() }),
      undefinedOpcodes: this.#undefinedOpcodes.list(),
      unknownPorts: this.board.bus.unknownPorts(),
      unknownMemory: this.board.bus.unknownMemory(),
    };
  }

  /** SHA-256 over registers, RAM and device state: equal for equal runs. */
  stateHash(): string {
    return hashState([
      { name: "processor", content: processorStateText(this.cpu) },
      { name: "ram", content: this.ram.pieces(), bytes: this.ram.length },
      { name: "board", content: JSON.stringify(this.board.save()) },
    ]);
  }

  /** Loads the image; one that is started without firmware finds the devices as firmware leaves them. */
  #start(fresh: boolean): void {
    startImage(this.#platform, this.plan, fresh);
    if (this.plan.cpu.mode !== "reset") this.board.applyFirmwareState();
    if (this.plan.domain !== undefined) this.vm?.startDomain(this.plan.domain);
  }

  /** The board's view of the machine. */
  #makeBoard(): Board {
    const platform = this.#platform;
    const board = new Board({
      ...boardOptions(this.#config, platform),
      timers: this.#timers,
      setInterruptLine: (level) => {
        this.#interruptLine = level;
        platform.setInterruptLine(level);
      },
      raiseNmi: () => {
        this.#nmi = true;
        platform.raiseNmi();
      },
      setA20: (enabled) => platform.setA20(enabled),
      requestReset: () => this.#loop.end({ kind: "reset" }),
      requestExit: (code, source) =>
        this.#loop.end(source === "power-off" ? { kind: "powered-off" } : { kind: "guest-exit", code }),
      rescheduled: () => this.#loop.rescheduled(),
    });
    board.serial.onOutput(0, (byte) => this.#serial[0].call(byte));
    board.serial.onOutput(1, (byte) => this.#serial[1].call(byte));
    board.debugConsole.onOutput = (byte) => this.#debug.call(byte);
    board.firmwareConsole.onOutput = (byte) => this.#debug.call(byte);
    return board;
  }

  /** Runs the loop; a trap of the WebAssembly machine or a failing device timer becomes a `host-error`. */
  #guarded(limits: RunLimits): RunExit {
    if (this.#loop.running)
      throw new Error("run: the machine is already running (called from one of its own handlers)");
    try {
      return this.#loop.run(limits);
    } catch (error) {
      return { kind: "host-error", error: error instanceof Error ? error : new Error(String(error)) };
    } finally {
      this.#nmi = false;
    }
  }

  #reboots(exit: RunExit): boolean {
    if (exit.kind === "reset") return this.#config.onReset === "reboot";
    return exit.kind === "triple-fault" && this.#config.onTripleFault === "reboot";
  }

  #checkRange(method: string, pa: number, length: number): void {
    const ok =
      Number.isInteger(pa) && Number.isInteger(length) && pa >= 0 && length >= 0 && pa + length <= this.ram.length;
    if (ok) return;
    throw new ConfigError(
      `${method}: expected a range inside the ${this.ram.length} bytes of RAM and found ${show(length)} bytes at ${show(pa)}`,
    );
  }
}

/**
 * Makes a machine and loads its image; under a monitor on `hypervisor`, if that is given, beside other machines. Raises `ConfigError`
 * for a wrong field and `ImageError` for a wrong image.
 */
export function createMachine(config: MachineConfig, hypervisor?: Hypervisor): Machine {
  return new Machine(config, hypervisor);
}
