/**
 * Why run() returned. Numbers below 64 are Intel's basic exit reasons (SDM 3C appendix C); the rest are vmexit's own.
 * EIP is at the exiting instruction, which has changed nothing, unless a line says otherwise. docs/exits.md has the details.
 */
export enum ExitReason {
  EXCEPTION_NMI = 0, // an exception, INT n or NMI: Vmx.INTR_INFO
  EXTERNAL_INTERRUPT = 1, // between two instructions; acknowledged only if ExitControl.ACKNOWLEDGE
  TRIPLE_FAULT = 2, // shutdown: a fault while delivering #DF
  INTERRUPT_WINDOW = 7, // between two instructions: an interrupt could be delivered now
  NMI_WINDOW = 8, // between two instructions: an NMI could be delivered now
  TASK_SWITCH = 9, // a far transfer, IRET, INT or event through a task gate or TSS
  CPUID = 10,
  HLT = 12, // under a VMCS with HLT exiting: at the HLT. Otherwise HLT has retired, EIP is behind it, and the CPU waits for an interrupt
  INVD = 13,
  INVLPG = 14,
  RDPMC = 15,
  RDTSC = 16,
  VMCALL = 18,
  VMCLEAR = 19,
  VMLAUNCH = 20,
  VMPTRLD = 21,
  VMPTRST = 22,
  VMREAD = 23,
  VMRESUME = 24,
  VMWRITE = 25,
  VMXOFF = 26,
  VMXON = 27,
  CR_ACCESS = 28, // MOV to or from a control register, CLTS, LMSW
  DR_ACCESS = 29, // MOV to or from a debug register
  IO_INSTRUCTION = 30, // IN, OUT, INS, OUTS
  RDMSR = 31,
  WRMSR = 32,
  ENTRY_GUEST_STATE = 33, // the entry failed (Vmx.REASON has bit 31 set)
  ENTRY_MSR_LOAD = 34, // the entry failed; qualification = number of the bad MSR, from 1
  MONITOR_TRAP_FLAG = 37, // behind one instruction or one event
  PAUSE = 40,
  GDTR_IDTR_ACCESS = 46, // LGDT, LIDT, SGDT, SIDT
  LDTR_TR_ACCESS = 47, // LLDT, LTR, SLDT, STR
  EPT_VIOLATION = 48,
  EPT_MISCONFIGURATION = 49,
  INVEPT = 50,
  PREEMPTION_TIMER = 52, // between two instructions
  INVVPID = 53,
  WBINVD = 54,
  BUDGET = 64, // the budget is used up
  HOST_REQUEST = 65, // a host call-back asked run() to return
  UNIMPLEMENTED = 66, // an instruction the machine does not have; qualification = EIP. #UD is raised as well
  VMFAIL = 67, // vmenter() failed before it entered: Vmx.INSTRUCTION_ERROR
  WAITING = 68, // non-root operation without HLT exiting: HLT has retired and nothing wakes the CPU
  USER = 69, // Vmx.LEAVE_AT_USER: the next instruction is at CPL 3
  TRACED_WRITES = 70, // interpretation: Vmx.WRITTEN is nearly full
  VMX_ABORT = 71, // an exit failed: Vmcs.ABORT of the current VMCS says why (Abort), Vmx.REASON what it was for
  CALL_OUT = 72, // translated code: at an instruction that is left to the monitor; qualification = its Op, INSN_INFO = its record
}

/** Bit 31 of Vmx.REASON: a failed entry. */
export const ENTRY_FAILED: i32 = -2147483648;
