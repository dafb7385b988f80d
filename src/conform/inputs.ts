/** Finds and reads the files of a conformance run: directories in name order, gzip undone, kind told by content. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { ConformFileError } from "./conform-error.js";
import { type FlagMasks, parseMaskFile } from "./mask-file.js";
import { looksLikeMoo } from "./moo.js";
import { looksLikeNative } from "./native-vectors.js";

/** Largest uncompressed file that is accepted: a hostile gzip must not fill memory. */
const MAX_BYTES = 1 << 30;
const NAMES = /\.(moo|vxv)(\.gz)?$/i;

/** A test file in memory, uncompressed. */
export interface TestFile {
  path: string;
  kind: "moo" | "native";
  bytes: Uint8Array;
}

/** Test files of a path: itself, or what a directory holds (below it, too), by name. Raises `ConformFileError` when there are none. */
export function listTestFiles(path: string): string[] {
  if (!existsSync(path)) throw new ConformFileError(path, "expected a file or directory and found nothing");
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => NAMES.test(name))
    .sort();
  if (names.length === 0)
    throw new ConformFileError(path, "expected *.MOO, *.MOO.gz, *.vxv or *.vxv.gz files and found none");
  return names.map((name) => join(path, name));
}

/** Reads one test file. Raises `ConformFileError`. */
export function readTestFile(path: string): TestFile {
  let bytes: Uint8Array = readFileSync(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: MAX_BYTES });
    } catch (error) {
      throw new ConformFileError(path, `expected gzip data: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (looksLikeMoo(bytes)) return { path, kind: "moo", bytes };
  if (looksLikeNative(bytes)) return { path, kind: "native", bytes };
  const found = bytes.length === 0 ? "an empty file" : Buffer.from(bytes.subarray(0, 4)).toString("hex");
  throw new ConformFileError(path, `expected a MOO file ("MOO ") or native vectors ("VMXV") and found ${found}`, 0);
}

/** The masks named on the command line, or those beside a MOO file, or none. */
export class MaskFinder {
  readonly #given: FlagMasks | undefined;
  readonly #found = new Map<string, FlagMasks | undefined>();

  constructor(path: string | undefined) {
    if (path === undefined) return;
    if (!existsSync(path)) throw new ConformFileError(path, "expected a mask file and found nothing");
    this.#given = parseMaskFile(path, readFileSync(path, "utf8"));
  }

  /** Masks for the tests in file `path`. Raises `ConformFileError`. */
  for(path: string): FlagMasks | undefined {
    if (this.#given !== undefined) return this.#given;
    const beside = join(dirname(path), "metadata.json");
    if (!this.#found.has(beside)) {
      this.#found.set(beside, existsSync(beside) ? parseMaskFile(beside, readFileSync(beside, "utf8")) : undefined);
    }
    return this.#found.get(beside);
  }
}
