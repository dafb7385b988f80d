/**
 * The one error a loader raises: an image (or what was asked of it) cannot be booted.
 * Invariant: the message is a single sentence that says what was expected and what was found; `offset` is where in
 * the image. Nothing else is ever thrown for bad bytes.
 */

/** Writes a number the way messages and listings do: `0x` and lower-case hexadecimal. */
export function hex(value: number): string {
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

/** An image was refused. `offset` is the byte of the image that is wrong, when there is one. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly offset: number | undefined;

  /** Makes the sentence; the offset, if given, is added to it as `at offset 0x…`. */
  constructor(sentence: string, offset?: number) {
    super(offset === undefined ? sentence : `${sentence}, at offset ${hex(offset)}`);
    this.offset = offset;
  }
}
