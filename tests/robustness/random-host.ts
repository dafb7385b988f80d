/**
 * A host that answers at random and does what hosts may do from call-backs: interrupts, DMA, the A20 gate, stops. What it does is a
 * function of its seed and of the calls made, not of how the calls came about.
 */
import type { Core, CoreHost } from "../../src/core/core.js";
import { Random } from "../random.js";
import { RAM_BYTES } from "./random-machine.js";

/** What a host may do to its machine from call-backs. */
export type Wires = Pick<Core, "setInterruptLine" | "raiseNmi" | "setA20" | "requestStop" | "writeRam">;

/** The host of one machine; `start` begins a new case. */
export class RandomHost implements CoreHost {
  /** Call-backs made in this case. */
  calls = 0;
  /** Stops this host asked for in this case. */
  stops = 0;
  private random = new Random(0);
  private core: Wires | undefined;
  private most = 0;

  /** `quiet`: an interrupt acknowledge cycle has no other effect, as with real interrupt controllers. */
  constructor(private readonly quiet = false) {}

  /** Starts a case on a machine. After `most` call-backs every further one asks for a stop. */
  start(core: Wires, seed: number, most: number): void {
    this.core = core;
    this.random = new Random(seed);
    this.calls = 0;
    this.stops = 0;
    this.most = most;
  }

  /** True if the case has made all the call-backs it may. */
  get exhausted(): boolean {
    return this.calls >= this.most;
  }

  private act(): number {
    const { random, core } = this;
    if (core === undefined) return 0;
    this.calls++;
    if (this.exhausted) core.requestStop();
    const dice = random.below(200);
    if (dice < 4) core.setInterruptLine(true);
    else if (dice < 8) core.setInterruptLine(false);
    else if (dice === 8) core.raiseNmi();
    else if (dice === 9) core.setA20(random.chance(70));
    else if (dice < 14) {
      core.requestStop();
      this.stops++;
    } else if (dice < 17) {
      const bytes = Uint8Array.from({ length: random.between(1, 100) }, () => random.below(256));
      core.writeRam(random.below(RAM_BYTES - bytes.length), bytes);
    }
    return random.bits();
  }

  portRead(): number {
    return this.act();
  }

  portWrite(): void {
    this.act();
  }

  mmioRead(): number {
    return this.act();
  }

  mmioWrite(): void {
    this.act();
  }

  acknowledgeInterrupt(): number {
    this.core?.setInterruptLine(false);
    return (this.quiet ? this.random.bits() : this.act()) & 0xff;
  }
}
