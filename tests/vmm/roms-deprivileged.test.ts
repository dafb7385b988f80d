/** Every guest of roms/ under ring deprivileging and the hybrid monitor. */
import { everyGuest } from "./every-guest.js";
import { DEPRIVILEGED } from "./ways.js";

everyGuest(DEPRIVILEGED, "translator");
