/*
 * Native recorder: shared declarations.
 *
 * The recorder runs single instructions of a 32-bit program on the host CPU and writes down what they did. This header names the pieces:
 * the memory windows and the local descriptor table that every test sees (memory.c), a CPU state and its execution (execute.c),
 * the table of instruction forms (forms.c), the generator (generate.c, operands.c) and the writer of the vector file (emit.c).
 * Invariant: the recorder's own code, data and stack lie above PROTECTED_START, and no generated access reaches that far.
 */
#ifndef VMEXIT_ORACLE_H
#define VMEXIT_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;

enum {
  EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI
};

enum { /* order of the segment registers in the ModRM reg field */
  SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS
};

enum {
  FLAG_CF = 1 << 0, FLAG_PF = 1 << 2, FLAG_AF = 1 << 4, FLAG_ZF = 1 << 6, FLAG_SF = 1 << 7, FLAG_TF = 1 << 8,
  FLAG_IF = 1 << 9, FLAG_DF = 1 << 10, FLAG_OF = 1 << 11, FLAG_NT = 1 << 14, FLAG_RF = 1 << 16, FLAG_VM = 1 << 17,
  FLAG_AC = 1 << 18, FLAG_ID = 1 << 21
};
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

enum {
  USER_CS = 0x23, /* flat 32-bit code segment of every Linux compatibility-mode program */
  USER_DS = 0x2B  /* flat data segment */
};

/* ---- random numbers ---- */

/** The mixing function of the vector format: 32 well-mixed bits of (seed, n). docs/conform.md states it. */
u32 mix(u32 seed, u32 n);
/** Next 32 bits of the generator's own stream. */
u32 next_random(void);
/** A number in 0..n-1. */
u32 below(u32 n);
/** True in `percent` of 100 calls. */
bool chance(u32 percent);
void seed_random(u64 seed);

/* ---- memory.c: windows and descriptors ---- */

#define PAGE 4096u
#define PROTECTED_START 0xC0000000u /* nothing a test may touch lies at or above this linear address */

enum { ACCESS_READ_ONLY = 1, ACCESS_READ_WRITE = 2 };

typedef struct {
  u32 linear;
  u32 pages;
  u8 access;
} Window;

enum { WINDOW_CODE, WINDOW_DATA, WINDOW_READ_ONLY, WINDOW_STACK, WINDOW_COUNT };
#define WINDOW_BYTES (8 * PAGE) /* sum of all windows */

extern const Window windows[WINDOW_COUNT];
extern u8 *window_alias; /* all windows, in order, writable by the recorder */

typedef struct {
  u32 base;
  u32 limit; /* in bytes, inclusive */
  bool code, big, writable_or_readable, expand_down, present, page_granular, available;
} Descriptor;

#define SEGMENT_COUNT 160
extern Descriptor ldt[SEGMENT_COUNT];
extern bool have_ldt;

/** Maps the windows and fills them; installs the LDT. Prints why and exits when the host cannot. */
void prepare_memory(u32 seed);
/** Offset of a linear address in `window_alias`, or -1 when it is in no window. */
i32 window_offset(u32 linear);
/** What the windows hold before a test that says nothing else. */
extern u8 window_default[WINDOW_BYTES];
/** The 8 bytes of a descriptor as the CPU reads them. */
u64 encode_descriptor(const Descriptor *d);
/** The descriptor a selector names, or NULL for the null selector and for anything not loadable by a test's initial state. */
const Descriptor *descriptor_of(u16 selector);

/* ---- execute.c ---- */

typedef struct {
  u32 r[8];
  u32 eip;
  u32 eflags;
  u16 s[6];
} State;

typedef struct {
  State state;
  u32 vector;
  u32 error;
  u32 cr2;
} Outcome;

void prepare_execution(void);
/** Loads `in`, lets the CPU run until the first exception (TF makes that one instruction) and reports the interrupted state. */
void execute(const State *in, Outcome *out);

/* ---- forms.c ---- */

enum { SIZE_NONE, SIZE_B, SIZE_W, SIZE_V, SIZE_Q, SIZE_2V, SIZE_FAR };
enum { IMM_NONE, IMM_8, IMM_16, IMM_V, IMM_ENTER, IMM_FAR, IMM_MOFFS };

enum { /* how the state is prepared, beyond operands */
  SETUP_PLAIN, SETUP_DIVIDE, SETUP_SHIFT, SETUP_DOUBLE_SHIFT, SETUP_STRING, SETUP_PUSH, SETUP_POP, SETUP_SELECTOR, SETUP_FAR_LOAD,
  SETUP_FAR_JUMP, SETUP_NEAR_RET, SETUP_FAR_RET, SETUP_IRET, SETUP_POPF, SETUP_POP_SEGMENT, SETUP_ENTER, SETUP_LEAVE, SETUP_XLAT, SETUP_COMPARE8,
  SETUP_COMPARE, SETUP_BOUND, SETUP_LOOP, SETUP_NEAR_INDIRECT, SETUP_BCD
};

