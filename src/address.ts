/**
 * The five kinds of addresses and frame numbers, as branded numbers: mixing them up is an error of types.
 * Linear and machine addresses have 32 bits, guest-physical ones 36.
 */

declare const kind: unique symbol;
/** A number that only its own kind is assignable to. */
type Branded<Kind extends string> = number & { readonly [kind]: Kind };

/** Guest-virtual address: what segmentation makes of selector and offset. Unsigned, 32 bits. */
export type Gva = Branded<"gva">;
/** Guest-physical address: physical as the guest sees it. Unsigned, 36 bits. */
export type Gpa = Branded<"gpa">;
/** Guest frame number: a gpa less its low 12 bits. */
export type Gfn = Branded<"gfn">;
/** Machine address: an offset into machine RAM. Unsigned, 32 bits. */
export type Ma = Branded<"ma">;
/** Machine frame number. */
export type Mfn = Branded<"mfn">;

/** Bytes of a page and of a frame. */
export const PAGE_BYTES = 4096;
/** Position of the frame number in an address. */
export const PAGE_SHIFT = 12;
/** Offset within a page. */
export const PAGE_MASK = 0xfff;

/** A number as a guest-virtual address, modulo 2^32. */
export const gva = (address: number): Gva => (address >>> 0) as Gva;
/** A number as a guest-physical address. */
export const gpa = (address: number): Gpa => address as Gpa;
/** A number as a guest frame. */
export const gfn = (frame: number): Gfn => frame as Gfn;
/** A number as a machine address, modulo 2^32. */
export const ma = (address: number): Ma => (address >>> 0) as Ma;
/** A number as a machine frame. */
export const mfn = (frame: number): Mfn => frame as Mfn;

/** The frame a guest-physical address lies in. */
export const gfnOf = (address: Gpa): Gfn => Math.floor(address / PAGE_BYTES) as Gfn;
/** The first address of a guest frame. */
export const gpaOf = (frame: Gfn): Gpa => (frame * PAGE_BYTES) as Gpa;
/** The frame a machine address lies in. */
export const mfnOf = (address: Ma): Mfn => (address >>> PAGE_SHIFT) as Mfn;
/** The first address of a machine frame. */
export const maOf = (frame: Mfn): Ma => (frame * PAGE_BYTES) as Ma;
