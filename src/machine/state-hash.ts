/**
 * The final-state hash: SHA-256 over registers, RAM and device state, so that two runs can be compared in one line.
 * The input is, in order: the register text, the RAM bytes, the device state as JSON; each preceded by its name and
 * length, so that nothing can move from one part to the next unseen. The hash function is loaded when it is first used.
 */

/** One named part of a machine's state. */
export interface StatePart {
  name: string;
  content: string | Iterable<Uint8Array>;
  /** Bytes of a content in pieces. */
  bytes?: number;
}

/** The hash of the parts in order, as 64 hexadecimal digits. */
export function hashState(parts: readonly StatePart[]): string {
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  for (const { name, content, bytes } of parts) {
    const pieces = typeof content === "string" ? [Buffer.from(content, "utf8")] : content;
    hash.update(`${name} ${bytes ?? [...pieces].reduce((sum, piece) => sum + piece.length, 0)}\n`);
    for (const piece of pieces) hash.update(piece);
  }
  return hash.digest("hex");
}
