/**
 * Why run() returned. Numbers below 64 are Intel's basic exit reasons (SDM 3C appendix C); the rest are vmexit's own.
 * EIP is at the exiting instruction unless a line says otherwise.
 */
export enum ExitReason {
  EXCEPTION_NMI = 0, // an exception the host asked to see; qualification = vector
  TRIPLE_FAULT = 2, // shutdown: a fault while delivering #DF
  TASK_SWITCH = 9, // a far transfer, IRET, INT or event through a task gate or TSS
  CPUID = 10,
  HLT = 12, // HLT retired, EIP behind it; the CPU waits for an interrupt
  INVD = 13,
  INVLPG = 14,
  RDPMC = 15,
  RDTSC = 16,
  CR_ACCESS = 28, // MOV to or from a control register, CLTS, LMSW
  DR_ACCESS = 29, // MOV to or from a debug register
  IO_INSTRUCTION = 30, // IN, OUT, INS, OUTS
  RDMSR = 31,
  WRMSR = 32,
  PAUSE = 40,
  GDTR_IDTR_ACCESS = 46, // LGDT, LIDT, SGDT, SIDT
  LDTR_TR_ACCESS = 47, // LLDT, LTR, SLDT, STR
  WBINVD = 54,
  BUDGET = 64, // the budget is used up
  HOST_REQUEST = 65, // a host call-back asked run() to return
  UNIMPLEMENTED = 66, // an instruction the machine does not have; qualification = EIP. #UD is raised as well
}
