/**
 * A chunk that branches through a table again and again, so that regions learn where it leads: to some of sixteen small functions at
 * first and to others later, by calls, by jumps and by returns, with system calls in between.
 */
import type { Random } from "../../random.js";
import { R } from "./assembler.js";
import { KernelCall } from "./kernel.js";
import type { Statement } from "./statements.js";

const TARGETS = 16;
/** Where its variables lie: beside those of the generator. */
const COUNTER = { disp: 0x50e0 };
const SELECTOR = { disp: 0x50e4 };
/** Kernel calls by INT; any number does. */
const SYSTEM_CALL = [0xcd, 0x80];

/** The statement; `body` makes what one function does besides. */
export function dispatchStatement(random: Random, body: () => Statement[]): Statement {
  const functions = Array.from({ length: TARGETS }, (_, i) => (i % 4 === 0 ? body() : []));
  const rounds = random.between(10, 120);
  const kind = random.below(4);
  const period = random.pick(2, 4, 5);
  const calls = random.chance(50);
  const used = random.pick(1, 3, 7, 7);
  return {
    name: `dispatch ${rounds} (${kind})`,
    parts: functions,
    emit(a) {
      const [head, table, next, end] = [a.fresh(), a.fresh(), a.fresh(), a.fresh()];
      const labels = functions.map(() => a.fresh());
      const entry = { index: R.EAX, scale: 2, label: table };
      a.sized(0xc6, 4, 0, COUNTER);
      a.value(rounds, 4);
      a.label(head);
      a.twoByte(0xaf, 4, R.ESI, SELECTOR); // imul esi, [selector]
      a.sized(0x8a, 4, R.EAX, SELECTOR);
      a.raw(0x69, 0xc0); // imul eax, eax, 1664525
      a.value(1664525, 4);
      a.aluImmediate(0, 4, R.EAX, 1013904223);
      a.sized(0x88, 4, R.EAX, SELECTOR);
      a.raw(0xc1, 0xe8, 28); // shr eax, 28
      a.aluImmediate(4, 4, R.EAX, used);
      a.sized(0x8a, 4, R.ECX, COUNTER);
      a.raw(0xc1, 0xe9, period); // shr ecx: which half of the table
      a.raw(0x83, 0xe1, 1, 0xc1, 0xe1, 3);
      a.sized(0x08, 4, R.ECX, R.EAX);
      if (calls) {
        a.raw(0x50);
        a.movRegister(R.EAX, KernelCall.NOTHING);
        a.raw(...SYSTEM_CALL, 0x58);
      }
      if (kind === 0) a.sized(0xfe, 4, 2, entry);
      else if (kind === 1) {
        a.sized(0x8a, 4, R.EDX, entry);
        a.raw(0xff, 0xd2); // call edx
      } else {
        a.raw(0x68); // push next
        a.address(next);
        if (kind === 2) a.sized(0xfe, 4, 4, entry);
        else {
          a.sized(0xfe, 4, 6, entry); // push [table + eax * 4]
          a.raw(0xc3);
        }
      }
      a.label(next);
      a.sized(0xfe, 4, 1, COUNTER);
      a.jcc(5, head);
      a.jmp(end);
      a.label(table);
      for (const l of labels) a.address(l);
      functions.forEach((statements, i) => {
        a.label(labels[i] as string);
        a.raw(0x83, 0xc3, i); // add ebx, i
        for (const s of statements) s.emit(a);
        a.raw(0xc3);
      });
      a.label(end);
    },
  };
}