enum { /* attributes of a form */
  A_MODRM = 1 << 0,
  A_LOCK = 1 << 1,        /* LOCK is valid with a memory destination */
  A_MEMORY = 1 << 2,      /* the register form is #UD: rarely generated */
  A_MEMORY_ONLY = 1 << 3, /* the register form means something else on newer CPUs: never generated */
  A_REGISTER_ONLY = 1 << 4,
  A_PLUS_REG = 1 << 5,    /* low three opcode bits are a register */
  A_PLUS_CC = 1 << 6,     /* low four opcode bits are a condition */
  A_BRANCH = 1 << 7,      /* never falls through: needs TF */
  A_NO_REP = 1 << 8,      /* F2/F3 select another instruction on newer CPUs */
  A_NO_LOCK = 1 << 9,     /* LOCK selects another instruction on some CPUs */
  A_WIDE = 1 << 10,       /* 32-bit operand size only */
  A_BIT_OFFSET = 1 << 11, /* the register operand is a bit offset that moves the memory operand */
  A_NO_SIZE = 1 << 12     /* 66 selects another instruction on newer CPUs */
};

typedef struct {
  const char *name;
  u16 opcode;  /* 0x0Fxx for two-byte opcodes */
  signed char digit; /* ModRM reg field, -1 = random */
  u8 size;     /* memory operand */
  u8 imm;
  u8 setup;
  u8 weight;
  u16 attributes;
} Form;

extern const Form forms[];
extern const u32 form_count;

/* ---- generate.c, prepare.c, operands.c ---- */

#define MAX_PATCHES 24
typedef struct {
  u16 offset; /* in window_alias */
  u8 length;
  u8 bytes[32];
} Patch;

typedef struct {
  State in;
  const Form *form;
  u8 code[24];
  u32 length;
  u32 code_linear;
  u32 index;
  bool code32, op32, addr32;
  int source;     /* segment register of a string instruction's source */
  u32 stack;      /* linear address of the first stack access, 0 if there is none */
  u32 operand;    /* linear address of the memory operand, 0 if there is none */
  u32 operand_base; /* base of the segment it lies in */
  u8 locked;      /* registers the operand solver must leave alone */
  u32 patch_count;
  Patch patches[MAX_PATCHES];
} Test;

/** Fills `t` with a random test of `form`. False when the draw cannot be made safe: draw again. */
bool generate(Test *t, const Form *form, u32 seed, u32 index);

/** Operand size in bytes, 2 or 4. */
u32 operand_bytes(const Test *t);
/** Size of the memory operand in bytes. */
u32 memory_bytes(const Test *t);
/** A selector of the LDT that can be loaded as data (or stack), mostly one that reaches `window`; flat data if there is no LDT. */
u16 ldt_data(bool stack, u32 window);
/** An offset worth jumping to in the code segment `selector` names. */
u32 code_target(u16 selector);
/** Sets what the instruction uses implicitly. `override` is a segment register or -1. False: draw again. */
bool prepare(Test *t, bool repeated, int override);
/** Sets what the instruction finds in its ModRM operand, which is memory at `linear` or register `rm`. */
void finish(Test *t, bool memory, u32 linear, u32 rm, u32 reg);
/** A value from the edges of its width, a power of two, or a small number. */
u32 interesting(u32 bytes);
/** Sets the bytes at a linear address before the test, where they are in a window. */
void patch_memory(Test *t, u32 linear, const void *bytes, u32 length);
void patch_value(Test *t, u32 linear, u32 value, u32 length);
/** Chooses an offset in segment register `seg` whose linear address is safe; `size` bytes are accessed there. */
bool choose_offset(Test *t, int seg, bool wide, u32 size, bool stack, u32 *offset);
/** Any selector worth loading, from a fixed repertoire: LDT, flat, null, kernel, out of bounds. */
u16 choose_selector(bool code);
/** Appends ModRM, SIB and displacement for memory of `size` bytes reached through `seg_override` (or the default segment). */
bool encode_memory(Test *t, int reg_field, u32 size, int seg_override, u32 *linear);
u32 segment_base(const Test *t, int seg);
bool safe_linear(u32 linear);

/* ---- ambiguous.c ---- */

/** Why the outcome depends on the processor's maker rather than on the architecture, or NULL. */
const char *ambiguous(const Test *t, const Outcome *out, bool memory_changed);

/* ---- emit.c ---- */

void emit_header(u32 seed, u32 count);
void emit_test(const Test *t, const Outcome *out);
void emit_end(u32 count);

#endif
