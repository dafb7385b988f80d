/**
 * Privileged instructions that a domain's kernel executes although it could have asked: those that Xen executes for it. All others are #GP to the guest.
 */
import { Form, Rec, RecFlag } from "../../../assembly/abi/record.js";
import { Op } from "../../../assembly/abi/op.js";
import { Cpu } from "../../../assembly/abi/cpu.js";
import { Cr0, Msr, Reg } from "../../../assembly/abi/x86.js";
import type { Decoded } from "../interpreter/decoded.js";
import { Shared } from "./abi.js";
import type { Domain } from "./domain.js";

const EAX = Cpu.REGS + 4 * Reg.EAX;
const ECX = Cpu.REGS + 4 * Reg.ECX;
const EDX = Cpu.REGS + 4 * Reg.EDX;

/** Ports that a domain may use: first, last. CMOS memory, diagnosis, debug exit and consoles, markers, the first serial line, power. */
const PORTS: readonly (readonly [number, number])[] = [
  [0x70, 0x71],
  [0x80, 0x80],
  [0xe9, 0xe9],
  [0xf4, 0xf7],
  [0x3f8, 0x3ff],
  [0x402, 0x402],
  [0x4f8, 0x4ff],
  [0x604, 0x605],
];

/** True if the domain may use all bytes of a port access. */
function mayUse(port: number, size: number): boolean {
  return PORTS.some(([first, last]) => port >= first && port + size - 1 <= last);
}

/** Executes an instruction but for going behind it; false if it is refused. */
type Routine = (domain: Domain, instruction: Decoded) => boolean;

function portOf({ state }: Domain, instruction: Decoded): number {
  const immediate = (instruction.byte(Rec.FLAGS) & RecFlag.FORM) === Form.IMM;
  return immediate ? instruction.byte(Rec.IMM) : state.get(EDX) & 0xffff;
}

const input: Routine = (domain, instruction) => {
  const { state, vm } = domain;
  const port = portOf(domain, instruction);
  const size = instruction.byte(Rec.SIZE) as 1 | 2 | 4;
  if (!mayUse(port, size)) return false;
  const mask = size === 4 ? 0xffffffff : size === 2 ? 0xffff : 0xff;
  state.set(EAX, (state.get(EAX) & ~mask) | (vm.host.portRead(port, size) & mask));
  return true;
};

const output: Routine = (domain, instruction) => {
  const { state, vm } = domain;
  const port = portOf(domain, instruction);
  const size = instruction.byte(Rec.SIZE) as 1 | 2 | 4;
  if (!mayUse(port, size)) return false;
  const eax = state.get(EAX);
  vm.host.portWrite(port, size, size === 4 ? eax : eax & (size === 2 ? 0xffff : 0xff));
  return true;
};

const clearTaskSwitched: Routine = (domain) => {
  domain.setTaskSwitched(false);
  return true;
};

const nothing: Routine = () => true;

const movFromCr: Routine = (domain, instruction) => {
  const { state, memory, sharedInfo } = domain;
  const values: Partial<Record<number, number>> = {
    0: state.get(Cpu.CR0),
    2: memory.words[(sharedInfo * 4096 + Shared.CR2) >>> 2]!,
    3: state.get(Cpu.CR3),
    4: state.get(Cpu.CR4),
  };
  const value = values[instruction.byte(Rec.REG)];
  if (value === undefined) return false;
  state.set(instruction.byte(Rec.RM), value);
  return true;
};

const movToCr: Routine = (domain, instruction) => {
  const { state, memory, sharedInfo } = domain;
  const value = state.get(instruction.byte(Rec.RM));
  switch (instruction.byte(Rec.REG)) {
    case 0:
      // All but TS is as it is.
      if (((value ^ state.get(Cpu.CR0)) & ~Cr0.TS) !== 0) return false;
      domain.setTaskSwitched((value & Cr0.TS) !== 0);
      return true;
    case 2:
      memory.words[(sharedInfo * 4096 + Shared.CR2) >>> 2] = value;
      return true;
    case 3:
      return (value & 0xfff) === 0 && domain.setDirectory(value >>> 12);
    case 4:
      return value === state.get(Cpu.CR4);
    default:
      return false;
  }
};

const readMsr: Routine = ({ state, vm }) => {
  const msr = state.get(ECX);
  if (msr !== Msr.TSC) return false;
  state.set(EAX, vm.time % 2 ** 32);
  state.set(EDX, Math.floor(vm.time / 2 ** 32));
  return true;
};

const ROUTINES: Partial<Record<Op, Routine>> = {
  [Op.IN]: input,
  [Op.OUT]: output,
  // The guest's interrupts are its upcall mask.
  [Op.CLI]: nothing,
  [Op.STI]: nothing,
  [Op.CLTS]: clearTaskSwitched,
  [Op.WBINVD]: nothing,
  [Op.INVD]: nothing,
  [Op.MOV_FROM_CR]: movFromCr,
  [Op.MOV_TO_CR]: movToCr,
  [Op.RDMSR]: readMsr,
};

/** Executes the instruction at EIP, which faulted because the guest's kernel is in ring 1; false if it is refused. */
export function executePrivileged(domain: Domain, instruction: Decoded): boolean {
  if (!instruction.next()) return false;
  const op: Op = instruction.byte(Rec.OP);
  const routine = ROUTINES[op];
  const name = (Op[op] ?? `opcode ${op}`).replaceAll("_", " ");
  if (routine === undefined || !routine(domain, instruction)) return domain.frames.refuse(name);
  domain.emulated.set(name, (domain.emulated.get(name) ?? 0) + 1);
  domain.core.exports.retireOne(instruction.byte(Rec.LENGTH));
  return true;
}
