/** The guests from Debian packages in a virtual machine with extended page tables. */
import { ladder } from "../guests/ladder.js";

ladder({ vmm: "vt", mmu: "ept" });
