/** What the shadow tables cost, in events. */

/** Counters of one shadow MMU. All only grow. */
export class ShadowStatistics {
  /** Faults handled, of all kinds. */
  faults = 0;
  /** Faults the guest's tables do not have: a shadow entry was made or widened. */
  hidden = 0;
  /** Faults the guest's tables have: the guest gets them. */
  true = 0;
  /** Accesses to where there is no memory. */
  mmio = 0;
  /** Stores to ROM. */
  rom = 0;
  /** Stores to traced page tables that had to be emulated. */
  trace = 0;
  /** Accesses that may go on into a page where they fault, and had flags to set: emulated. */
  straddling = 0;
  /** Accesses to the VMM's own range. */
  reserved = 0;
  /** Stores to traced tables that the VMM was told of, whoever made them. */
  stores = 0;
  /** Entries made without a fault of their own. */
  prefetched = 0;
  /** Shadow pages made. */
  created = 0;
  /** Shadow pages that went because there were too many. */
  evicted = 0;
  /** Shadow pages that went because their guest frame is written like data. */
  flooded = 0;
  /** Frames whose leaf tables were left to the guest until the next flush. */
  unsynced = 0;
  /** Frames brought in step again. */
  resynced = 0;
  /** Whole-TLB flushes asked for. */
  flushes = 0;
  /** Single-page flushes asked for. */
  flushedPages = 0;
}
