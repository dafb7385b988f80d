/**
 * Where the guests of this folder come from: Debian packages, found on this machine or fetched with apt-get.
 * Nothing is installed: a package is downloaded and unpacked below node_modules/.cache/vmexit-guests, so no root is needed.
 * If the machine's own package lists do not know a package (another architecture, no lists yet), private lists are used.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** A guest image: the Debian package it is in (with the architecture to ask for) and its path once unpacked. */
export interface PackagedFile {
  readonly package: string;
  readonly path: string;
}

/** The images the tests boot. */
export const IMAGES = {
  multibootExample: { package: "multiboot:all", path: "/usr/lib/multiboot/examples/kernel" },
  invaders: { package: "grub-invaders:amd64", path: "/boot/invaders.exec" },
  bochsLegacyBios: { package: "bochsbios:all", path: "/usr/share/bochs/BIOS-bochs-legacy" },
  bochsBios: { package: "bochsbios:all", path: "/usr/share/bochs/BIOS-bochs-latest" },
  seaBios: { package: "seabios:all", path: "/usr/share/seabios/bios.bin" },
  grubFirmware: { package: "grub-firmware-qemu:amd64", path: "/usr/share/qemu/grub.bin" },
  gnumach: { package: "gnumach-image-1.8-486:i386", path: "/boot/gnumach-1.8-486.gz" },
} as const satisfies Record<string, PackagedFile>;

/** Names of the images. */
export type ImageName = keyof typeof IMAGES;

/** A package could not be found or fetched: the reason a guest is skipped. */
export class PackageUnavailable extends Error {
  override readonly name = "PackageUnavailable";
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, "node_modules", ".cache", "vmexit-guests");
const UNPACKED = join(CACHE, "unpacked");

/** Time limits of one apt-get call in milliseconds. */
const DOWNLOAD_LIMIT = 120_000;
const UPDATE_LIMIT = 180_000;

/** Options that make apt-get use lists of its own below the cache, for the two architectures the packages are built for. */
const PRIVATE_LISTS = [
  `Dir::State::Lists=${join(CACHE, "apt", "lists")}`,
  `Dir::Cache=${join(CACHE, "apt", "cache")}`,
  "APT::Architectures::=amd64",
  "APT::Architectures::=i386",
  "Acquire::Languages=none",
];
const PATIENCE = ["Acquire::http::Timeout=20", "Acquire::Retries=2"];

/** The bytes of an image, unzipped if it is zipped. Raises `PackageUnavailable` with the reason. */
export function imageBytes(name: ImageName): Buffer {
  const bytes = readFileSync(locate(IMAGES[name]));
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes;
}

/** Makes every image available. Returns a sentence for each one that is not. */
export function fetchImages(): Partial<Record<ImageName, string>> {
  const missing: Partial<Record<ImageName, string>> = {};
  for (const name of Object.keys(IMAGES) as ImageName[]) {
    try {
      locate(IMAGES[name]);
    } catch (error) {
      if (!(error instanceof PackageUnavailable)) throw error;
      missing[name] = error.message;
    }
  }
  return missing;
}

/** The file in the cache or installed on this machine; else its package is fetched into the cache. */
function locate(file: PackagedFile): string {
  const cached = join(UNPACKED, file.package.replace(":", "_"), file.path);
  if (existsSync(cached)) return cached;
  if (existsSync(file.path)) return file.path;
  fetchPackage(file.package);
  if (!existsSync(cached)) throw new PackageUnavailable(`Debian package ${file.package} has no file ${file.path}`);
  return cached;
}

/** Downloads a package and unpacks it below the cache. Raises `PackageUnavailable`. */
function fetchPackage(name: string): void {
  mkdirSync(UNPACKED, { recursive: true });
  const stage = mkdtempSync(join(CACHE, "stage-"));
  try {
    const first = apt(["download", name], [], stage, DOWNLOAD_LIMIT);
    if (first !== undefined) {
      updatePrivateLists();
      const second = apt(["download", name], PRIVATE_LISTS, stage, DOWNLOAD_LIMIT);
      if (second !== undefined) throw new PackageUnavailable(`Debian package ${name} cannot be downloaded: ${second}`);
    }
    const archive = readdirSync(stage).find((entry) => entry.endsWith(".deb"));
    if (archive === undefined) throw new PackageUnavailable(`apt-get downloaded no archive for Debian package ${name}`);
    const files = join(stage, "files");
    const unpacked = command("dpkg-deb", ["-x", join(stage, archive), files], stage, DOWNLOAD_LIMIT);
    if (unpacked !== undefined) throw new PackageUnavailable(`Debian package ${name} cannot be unpacked: ${unpacked}`);
    const target = join(UNPACKED, name.replace(":", "_"));
    rmSync(target, { recursive: true, force: true });
    renameSync(files, target);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

let listsUpdated = false;

/** Fills the private lists, once. Lists that arrive only in part may still know the package: the download decides. */
function updatePrivateLists(): void {
  if (listsUpdated) return;
  listsUpdated = true;
  mkdirSync(join(CACHE, "apt", "lists", "partial"), { recursive: true });
  mkdirSync(join(CACHE, "apt", "cache", "archives", "partial"), { recursive: true });
  apt(["update"], PRIVATE_LISTS, CACHE, UPDATE_LIMIT);
}

/** Runs apt-get with `options`; returns what went wrong, `undefined` for success. */
function apt(words: string[], options: string[], cwd: string, limit: number): string | undefined {
  const flags = [...PATIENCE, ...options].flatMap((option) => ["-o", option]);
  return command("apt-get", ["-q", ...flags, ...words], cwd, limit);
}

/** Runs a command; returns its last error line, `undefined` for success. */
function command(file: string, args: string[], cwd: string, limit: number): string | undefined {
  const result = spawnSync(file, args, { cwd, timeout: limit, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  if (result.error !== undefined) {
    const { code } = result.error as NodeJS.ErrnoException;
    return code === "ENOENT" ? `${file} is not on this machine` : result.error.message;
  }
  if (result.status === 0) return undefined;
  const lines = `${result.stdout}\n${result.stderr}`.split("\n").filter((line) => line.trim() !== "");
  return (
    lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? `${file} ended with status ${result.status}`
  );
}
