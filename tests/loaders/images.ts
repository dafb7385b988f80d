/**
 * Small images built by hand for the loader tests: every header field is a parameter, so that a test can break one.
 */

/** One program header of a made-up ELF file. */
export interface SegmentSpec {
  type?: number;
  offset?: number;
  vaddr: number;
  paddr?: number;
  data: Uint8Array;
  fileSize?: number;
  memorySize?: number;
}

/** Parameters of a made-up ELF file; defaults make a good one. */
export interface ElfSpec {
  entry: number;
  segments: SegmentSpec[];
  elfClass?: number;
  byteOrder?: number;
  type?: number;
  machine?: number;
  phoff?: number;
  phentsize?: number;
  phnum?: number;
}

/** An ELF32 file of the given segments, data behind the headers. */
export function elf(spec: ElfSpec): Uint8Array {
  const headers = 52 + spec.segments.length * 32;
  const size = headers + spec.segments.reduce((sum, segment) => sum + segment.data.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, spec.elfClass ?? 1, spec.byteOrder ?? 1, 1]);
  view.setUint16(0x10, spec.type ?? 2, true);
  view.setUint16(0x12, spec.machine ?? 3, true);
  view.setUint32(0x14, 1, true);
  view.setUint32(0x18, spec.entry, true);
  view.setUint32(0x1c, spec.phoff ?? 52, true);
  view.setUint16(0x28, 52, true);
  view.setUint16(0x2a, spec.phentsize ?? 32, true);
  view.setUint16(0x2c, spec.phnum ?? spec.segments.length, true);
  let offset = headers;
  spec.segments.forEach((segment, index) => {
    const at = 52 + index * 32;
    const words = [
      segment.type ?? 1,
      segment.offset ?? offset,
      segment.vaddr,
      segment.paddr ?? segment.vaddr,
      segment.fileSize ?? segment.data.length,
      segment.memorySize ?? segment.data.length,
      7,
      4,
    ];
    words.forEach((word, field) => {
      view.setUint32(at + field * 4, word, true);
    });
    bytes.set(segment.data, offset);
    offset += segment.data.length;
  });
  return bytes;
}

/** The words of a Multiboot header with a right checksum (or the one given), followed by `more`. */
export function multibootHeader(flags: number, more: number[] = [], checksum?: number): Uint8Array {
  const words = [0x1badb002, flags, checksum ?? -(0x1badb002 + flags) >>> 0, ...more];
  return new Uint8Array(Uint32Array.from(words).buffer);
}

/** A Multiboot image with address fields, the header at `offset`, loaded so that it is at `headerAddress`. */
export function kludge(offset: number, size: number, fields: number[], flags = 0x10003): Uint8Array {
  const bytes = new Uint8Array(size).fill(0x90);
  bytes.set(multibootHeader(flags, fields), offset);
  return bytes;
}

/** Parameters of a made-up bzImage; defaults make a good one of protocol 2.12. */
export interface BzImageSpec {
  version?: number;
  setupSects?: number;
  loadflags?: number;
  syssize?: number;
  headerEnd?: number;
  loadAddress?: number;
  commandLineSize?: number;
  initrdMax?: number;
  pref?: number;
  initSize?: number;
  kernelBytes?: number;
}

/** A bzImage whose protected-mode part is `kernelBytes` NOPs. */
export function bzImage(spec: BzImageSpec = {}): Uint8Array {
  const sects = spec.setupSects ?? 2;
  const kernelBytes = spec.kernelBytes ?? 0x1000;
  const kernelOffset = ((sects || 4) + 1) * 512;
  const bytes = new Uint8Array(kernelOffset + kernelBytes);
  bytes.fill(0x90, kernelOffset);
  const view = new DataView(bytes.buffer);
  view.setUint8(0x1f1, sects);
  view.setUint32(0x1f4, spec.syssize ?? kernelBytes / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x200, 0xeb);
  view.setUint8(0x201, (spec.headerEnd ?? 0x268) - 0x202);
  bytes.set(new TextEncoder().encode("HdrS"), 0x202);
  view.setUint16(0x206, spec.version ?? 0x20c, true);
  view.setUint8(0x211, spec.loadflags ?? 1);
  view.setUint32(0x214, spec.loadAddress ?? 0x100000, true);
  view.setUint32(0x22c, spec.initrdMax ?? 0x7fffffff, true);
  view.setUint32(0x238, spec.commandLineSize ?? 255, true);
  view.setUint32(0x258, spec.pref ?? 0x100000, true);
  view.setUint32(0x260, spec.initSize ?? 0x8000, true);
  return bytes;
}
