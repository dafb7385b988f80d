/** Every guest of roms/ under the hardware-assisted monitor. */
import { everyGuest } from "./every-guest.js";
import { VT } from "./ways.js";

everyGuest(VT, "translator");
