// What every device has in common: a reset line and a state that can be written down.
// Invariant: `save()` returns plain JSON data that depends on the run only (never on the host), always with the same keys in
// the same order, so that two identical runs have identical snapshots; `load(save())` leaves the device as it was and sets its
// deadlines anew.

/** Plain data, as `JSON.stringify` takes it. */
export type Plain = number | boolean | string | null | readonly Plain[] | { readonly [key: string]: Plain };

/** A chip on the board. */
export interface Device<State = Plain> {
  /** The board's RESET line: what the chip's data sheet says happens, or what its power-on state is. */
  reset(): void;
  /** The whole state of the device as plain data. */
  save(): State;
  /** Takes a state from `save()`. The clock must already show the time at which it was saved. */
  load(state: State): void;
}

/** An output pin that a device drives. */
export type Line = (level: boolean) => void;
