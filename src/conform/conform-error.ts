/** What can be wrong with the input of `vmexit conform`: a file or a flag. Each is one sentence; neither is a failed test. */

/** A vector, MOO or mask file that is not what it should be: names the file, what was expected, what was found and where. */
export class ConformFileError extends Error {
  override readonly name = "ConformFileError";
  /** Byte offset in the (uncompressed) file, if the problem has one. */
  readonly offset: number | undefined;

  constructor(file: string, sentence: string, offset?: number) {
    super(offset === undefined ? `${file}: ${sentence}` : `${file}: ${sentence} at offset 0x${offset.toString(16)}`);
    this.offset = offset;
  }
}

/** A wrong flag or value on the command line. */
export class ConformUsageError extends Error {
  override readonly name = "ConformUsageError";
}
