/**
 * What a shadow page is, beside the guest frame it shadows: one guest frame has a shadow page for each role it plays, as in KVM
 * (Documentation/virt/kvm/x86/mmu.rst, kvm_mmu_page_role). A role is a number of 12 bits.
 */

/** Bits of a role. The kind is in bits 0-2. */
export enum Role {
  KIND = 7, // mask of Kind
  PAE = 8,
  RW = 16, // of a leaf table: the directory entry allows stores
  US = 32, // of a leaf table: the directory entry allows user accesses
  DIRTY = 64, // of a split large page: its entry is dirty
  WP = 128, // CR0.WP of the guest
  PSE = 256, // of a 32-bit directory: CR4.PSE of the guest
  RESERVED = 512, // the VMM's reserved range lies in this table
  VIEW = 3072, // mask of View
}

/** What a shadow page shadows. Kinds from DIRECTORY on are directories. */
export enum Kind {
  TABLE = 0, // a guest's page table
  DIRECT = 1, // frames in a row: a guest's large page, or physical memory while paging is off
  BLANK_TABLE = 2, // nothing: a place for the VMM's reserved range
  DIRECTORY = 4, // a guest's page directory
  IDENTITY = 5, // the directory while paging is off
  BLANK_DIRECTORY = 6, // nothing, as above
}

/** Whose accesses the tables serve (bits 10-11 of a role). */
export enum View {
  SPLIT = 0, // supervisor and user, told apart by the processor
  KERNEL = 1024, // the guest's kernel alone, though it runs at CPL 3
  USER = 2048, // the guest's user code alone
}

/** Positions of a directory entry's R/W and U/S bits (bits 1 and 2) in a role. */
export const ACCESS_SHIFT = 3;

/** The kind in a role. */
export function kindOf(role: number): Kind {
  return role & Role.KIND;
}

/** Whether a role is a directory's. */
export function isDirectory(role: number): boolean {
  return (role & Kind.DIRECTORY) !== 0;
}

/** The one number that names a shadow page: guest frame and role. */
export function keyOf(gfn: number, role: number): number {
  return gfn * 4096 + role;
}
