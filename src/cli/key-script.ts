/**
 * What `--keys` takes: text that is typed, with `\n` for Enter and names in braces for keys without a character, such as
 * `{down}`, `{f1}`, `{ctrl+alt+delete}`; `{wait 2.5}` lets that much virtual time pass first and `{{` is a brace.
 */
import { CliError } from "./cli-error.js";

/** One thing to do on the keyboard. */
export type KeyAction =
  | { type: "text"; text: string }
  | { type: "press"; chord: string }
  | { type: "wait"; seconds: number };

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "\\": "\\", e: "\x1b", b: "\b" };

/** Parses a key script. Raises `CliError`. */
export function parseKeys(flag: string, script: string): KeyAction[] {
  const actions: KeyAction[] = [];
  const type = (text: string): void => {
    const last = actions.at(-1);
    if (last?.type === "text") last.text += text;
    else actions.push({ type: "text", text });
  };
  for (let at = 0; at < script.length; at++) {
    const character = script[at]!;
    if (character === "\\") {
      const escaped = script[++at] ?? "";
      if (ESCAPES[escaped] === undefined)
        throw new CliError(`${flag}: expected \\n, \\t, \\b, \\e or \\\\ and found "\\${escaped}"`);
      type(ESCAPES[escaped]);
    } else if (character !== "{") type(character);
    else if (script[at + 1] === "{") {
      type("{");
      at++;
    } else {
      const close = script.indexOf("}", at);
      if (close < 0)
        throw new CliError(`${flag}: expected a closing brace after "${script.slice(at)}" ({{ types a brace)`);
      actions.push(bracedAction(flag, script.slice(at + 1, close).trim()));
      at = close;
    }
  }
  return actions;
}

function bracedAction(flag: string, word: string): KeyAction {
  const wait = /^wait\s+(\d+(?:\.\d+)?)$/.exec(word);
  if (wait !== null) return { type: "wait", seconds: Number(wait[1]) };
  if (word === "" || word.startsWith("wait")) {
    throw new CliError(`${flag}: expected a key such as {down} or {wait SECONDS} and found "{${word}}"`);
  }
  return { type: "press", chord: word.toLowerCase() };
}
