/** A cost model from a JSON file: a preset with some numbers of one's own, or all of them. */
import { COST_KEYS, type CostKey, type CostModel, type Figure } from "./model.js";
import { PRESETS, presetNamed } from "./presets.js";

/** What is wrong with a cost file, as a sentence. */
export class CostError extends Error {
  override readonly name = "CostError";
}

const FIELDS = ["name", "title", "base", "cycles", "source"];

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CostError(`expected ${what} and found ${JSON.stringify(value) ?? "nothing"}`);
}

function text(value: unknown, field: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new CostError(`${field}: expected a text and found ${JSON.stringify(value)}`);
}

function figures(cycles: Record<string, unknown>, source: string): Partial<Record<CostKey, Figure>> {
  const found: Partial<Record<CostKey, Figure>> = {};
  for (const [key, value] of Object.entries(cycles)) {
    if (!Object.hasOwn(COST_KEYS, key)) {
      throw new CostError(`cycles.${key}: there is no such cost; vmexit compare --cost list names them`);
    }
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      throw new CostError(`cycles.${key}: expected a number from 0 on and found ${JSON.stringify(value)}`);
    }
    found[key as CostKey] = { value, source };
  }
  return found;
}

/** The model that the text of a cost file describes. Raises `CostError`. */
export function readCostModel(json: string): CostModel {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new CostError(`expected JSON and found something else: ${(error as Error).message}`);
  }
  const file = record(parsed, "an object with name, base and cycles");
  const stray = Object.keys(file).find((field) => !FIELDS.includes(field));
  if (stray !== undefined) throw new CostError(`${stray}: there is no such field; expected ${FIELDS.join(", ")}`);
  const name = text(file.name, "name");
  const base = file.base === undefined ? undefined : presetNamed(text(file.base, "base"));
  if (file.base !== undefined && base === undefined) {
    const names = PRESETS.map((preset) => preset.name).join(", ");
    throw new CostError(`base: expected ${names} and found ${JSON.stringify(file.base)}`);
  }
  const source = file.source === undefined ? "the cost file" : text(file.source, "source");
  const own = figures(record(file.cycles, "cycles to be an object"), source);
  const all = { ...base?.figures, ...own };
  const missing = Object.keys(COST_KEYS).find((key) => !(key in all));
  if (missing !== undefined) throw new CostError(`cycles.${missing}: expected a number, as there is no base`);
  const title = file.title === undefined ? name : text(file.title, "title");
  return { name, title, figures: all as CostModel["figures"] };
}
