/** Every guest of roms/ under binary translation, on the plain ia32 too. */
import { everyGuest } from "./every-guest.js";
import { TRANSLATED } from "./ways.js";

everyGuest(TRANSLATED, "translator");
