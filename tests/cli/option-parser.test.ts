import { describe, expect, it } from "vitest";
import { CliError } from "../../src/cli/cli-error.js";
import { type OptionTable, parseOptions } from "../../src/cli/option-parser.js";
import { parseAddress, parseCount, parseSize } from "../../src/cli/quantities.js";

const table: OptionTable = {
  memory: { value: "SIZE", help: "RAM", aliases: ["m"] },
  append: { value: "TEXT", help: "command line", aliases: ["append"] },
  module: { value: "PATH", help: "module", many: true },
  json: { value: "[=FILE]", help: "summary" },
  stats: { help: "statistics" },
};
const parse = (...args: string[]) => parseOptions("vmexit run", args, table);
const refusal = (...args: string[]): string => {
  try {
    parse(...args);
  } catch (error) {
    expect(error).toBeInstanceOf(CliError);
    return (error as CliError).message;
  }
  throw new Error("the command line was accepted");
};

describe("options", () => {
  it("may be long, with = or not, or QEMU's words with one dash", () => {
    for (const args of [["--memory", "64"], ["--memory=64"], ["-m", "64"], ["-m=64"]]) {
      expect(parse("k.elf", ...args).get("memory")).toBe("64");
    }
    expect(parse("-append", "a=b c").get("append")).toBe("a=b c");
    expect(parse("--append=x=y").get("append")).toBe("x=y");
  });

  it("leave positionals in order and everything behind -- alone", () => {
    expect(parse("a", "--stats", "b", "--", "--json", "-m").positionals).toEqual(["a", "b", "--json", "-m"]);
    expect(parse("-").positionals).toEqual(["-"]);
  });

  it("may be repeated where the table says so", () => {
    expect(parse("--module", "a", "--module=b").all("module")).toEqual(["a", "b"]);
    expect(refusal("-m", "1", "--memory", "2")).toBe(
      "vmexit run: --memory was given more than once and takes one value",
    );
  });

  it("have an optional value only with =", () => {
    const parsed = parse("--json", "file");
    expect(parsed.has("json")).toBe(true);
    expect(parsed.get("json")).toBeUndefined();
    expect(parsed.positionals).toEqual(["file"]);
    expect(parse("--json=out").get("json")).toBe("out");
  });

  it("take a value that looks like an option only if no such option exists", () => {
    expect(parse("--append", "-v --quiet").get("append")).toBe("-v --quiet");
    expect(parse("--append", "-v").get("append")).toBe("-v");
    expect(refusal("--append", "--stats")).toBe("vmexit run: --append needs a value: --append TEXT");
    expect(parse("--append=--stats").get("append")).toBe("--stats");
  });

  it.each([
    [["--memroy", "4"], "vmexit run: unknown option --memroy; did you mean --memory?"],
    [["-apend", "x"], "vmexit run: unknown option -apend; did you mean --append?"],
    [["--frobnicate"], "vmexit run: unknown option --frobnicate; see vmexit help run"],
    [["--constructor"], "vmexit run: unknown option --constructor; see vmexit help run"],
    [["-memory", "4"], "vmexit run: unknown option -memory; did you mean --memory?"],
    [["--append"], "vmexit run: --append needs a value: --append TEXT"],
    [["-m"], "vmexit run: -m needs a value: -m SIZE"],
    [["--stats=yes"], 'vmexit run: --stats takes no value and was given "yes"'],
    [["--json="], "vmexit run: --json needs a value: --json[=FILE]"],
  ])("%j are refused in one sentence", (args, sentence) => {
    expect(refusal(...args)).toBe(sentence);
  });
});

describe("quantities", () => {
  it("memory sizes are megabytes unless they say otherwise", () => {
    expect(parseSize("-m", "64")).toBe(64 << 20);
    expect(parseSize("-m", "64M")).toBe(64 << 20);
    expect(parseSize("-m", "4096k")).toBe(4 << 20);
    expect(parseSize("-m", "1GB")).toBe(1 << 30);
    expect(parseSize("-m", "1048576b")).toBe(1 << 20);
    for (const bad of ["0", "", "-1", "x", "3G", "1.5", "1025k", "512k", "64 M", "99999999999999999999"]) {
      expect(() => parseSize("-m", bad), bad).toThrow(/-m: expected a memory size from 1M to 2048M/);
    }
  });

  it("counts take decimal suffixes", () => {
    expect(parseCount("--n", "0")).toBe(0);
    expect(parseCount("--n", "20M")).toBe(20_000_000);
    expect(parseCount("--n", "1.5k")).toBe(1500);
    expect(parseCount("--n", "1e6")).toBe(1_000_000);
    expect(parseCount("--n", "1_000")).toBe(1000);
    for (const bad of ["", "-1", "1.5", "ten", "1e30", "0x10"]) {
      expect(() => parseCount("--n", bad), bad).toThrow(/--n: expected a whole number/);
    }
  });

  it("addresses are decimal or 0x", () => {
    expect(parseAddress("--a", "0x7C00")).toBe(0x7c00);
    expect(parseAddress("--a", "4294967295")).toBe(0xffffffff);
    for (const bad of ["", "7c00", "-1", "0x", "4294967296", "1.5"]) {
      expect(() => parseAddress("--a", bad), bad).toThrow(/--a: expected a number/);
    }
    expect(() => parseAddress("--port", "0x10000", 0xffff)).toThrow(/to 0xffff and found "0x10000"/);
  });
});
