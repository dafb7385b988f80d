/**
 * Numbers that change how fast translated code is and how soon it exists, never what it does.
 */

/** Instructions a block may take in the interpreter before it is translated: a small module costs about as much as these. */
export const HEAT = 30_000;
/** Milliseconds the translator may take before it is held to its share of the time. */
export const FREE_MILLISECONDS = 30;
/** Misses of an instruction that count when its region is made anew. */
export const MISSES = 8;
/** Share of the time since the start that translating may take: beyond it, blocks have to prove their heat again. */
export const SHARE = 0.12;
/** The same for code in a page whose code keeps being overwritten. */
export const RESTLESS_HEAT = 50_000;
/** How often code in a page may have been overwritten before it is left to the interpreter. */
export const MAX_KILLS = 16;
/** Most instructions in a region. */
export const MAX_INSNS = 1200;
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
