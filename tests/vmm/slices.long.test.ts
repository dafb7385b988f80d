/** Virtual machines that are stopped on the way, translated. */
import { sameStatesOnTheWay } from "./states-on-the-way.js";

sameStatesOnTheWay("translator");
