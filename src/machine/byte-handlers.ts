/**
 * The host's ends of the guest's output: any number of handlers, all called with every byte.
 */
import { ConfigError, show } from "./machine-config.js";

/** Called with each byte the guest sends, inside the instruction that sends it. */
export type ByteHandler = (byte: number) => void;

/** Handlers that all hear the same bytes. */
export class HandlerSet {
  readonly #handlers = new Set<ByteHandler>();

  /** Adds a handler; the returned function takes it away again. */
  add(handler: ByteHandler): () => void {
    if (typeof handler !== "function") throw new ConfigError(`expected a handler function and found ${show(handler)}`);
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Hands a byte to every handler, in the order they were added. */
  call(byte: number): void {
    for (const handler of this.#handlers) handler(byte);
  }
}
