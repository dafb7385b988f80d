/** `vmexit help` and `vmexit version`: printed from the option tables, so that help and parser cannot disagree. */
import { readFileSync } from "node:fs";
import { CliError } from "./cli-error.js";
import { EXIT_CODE_TABLE } from "./exit-codes.js";
import { nearestOf, type OptionTable } from "./option-parser.js";

interface Topic {
  usage: string;
  about: string;
  options?: () => Promise<OptionTable>;
  more?: string;
}

const TOPICS: Readonly<Record<string, Topic>> = {
  run: {
    usage: "vmexit run IMAGE [options]",
    about: "boots an image; the guest's exit code is the process's",
    options: async () => (await import("./run-command.js")).RUN_OPTIONS,
    more: "On a terminal, Ctrl-C and Ctrl-A x end the run; Ctrl-A followed by another key sends that key.",
  },
  trace: {
    usage: "vmexit trace IMAGE [options]\n       vmexit trace show FILE\n       vmexit trace diff A B",
    about: "writes down every instruction; shows or compares traces",
    options: async () => (await import("./trace-command.js")).TRACE_OPTIONS,
  },
  disasm: {
    usage: "vmexit disasm IMAGE [options]",
    about: "disassembles an image from its entry point",
    options: async () => (await import("./disasm-command.js")).DISASM_OPTIONS,
  },
  translate: {
    usage: "vmexit translate IMAGE [--at ADDR] [options]",
    about: "boots an image and shows what the translator makes of the code at ADDR",
    options: async () => (await import("./translate-command.js")).TRANSLATE_OPTIONS,
    more: "The region is printed as a control-flow graph of x86 and as WebAssembly. Without --at: a line for every region.",
  },
  inspect: {
    usage: "vmexit inspect IMAGE --at N --gva ADDR [options]",
    about: "runs N instructions and shows how an address is translated, entry by entry",
    options: async () => (await import("./inspect-command.js")).INSPECT_OPTIONS,
    more: "Under a monitor: guest-virtual to guest-physical to machine address, by the guest's tables, the shadow tables and the EPT.",
  },
  compare: {
    usage: "vmexit compare GUEST... [options]",
    about: "runs guests bare and under every monitor and shows what each operation costs",
    options: async () => (await import("./compare-command.js")).COMPARE_OPTIONS,
    more: "The ported image of X.elf, for pv, is X-pv.elf beside it. docs/compare.md tells how to read the tables.\nExit code 0: every run is equivalent to the bare machine's, 108: one is not.",
  },
  classify: {
    usage: "vmexit classify [NAME…] [options]",
    about: "which instructions are privileged or sensitive, and what each kind of monitor does about them",
    options: async () => (await import("./classify-command.js")).CLASSIFY_OPTIONS,
    more: 'NAME is a mnemonic or an instruction as the table has it: POPF, "PUSH CS". docs/classes.md defines the terms.\nExit code 0: declared and derived agree, 1: they do not.',
  },
  conform: {
    usage: "vmexit conform PATH… [options]",
    about: "runs instruction test vectors and compares",
    options: async () => (await import("../conform/options.js")).CONFORM_OPTIONS,
    more: "PATH is a file or directory of native vectors (*.vxv) or MOO files (*.MOO), plain or gzip.\nExit code 0: everything agrees, 1: mismatches.",
  },
  "exit-codes": { usage: "exit codes of the process", about: "what the exit codes of `vmexit run` mean" },
  version: { usage: "vmexit version", about: "prints the version" },
};

const OVERVIEW = `vmexit boots small x86 kernels in one process and tells how they ended.

usage: vmexit run kernel.elf                boot a Multiboot, ELF32, Linux or flat image; COM1 is the terminal
       vmexit run -kernel k -append "a b"   QEMU's words work too
       vmexit run kernel.elf --vmm vt       the same under a monitor, with its exits by reason
       vmexit trace kernel.elf --count 20   every instruction with the registers it changed
       vmexit disasm kernel.elf             disassembly from the entry point
       vmexit translate kernel.elf          what hot code becomes in WebAssembly
       vmexit inspect kernel.elf --at 1M --gva 0x400000 --vmm vt
                                            how an address is translated
       vmexit compare roms/nanobench.elf    what each operation costs under every monitor
       vmexit classify --derive             Popek and Goldberg's classes, by experiment
       vmexit conform vectors/              instruction test vectors
       vmexit help TOPIC                    ${Object.keys(TOPICS).join(", ")}
`;

/** Prints help on stdout. Raises `CliError` for an unknown topic. */
export async function helpCommand(args: string[]): Promise<number> {
  const [name] = args;
  if (name === undefined) {
    process.stdout.write(OVERVIEW);
    return 0;
  }
  if (name === "exit-codes") {
    process.stdout.write(`${exitCodeLines().join("\n")}\n`);
    return 0;
  }
  const topic = Object.hasOwn(TOPICS, name) ? TOPICS[name] : undefined;
  if (topic === undefined) {
    const nearest = nearestOf(
      name,
      Object.keys(TOPICS).map((word) => ({ word, spelling: word })),
    );
    throw new CliError(`vmexit help: expected ${nearest ?? Object.keys(TOPICS).join(", ")} and found "${name}"`);
  }
  const lines = [`usage: ${topic.usage}`, "", `${name}: ${topic.about}`];
  if (topic.options !== undefined) lines.push("", ...optionLines(await topic.options()));
  if (topic.more !== undefined) lines.push("", topic.more);
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

/** The options of a table, one line each. */
export function optionLines(table: OptionTable): string[] {
  const rows = Object.entries(table).map(([name, spec]): [string, string] => {
    const value = spec.value === undefined ? "" : spec.value.startsWith("[") ? spec.value : ` ${spec.value}`;
    const aliases = (spec.aliases ?? []).map((alias) => `-${alias}`).join(", ");
    return [`  --${name}${value}`, aliases === "" ? spec.help : `${spec.help} (${aliases})`];
  });
  const column = Math.min(34, Math.max(...rows.map(([left]) => left.length)) + 2);
  return rows.map(([left, right]) =>
    left.length < column ? `${left.padEnd(column)}${right}` : `${left}\n${" ".repeat(column)}${right}`,
  );
}

/** The table of exit codes, one line each. */
export function exitCodeLines(): string[] {
  return EXIT_CODE_TABLE.map(([code, meaning]) => `${code.padStart(5)}  ${meaning}`);
}

/** Prints the version of the package. */
export async function versionCommand(): Promise<number> {
  process.stdout.write(`vmexit ${packageVersion()}\n`);
  return 0;
}

/** The version in package.json, from a checkout (src/cli) or the built package (dist/src/cli). */
export function packageVersion(): string {
  const up = import.meta.url.includes("/dist/src/cli/") ? "../../../package.json" : "../../package.json";
  const text = readFileSync(new URL(up, import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
