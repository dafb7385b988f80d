// Keys of a 102-key US keyboard and their scan codes.
// Invariant: set 2 is the source. Set 1 is always set 2 sent through the 8042's translation, as on a real AT, so the two can
// never disagree. Facts from the IBM PS/2 keyboard technical reference and Microsoft's keyboard scan code specification.

/** Prefix of the keys an AT keyboard added, of a break code in set 2, and of the pause key. */
const EXTENDED = 0xe0;
const BREAK = 0xf0;
const PAUSE = 0xe1;

/** What the 8042 turns each set 2 byte below 0x80 into; 0x83 and 0x84 become 0x41 and 0x54; other bytes pass unchanged. */
// biome-ignore format: a table
const TRANSLATION = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
];

/** The 8042's translation of keyboard bytes from set 2 to set 1; it swallows 0xF0 and sets bit 7 of what follows. */
export class ScanCodeTranslator {
  /** True when a break prefix has been swallowed. */
  breakSeen = false;

  /** Translates one byte; undefined when it was the break prefix. */
  translate(byte: number): number | undefined {
    if (byte === BREAK) {
      this.breakSeen = true;
      return undefined;
    }
    const code = byte < 0x80 ? TRANSLATION[byte] : byte === 0x83 ? 0x41 : byte === 0x84 ? 0x54 : byte;
    const high = this.breakSeen ? 0x80 : 0;
    this.breakSeen = false;
    return code | high;
  }
}

/** Set 2 code of each key with a plain code; names are lower-case legends of the US layout. */
// biome-ignore format: a table
const PLAIN: Readonly<Record<string, number>> = {
  esc: 0x76, f1: 0x05, f2: 0x06, f3: 0x04, f4: 0x0c, f5: 0x03, f6: 0x0b, f7: 0x83, f8: 0x0a, f9: 0x01, f10: 0x09, f11: 0x78, f12: 0x07,
  "`": 0x0e, "1": 0x16, "2": 0x1e, "3": 0x26, "4": 0x25, "5": 0x2e, "6": 0x36, "7": 0x3d, "8": 0x3e, "9": 0x46, "0": 0x45, "-": 0x4e, "=": 0x55,
  backspace: 0x66, tab: 0x0d, q: 0x15, w: 0x1d, e: 0x24, r: 0x2d, t: 0x2c, y: 0x35, u: 0x3c, i: 0x43, o: 0x44, p: 0x4d, "[": 0x54, "]": 0x5b, "\\": 0x5d,
  capslock: 0x58, a: 0x1c, s: 0x1b, d: 0x23, f: 0x2b, g: 0x34, h: 0x33, j: 0x3b, k: 0x42, l: 0x4b, ";": 0x4c, "'": 0x52, enter: 0x5a,
  shift: 0x12, z: 0x1a, x: 0x22, c: 0x21, v: 0x2a, b: 0x32, n: 0x31, m: 0x3a, ",": 0x41, ".": 0x49, "/": 0x4a, rightshift: 0x59,
  ctrl: 0x14, alt: 0x11, space: 0x29, numlock: 0x77, scrolllock: 0x7e, "less": 0x61, sysrq: 0x84,
  kp0: 0x70, kp1: 0x69, kp2: 0x72, kp3: 0x7a, kp4: 0x6b, kp5: 0x73, kp6: 0x74, kp7: 0x6c, kp8: 0x75, kp9: 0x7d,
  "kp.": 0x71, "kp+": 0x79, "kp-": 0x7b, "kp*": 0x7c,
};

/** Set 2 code, after the 0xE0 prefix, of the keys that have one. */
// biome-ignore format: a table
const EXTENDED_KEYS: Readonly<Record<string, number>> = {
  up: 0x75, down: 0x72, left: 0x6b, right: 0x74, home: 0x6c, end: 0x69, pageup: 0x7d, pagedown: 0x7a, insert: 0x70, delete: 0x71,
  rightctrl: 0x14, rightalt: 0x11, win: 0x1f, rightwin: 0x27, menu: 0x2f, "kp/": 0x4a, kpenter: 0x5a,
};

/** Other names people use for keys. */
const ALIASES: Readonly<Record<string, string>> = {
  escape: "esc",
  return: "enter",
  ret: "enter",
  spc: "space",
  " ": "space",
  control: "ctrl",
  leftctrl: "ctrl",
  leftalt: "alt",
  leftshift: "shift",
  del: "delete",
  ins: "insert",
  pgup: "pageup",
  pgdn: "pagedown",
  print: "printscreen",
  "\n": "enter",
  "\t": "tab",
  "\b": "backspace",
};

/** Characters typed with shift held, and the key they are on. */
// biome-ignore format: a table
const SHIFTED: Readonly<Record<string, string>> = {
  "~": "`", "!": "1", "@": "2", "#": "3", $: "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9", ")": "0", _: "-", "+": "=",
  "{": "[", "}": "]", "|": "\\", ":": ";", '"': "'", "<": ",", ">": ".", "?": "/",
};

function lookUp(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Names of all keys. */
export function keyNames(): string[] {
  return [...Object.keys(PLAIN), ...Object.keys(EXTENDED_KEYS), "pause", "printscreen"];
}

/** Canonical name of a key given by name, alias or upper-case legend; undefined when there is none. */
export function keyNamed(name: string): string | undefined {
  const lower = name.toLowerCase();
  const key = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  const known = lookUp(PLAIN, key) ?? lookUp(EXTENDED_KEYS, key);
  return known !== undefined || key === "pause" || key === "printscreen" ? key : undefined;
}

/** Key and shift state that type `character` on a US keyboard; undefined when no key does. */
export function keyForCharacter(character: string): { key: string; shift: boolean } | undefined {
  if (Object.hasOwn(SHIFTED, character)) return { key: SHIFTED[character], shift: true };
  if (character === "\r") return { key: "enter", shift: false };
  if (character.length !== 1) return undefined;
  const key = keyNamed(character);
  return key === undefined ? undefined : { key, shift: character >= "A" && character <= "Z" };
}

/** Set 2 bytes a key sends when it goes down or up. Throws RangeError for a name `keyNamed` does not return. */
export function set2Bytes(key: string, down: boolean): number[] {
  // The pause key sends its make and break together and nothing when released.
  if (key === "pause") return down ? [PAUSE, 0x14, 0x77, PAUSE, BREAK, 0x14, BREAK, 0x77] : [];
  if (key === "printscreen") {
    return down ? [EXTENDED, 0x12, EXTENDED, 0x7c] : [EXTENDED, BREAK, 0x7c, EXTENDED, BREAK, 0x12];
  }
  const plain = lookUp(PLAIN, key);
  if (plain !== undefined) return down ? [plain] : [BREAK, plain];
  const extended = lookUp(EXTENDED_KEYS, key);
  if (extended !== undefined) return down ? [EXTENDED, extended] : [EXTENDED, BREAK, extended];
  throw new RangeError(`expected the name of a key, found "${key}"`);
}
