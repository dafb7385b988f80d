/** The guests from Debian packages on the bare machine. */
import { ladder } from "./ladder.js";

ladder({});
