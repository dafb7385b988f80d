/** Every guest of roms/ under every monitor, interpreted. */
import { everyGuest } from "./every-guest.js";
import { WAYS } from "./ways.js";

everyGuest(WAYS, "interpreter");
