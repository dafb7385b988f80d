/** GNU Mach under the hybrid monitor: its kernel interpreted, what it starts run directly. */
import { gnuMach } from "../guests/ladder.js";

gnuMach({ vmm: "hybrid" });
