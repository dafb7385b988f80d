/*
 * Runs one instruction natively, in this process.
 *
 * rt_sigreturn loads a complete register state (all segment registers included), TF or a following INT3 ends the test, and the signal
 * frame of the exception holds the interrupted state with vector, error code and CR2. One signal per test: about 2 microseconds.
 * The handler runs on an alternate stack with SS_AUTODISARM, so the test's ESP may hold anything.
 * Invariant: FS, GS and EFLAGS of the recorder are restored before any C code runs.
 */
#define _GNU_SOURCE
#include "oracle.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* struct sigcontext_32 and ucontext_ia32 of the Linux ABI. */
typedef struct {
  u16 gs, gsh, fs, fsh, es, esh, ds, dsh;
  u32 di, si, bp, sp, bx, dx, cx, ax;
  u32 trapno, err, ip;
  u16 cs, csh;
  u32 flags, sp_at_signal;
  u16 ss, ssh;
  u32 fpstate, oldmask, cr2;
} Context;

typedef struct {
  u32 flags, link;
  u32 stack_pointer, stack_flags, stack_size;
  Context context;
  u32 mask[2];
} UserContext;

typedef struct {
  u32 return_address;
  u32 signal, info_pointer, context_pointer;
  u8 info[128];
  UserContext user;
  u8 return_code[8];
} SignalFrame;

#define AUTODISARM 0x80000000u
#define ALTERNATE_BYTES (64 * 1024)

static SignalFrame frame;
static u8 *alternate_stack;

/* Shared with the assembly below. */
u32 oracle_saved_esp;
u32 oracle_saved_segments; /* FS in the high half, GS in the low half */
u32 oracle_extra_flags;
u32 oracle_frame;
UserContext *oracle_context;

extern void oracle_enter(void);
extern void oracle_handler(int, siginfo_t *, void *);

__asm__(
    ".text\n"
    ".globl oracle_enter\n"
    "oracle_enter:\n"
    "  pushf\n"
    "  pushl %ebx\n  pushl %esi\n  pushl %edi\n  pushl %ebp\n"
    "  movl %esp, oracle_saved_esp\n"
    "  pushl oracle_extra_flags\n"
    "  popf\n"                     /* NT and ID survive rt_sigreturn; it cannot set them */
    "  movl oracle_frame, %esp\n"
    "  movl $173, %eax\n"          /* rt_sigreturn */
    "  int $0x80\n"
    ".globl oracle_handler\n"
    "oracle_handler:\n"
    "  cld\n"
    "  movl oracle_saved_segments, %eax\n"
    "  movw %ax, %gs\n"
    "  shrl $16, %eax\n"
    "  movw %ax, %fs\n"
    "  movl 12(%esp), %eax\n"
    "  movl %eax, oracle_context\n"
    "  movl oracle_saved_esp, %esp\n"
    "  popl %ebp\n  popl %edi\n  popl %esi\n  popl %ebx\n"
    "  popf\n"
    "  ret\n");

void prepare_execution(void) {
  alternate_stack = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (alternate_stack == MAP_FAILED) {
    perror("recorder: cannot map the signal stack");
    exit(1);
  }
  stack_t stack = {.ss_sp = alternate_stack, .ss_flags = (int)AUTODISARM, .ss_size = ALTERNATE_BYTES};
  if (sigaltstack(&stack, NULL) != 0) {
    perror("recorder: this kernel has no self-disarming signal stack (Linux 4.7 or later is needed)");
    exit(1);
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = oracle_handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  static const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (u32 i = 0; i < sizeof signals / sizeof *signals; i++) {
    if (sigaction(signals[i], &action, NULL) != 0) {
      perror("recorder: sigaction");
      exit(1);
    }
  }
  u32 gs, fs;
  __asm__ volatile("movl %%gs, %0" : "=r"(gs));
  __asm__ volatile("movl %%fs, %0" : "=r"(fs));
  oracle_saved_segments = (fs & 0xFFFF) << 16 | (gs & 0xFFFF);
  oracle_frame = (u32)(uintptr_t)&frame + 4; /* as if the return address had been popped */
}

void execute(const State *in, Outcome *out) {
  memset(&frame.user, 0, sizeof frame.user);
  UserContext *u = &frame.user;
  u->stack_pointer = (u32)(uintptr_t)alternate_stack;
  u->stack_flags = AUTODISARM;
  u->stack_size = ALTERNATE_BYTES;
  Context *c = &u->context;
  c->ax = in->r[EAX], c->cx = in->r[ECX], c->dx = in->r[EDX], c->bx = in->r[EBX];
  c->sp = in->r[ESP], c->bp = in->r[EBP], c->si = in->r[ESI], c->di = in->r[EDI];
  c->sp_at_signal = in->r[ESP];
  c->ip = in->eip, c->flags = in->eflags;
  c->es = in->s[SEG_ES], c->cs = in->s[SEG_CS], c->ss = in->s[SEG_SS];
  c->ds = in->s[SEG_DS], c->fs = in->s[SEG_FS], c->gs = in->s[SEG_GS];
  oracle_extra_flags = 2 | (in->eflags & (FLAG_NT | FLAG_ID));
  __asm__ volatile("" ::: "memory");
  oracle_enter();
  __asm__ volatile("" ::: "memory");
  c = &oracle_context->context;
  State *s = &out->state;
  s->r[EAX] = c->ax, s->r[ECX] = c->cx, s->r[EDX] = c->dx, s->r[EBX] = c->bx;
  s->r[ESP] = c->sp, s->r[EBP] = c->bp, s->r[ESI] = c->si, s->r[EDI] = c->di;
  s->eip = c->ip, s->eflags = c->flags;
  s->s[SEG_ES] = c->es, s->s[SEG_CS] = c->cs, s->s[SEG_SS] = c->ss;
  s->s[SEG_DS] = c->ds, s->s[SEG_FS] = c->fs, s->s[SEG_GS] = c->gs;
  out->vector = c->trapno, out->error = c->err, out->cr2 = c->cr2;
}
