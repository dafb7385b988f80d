/** The guests from Debian packages in a virtual machine on shadow page tables. */
import { ladder } from "../guests/ladder.js";

ladder({ vmm: "vt", mmu: "shadow" });
