/**
 * Numbers that change how fast translated code is and how soon it exists, never what it does.
 */

/**
 * Instructions a block of HEAT_LENGTH may take in the interpreter before it is translated: then that has taken about as long as a
 * translation takes, most of which is the engine's optimising compiler in the background.
 */
export const HEAT = 24_000;
/** What a translation costs besides its instructions, as if it were so many more. */
export const OVERHEAD_INSNS = 60;
/** Instructions that may be translated at first. */
export const FREE_INSNS = 6_000;
/** Instructions the guest has to execute for each further one that is translated: so translating takes a bounded share of the time. */
export const PACE = 32_768;
/** Misses of an instruction that count when its region is made anew. */
export const MISSES = 8;
/** Heat, in instructions, of a block in a page whose code keeps being overwritten. */
export const RESTLESS_HEAT = 50_000;
/** Heat of a block whose region had to make room for others: it was hot once. */
export const EVICTED_HEAT = 20_000;
/** Bytes of WebAssembly in the cache of regions. */
export const MAX_CACHE_BYTES = 24 << 20;
/** How often code in a page may have been overwritten before it is left to the interpreter. */
export const MAX_KILLS = 16;
/** Most instructions in a region. */
export const MAX_INSNS = 1200;
/** Instructions from which on a region goes on behind no further call. */
export const FULL = 900;
/** Instructions from which on a region stops where another one begins, instead of taking that code in as well. */
export const MAX_SHARED = 100;
/** Most instructions between the block that got hot and an earlier one its region may begin with. */
export const MAX_CLIMB = 200;
/** Most instructions in one node: the budget is taken for a whole node at once. */
export const MAX_NODE_INSNS = 64;
/** Most linear pages a region's code may lie in. */
export const MAX_PAGES = 128;
/** Most return addresses that a return is compared with. */
export const MAX_RETURN_SITES = 32;
/** Most targets of an indirect branch that a region follows; one that has more follows none. */
export const MAX_TARGETS = 96;
/** How often exits at one branch may have their region made again around the targets they have seen. */
export const MAX_FEEDBACK = 6;
