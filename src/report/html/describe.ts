/** What the sections of the guests in `roms/` do, in a few words. A section that is not here stands for itself. */

const SECTIONS: Readonly<Record<string, string>> = {
  nothing: "the marks around a section",
  syscall: "INT 80h from ring 3, and IRET",
  in: "IN from a port",
  out: "OUT to a port",
  cr8wr: "MOV to CR0 that changes TS",
  callret: "CALL and RET in the kernel",
  pgfault: "a page fault in ring 3, its handler, IRET",
  divzero: "a division by zero in ring 3, its handler, IRET",
  ptemod: "store to a page-table entry, the same value; INVLPG",
  "ptemod-p-np": "the entry becomes not present; INVLPG",
  "ptemod-np-p": "the entry becomes present; INVLPG",
  "cli-sti": "interrupts off and on",
  "pushf-popf": "flags saved and restored",
  rdtsc: "the time-stamp counter is read",
  cpuid: "the processor is identified",
  hypercall: "the cheapest call of the monitor",
  ctxswitch: "MOV to CR3, then loads from 8 pages",
  fork: "an address space copied, a process run in it, destroyed",
  timer: "an idle kernel takes a timer interrupt",
  compute: "1,024 steps of arithmetic on an array",
  forkwait: "a process forks, the child reads and writes pages, the parent waits",
  compile: "processes that compute, fault, fork and copy, as when a program is built",
  serve: "requests: interrupts, ports and copies",
  "whole run": "from power-on to the end",
};

/** The description of a section; empty for one that is not known. */
export function sectionText(name: string): string {
  return SECTIONS[name] ?? "";
}
