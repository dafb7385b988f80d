/**
 * Event channels of a domain: what stands for interrupts. A channel has a pending and a mask bit in shared_info, the virtual processor one of each
 * besides; the monitor sets pending bits, the guest clears them.
 * Invariant: the monitor keeps no copy of what is in shared_info.
 */
import type { MachineMemory } from "../../mm/machine-memory.js";
import { CHANNELS, Shared, type Virq, VIRQS } from "./abi.js";

/** What a channel is connected to. */
export enum ChannelState {
  CLOSED = 0,
  UNBOUND = 1,
  INTERDOMAIN = 2,
  VIRQ = 4,
  IPI = 5,
}

/** One channel. */
export interface Channel {
  state: ChannelState;
  /** The virtual interrupt, or the port at the other end. */
  of: number;
}

/** The event channels of a domain. */
export class Events {
  /** By port; port 0 is never used. */
  readonly channels: Channel[] = Array.from({ length: CHANNELS }, () => ({ state: ChannelState.CLOSED, of: 0 }));
  /** True if what is pending may have come to be deliverable. */
  due = false;
  /** True while the virtual processor waits for a port, even one that is masked. */
  polling = false;
  private readonly virqs = new Uint16Array(VIRQS);
  private readonly words: Uint32Array;
  private readonly bytes: Uint8Array;

  /** `shared` is the machine address of shared_info; `wake` ends the waiting of the virtual processor. */
  constructor(
    memory: MachineMemory,
    private readonly shared: number,
    private readonly wake: () => void,
  ) {
    this.words = memory.words;
    this.bytes = memory.bytes;
  }

  /** No channel is open; what is in shared_info is the caller's to clear. */
  reset(): void {
    for (const channel of this.channels) channel.state = ChannelState.CLOSED;
    this.virqs.fill(0);
    this.due = this.polling = false;
  }

  /** The upcall mask. */
  get mask(): number {
    return this.bytes[this.shared + Shared.UPCALL_MASK]!;
  }

  /** Sets it. */
  setMask(mask: number): void {
    this.bytes[this.shared + Shared.UPCALL_MASK] = mask;
  }

  /** True if an upcall is to be made now. */
  get deliverable(): boolean {
    return this.bytes[this.shared + Shared.UPCALL_PENDING] !== 0 && this.mask === 0;
  }

  /** True if something is pending, masked or not. */
  get pending(): boolean {
    return this.bytes[this.shared + Shared.UPCALL_PENDING] !== 0;
  }

  /** A port that is closed, or 0. */
  free(): number {
    const port = this.channels.findIndex(({ state }, i) => i > 0 && state === ChannelState.CLOSED);
    return Math.max(port, 0);
  }

  /** The port a virtual interrupt is bound to, or 0. */
  portOf(virq: number): number {
    return this.virqs[virq]!;
  }

  /** Opens a port. */
  open(port: number, state: ChannelState, of: number): void {
    this.channels[port] = { state, of };
    if (state === ChannelState.VIRQ) this.virqs[of] = port;
  }

  /** Closes a port; the other end of a pair is left alone. */
  close(port: number): void {
    const channel = this.channels[port]!;
    if (channel.state === ChannelState.VIRQ) this.virqs[channel.of] = 0;
    if (channel.state === ChannelState.INTERDOMAIN) this.channels[channel.of]!.state = ChannelState.UNBOUND;
    channel.state = ChannelState.CLOSED;
  }

  /** A virtual interrupt happens; nothing does if it is not bound. */
  raiseVirq(virq: Virq): void {
    const port = this.virqs[virq]!;
    if (port !== 0) this.raise(port);
  }

  /** Something happens at a port. */
  raise(port: number): void {
    const at = (this.shared + Shared.PENDING) / 4 + (port >>> 5);
    const bit = 1 << (port & 31);
    if ((this.words[at]! & bit) !== 0) return;
    this.words[at]! |= bit;
    if (this.polling) this.endPoll();
    if ((this.words[(this.shared + Shared.MASK) / 4 + (port >>> 5)]! & bit) === 0) this.select(port);
  }

  /** The guest unmasks a port: what is pending there is selected. */
  unmask(port: number): void {
    const bit = 1 << (port & 31);
    this.words[(this.shared + Shared.MASK) / 4 + (port >>> 5)]! &= ~bit;
    if ((this.words[(this.shared + Shared.PENDING) / 4 + (port >>> 5)]! & bit) !== 0) this.select(port);
  }

  /** Polling has ended: a port is pending, or it is late enough. */
  endPoll(): void {
    this.polling = false;
    this.wake();
  }

  private select(port: number): void {
    this.words[(this.shared + Shared.PENDING_SEL) / 4]! |= 1 << (port >>> 5);
    this.bytes[this.shared + Shared.UPCALL_PENDING] = 1;
    this.due = true;
    this.polling = false;
    this.wake();
  }

  /** True if the port, such as a guest names it, is pending. */
  isPending(port: number): boolean {
    return (this.words[(this.shared + Shared.PENDING) / 4 + (port >>> 5)]! & (1 << (port & 31))) !== 0;
  }
}
