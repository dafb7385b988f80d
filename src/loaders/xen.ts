/**
 * Paravirtual kernels: ELF files that say by notes that they run in a domain of a Xen-like monitor (docs/pv.md). The loader puts the segments where guest
 * frames will be; the domain builder does the rest.
 */
import type { BootOptions, BootPlan, DomainPlan } from "./boot-plan.js";
import { isElf, readElf } from "./elf32.js";
import { hex, ImageError } from "./image-error.js";
import { ImageReader } from "./image-reader.js";
import { PlanBuilder } from "./plan-builder.js";
import { findXenNotes, type XenNotes } from "./xen-notes.js";

/** True if the image is an ELF file with Xen's notes. */
export function isXen(image: Uint8Array): boolean {
  if (!isElf(image) || image.length < 52 || image[4] !== 1) return false;
  try {
    return findXenNotes(new ImageReader(image)) !== undefined;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

/** Plans a paravirtual kernel. Raises `ImageError` if it is none, or one for another interface. */
export function planXen(image: Uint8Array, options: BootOptions): BootPlan {
  if (options.modules?.length) throw new ImageError("a paravirtual kernel takes an initrd, not modules");
  const elf = readElf(image);
  const notes = findXenNotes(new ImageReader(image));
  if (notes === undefined) {
    throw new ImageError(
      "expected a paravirtual kernel, an ELF file with Xen's notes or a section __xen_guest, and found one without",
    );
  }
  if (notes.pae?.startsWith("yes")) {
    throw new ImageError("the paravirtual kernel wants page tables of three levels (PAE), and this monitor has two");
  }
  const builder = new PlanBuilder(options.ramBytes);
  const virtualBase = notes.virtualBase ?? 0;
  let end = 0;
  for (const segment of elf.segments) {
    const what = `segment ${segment.index}`;
    // A domain's memory has no hole: it is not a PC's.
    const address = segment.physicalAddress - (notes.paddrOffset ?? 0);
    const bytes = image.subarray(segment.fileOffset, segment.fileOffset + segment.fileSize);
    builder.put(address, bytes, what, segment.headerOffset + 12, true);
    end = Math.max(end, address + segment.memorySize);
    if (end > options.ramBytes) {
      throw new ImageError(`${what} does not fit: it ends at ${hex(end)} and RAM at ${hex(options.ramBytes)}`);
    }
  }
  const domain = planDomain(notes, virtualBase, elf.virtualEntry, virtualBase + end, options);
  return {
    format: "xen",
    writes: builder.writes,
    cpu: { mode: "domain", eip: domain.entry },
    domain,
    description: `paravirtual kernel, ${elf.segments.length} segment(s), entry ${hex(domain.entry)}`,
  };
}

function planDomain(
  notes: XenNotes,
  virtualBase: number,
  entry: number,
  end: number,
  options: BootOptions,
): DomainPlan {
  const { hypercallPage } = notes;
  if (
    hypercallPage !== undefined &&
    (hypercallPage % 4096 !== 0 || hypercallPage < virtualBase || hypercallPage >= end)
  ) {
    throw new ImageError(
      `expected a hypercall page inside the kernel, on a page boundary, and found ${hex(hypercallPage)}`,
    );
  }
  if (virtualBase % 4096 !== 0)
    throw new ImageError(`expected a virtual base on a page boundary and found ${hex(virtualBase)}`);
  return {
    virtualBase,
    entry: options.entry ?? notes.entry ?? entry,
    end,
    commandLine: options.commandLine ?? "",
    ...(hypercallPage === undefined ? {} : { hypercallPage }),
    ...(options.initrd === undefined ? {} : { module: options.initrd }),
  };
}
