/*
 * The table of instruction forms the recorder generates: every user-mode integer encoding of an i686, the privileged ones (which fault at
 * CPL 3) and the ones that are undefined.
 *
 * Left out because the answer depends on the machine or is a newer CPU's: CPUID, RDTSC, SGDT, SIDT, SLDT, STR, SMSW (UMIP), INT 80h,
 * SYSENTER, SYSCALL, x87, MMX, SSE, the register forms of LES, LDS and BOUND (VEX, EVEX), and F3 before BSF and BSR (TZCNT, LZCNT).
 * Left out because a host, or the hypervisor it runs under, is known to answer otherwise: INT1 (saved EIP), LOCK VERW, REP LOOPcc.
 * Columns: name, opcode, ModRM digit, memory operand, immediate, set-up, weight, attributes. Opcodes: SDM 2 A.2.
 */
#include "oracle.h"

#define M A_MODRM
#define ALU(name, base)                                                   \
  {name, base + 0, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M | A_LOCK},     \
  {name, base + 1, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M | A_LOCK},     \
  {name, base + 2, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M},              \
  {name, base + 3, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M},              \
  {name, base + 4, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 2, 0},              \
  {name, base + 5, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 2, 0}
#define GROUP1(name, digit)                                               \
  {name, 0x80, digit, SIZE_B, IMM_8, SETUP_PLAIN, 3, M | A_LOCK},         \
  {name, 0x81, digit, SIZE_V, IMM_V, SETUP_PLAIN, 3, M | A_LOCK},         \
  {name, 0x82, digit, SIZE_B, IMM_8, SETUP_PLAIN, 1, M | A_LOCK},         \
  {name, 0x83, digit, SIZE_V, IMM_8, SETUP_PLAIN, 3, M | A_LOCK}
#define SHIFT(name, digit)                                                \
  {name, 0xC0, digit, SIZE_B, IMM_8, SETUP_SHIFT, 3, M},                  \
  {name, 0xC1, digit, SIZE_V, IMM_8, SETUP_SHIFT, 4, M},                  \
  {name, 0xD0, digit, SIZE_B, IMM_NONE, SETUP_PLAIN, 2, M},               \
  {name, 0xD1, digit, SIZE_V, IMM_NONE, SETUP_PLAIN, 3, M},               \
  {name, 0xD2, digit, SIZE_B, IMM_NONE, SETUP_SHIFT, 3, M},               \
  {name, 0xD3, digit, SIZE_V, IMM_NONE, SETUP_SHIFT, 4, M}
#define GROUP3(name, digit, imm8, immv, setup, lock)                      \
  {name, 0xF6, digit, SIZE_B, imm8, setup, 4, M | (lock)},                \
  {name, 0xF7, digit, SIZE_V, immv, setup, 5, M | (lock)}
#define BIT(name, opcode, digit, lock)                                    \
  {name, opcode, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 5, M | A_BIT_OFFSET | (lock)}, \
  {name, 0x0FBA, digit, SIZE_V, IMM_8, SETUP_PLAIN, 4, M | (lock)}
#define PLAIN(name, opcode, weight) {name, opcode, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, weight, 0}
#define STRING(name, opcode, size) {name, opcode, -1, size, IMM_NONE, SETUP_STRING, 7, 0}
#define UNDEFINED(opcode, digit) {"undefined", opcode, digit, SIZE_V, IMM_NONE, SETUP_PLAIN, 1, M}

// clang-format off
const Form forms[] = {
    ALU("add", 0x00), ALU("or", 0x08), ALU("adc", 0x10), ALU("sbb", 0x18), ALU("and", 0x20), ALU("sub", 0x28), ALU("xor", 0x30),
    {"cmp", 0x38, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M}, {"cmp", 0x39, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M},
    {"cmp", 0x3A, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M}, {"cmp", 0x3B, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M},
    {"cmp", 0x3C, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 2, 0}, {"cmp", 0x3D, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 2, 0},
    GROUP1("add", 0), GROUP1("or", 1), GROUP1("adc", 2), GROUP1("sbb", 3), GROUP1("and", 4), GROUP1("sub", 5), GROUP1("xor", 6),
    {"cmp", 0x80, 7, SIZE_B, IMM_8, SETUP_PLAIN, 3, M}, {"cmp", 0x81, 7, SIZE_V, IMM_V, SETUP_PLAIN, 3, M},
    {"cmp", 0x82, 7, SIZE_B, IMM_8, SETUP_PLAIN, 1, M}, {"cmp", 0x83, 7, SIZE_V, IMM_8, SETUP_PLAIN, 3, M},
    {"inc", 0x40, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 4, A_PLUS_REG},
    {"dec", 0x48, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 4, A_PLUS_REG},
    {"inc", 0xFE, 0, SIZE_B, IMM_NONE, SETUP_PLAIN, 3, M | A_LOCK}, {"dec", 0xFE, 1, SIZE_B, IMM_NONE, SETUP_PLAIN, 3, M | A_LOCK},
    {"inc", 0xFF, 0, SIZE_V, IMM_NONE, SETUP_PLAIN, 4, M | A_LOCK}, {"dec", 0xFF, 1, SIZE_V, IMM_NONE, SETUP_PLAIN, 4, M | A_LOCK},
    SHIFT("rol", 0), SHIFT("ror", 1), SHIFT("rcl", 2), SHIFT("rcr", 3), SHIFT("shl", 4), SHIFT("shr", 5), SHIFT("sal", 6), SHIFT("sar", 7),
    GROUP3("test", 0, IMM_8, IMM_V, SETUP_PLAIN, 0), GROUP3("test", 1, IMM_8, IMM_V, SETUP_PLAIN, 0),
    GROUP3("not", 2, IMM_NONE, IMM_NONE, SETUP_PLAIN, A_LOCK), GROUP3("neg", 3, IMM_NONE, IMM_NONE, SETUP_PLAIN, A_LOCK),
    GROUP3("mul", 4, IMM_NONE, IMM_NONE, SETUP_PLAIN, 0), GROUP3("imul", 5, IMM_NONE, IMM_NONE, SETUP_PLAIN, 0),
    GROUP3("div", 6, IMM_NONE, IMM_NONE, SETUP_DIVIDE, 0), GROUP3("div", 6, IMM_NONE, IMM_NONE, SETUP_DIVIDE, 0),
    GROUP3("idiv", 7, IMM_NONE, IMM_NONE, SETUP_DIVIDE, 0), GROUP3("idiv", 7, IMM_NONE, IMM_NONE, SETUP_DIVIDE, 0),
    {"imul", 0x69, -1, SIZE_V, IMM_V, SETUP_PLAIN, 6, M}, {"imul", 0x6B, -1, SIZE_V, IMM_8, SETUP_PLAIN, 6, M},
    {"imul", 0x0FAF, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 8, M},
    {"test", 0x84, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 3, M}, {"test", 0x85, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 4, M},
    {"test", 0xA8, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 2, 0}, {"test", 0xA9, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 2, 0},
    {"shld", 0x0FA4, -1, SIZE_V, IMM_8, SETUP_DOUBLE_SHIFT, 7, M}, {"shld", 0x0FA5, -1, SIZE_V, IMM_NONE, SETUP_DOUBLE_SHIFT, 7, M},
    {"shrd", 0x0FAC, -1, SIZE_V, IMM_8, SETUP_DOUBLE_SHIFT, 7, M}, {"shrd", 0x0FAD, -1, SIZE_V, IMM_NONE, SETUP_DOUBLE_SHIFT, 7, M},
    BIT("bt", 0x0FA3, 4, 0), BIT("bts", 0x0FAB, 5, A_LOCK), BIT("btr", 0x0FB3, 6, A_LOCK), BIT("btc", 0x0FBB, 7, A_LOCK),
    {"bsf", 0x0FBC, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M | A_NO_REP}, {"bsr", 0x0FBD, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M | A_NO_REP},
    {"bswap", 0x0FC8, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 5, A_PLUS_REG | A_WIDE},
    {"xadd", 0x0FC0, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 5, M | A_LOCK}, {"xadd", 0x0FC1, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M | A_LOCK},
    {"cmpxchg", 0x0FB0, -1, SIZE_B, IMM_NONE, SETUP_COMPARE, 6, M | A_LOCK}, {"cmpxchg", 0x0FB1, -1, SIZE_V, IMM_NONE, SETUP_COMPARE, 8, M | A_LOCK},
    {"cmpxchg8b", 0x0FC7, 1, SIZE_Q, IMM_NONE, SETUP_COMPARE8, 8, M | A_LOCK | A_MEMORY | A_NO_REP | A_NO_SIZE},
    {"daa", 0x27, -1, SIZE_NONE, IMM_NONE, SETUP_BCD, 6, 0}, {"das", 0x2F, -1, SIZE_NONE, IMM_NONE, SETUP_BCD, 6, 0},
    {"aaa", 0x37, -1, SIZE_NONE, IMM_NONE, SETUP_BCD, 6, 0}, {"aas", 0x3F, -1, SIZE_NONE, IMM_NONE, SETUP_BCD, 6, 0},
    {"aam", 0xD4, -1, SIZE_NONE, IMM_8, SETUP_BCD, 6, 0}, {"aad", 0xD5, -1, SIZE_NONE, IMM_8, SETUP_BCD, 6, 0},
    PLAIN("cbw", 0x98, 4), PLAIN("cwd", 0x99, 4), PLAIN("sahf", 0x9E, 4), PLAIN("lahf", 0x9F, 4), PLAIN("cmc", 0xF5, 2), PLAIN("clc", 0xF8, 2),
    PLAIN("stc", 0xF9, 2), PLAIN("cld", 0xFC, 2), PLAIN("std", 0xFD, 2), PLAIN("salc", 0xD6, 2), PLAIN("wait", 0x9B, 1),
    {"xchg", 0x90, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 5, A_PLUS_REG},
    {"xchg", 0x86, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 5, M | A_LOCK}, {"xchg", 0x87, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 6, M | A_LOCK},
    {"mov", 0x88, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 5, M}, {"mov", 0x89, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 8, M},
    {"mov", 0x8A, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 5, M}, {"mov", 0x8B, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 8, M},
    {"mov", 0xC6, 0, SIZE_B, IMM_8, SETUP_PLAIN, 4, M}, {"mov", 0xC7, 0, SIZE_V, IMM_V, SETUP_PLAIN, 4, M},
    {"mov", 0xB0, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 4, A_PLUS_REG}, {"mov", 0xB8, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 4, A_PLUS_REG},
    {"mov", 0xA0, -1, SIZE_B, IMM_MOFFS, SETUP_PLAIN, 3, 0}, {"mov", 0xA1, -1, SIZE_V, IMM_MOFFS, SETUP_PLAIN, 3, 0},
    {"mov", 0xA2, -1, SIZE_B, IMM_MOFFS, SETUP_PLAIN, 3, 0}, {"mov", 0xA3, -1, SIZE_V, IMM_MOFFS, SETUP_PLAIN, 3, 0},
    {"movzx", 0x0FB6, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M}, {"movzx", 0x0FB7, -1, SIZE_W, IMM_NONE, SETUP_PLAIN, 4, M},
    {"movsx", 0x0FBE, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 4, M}, {"movsx", 0x0FBF, -1, SIZE_W, IMM_NONE, SETUP_PLAIN, 4, M},
    {"lea", 0x8D, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 10, M | A_MEMORY},
    {"cmovcc", 0x0F40, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 20, M | A_PLUS_CC}, {"setcc", 0x0F90, -1, SIZE_B, IMM_NONE, SETUP_PLAIN, 20, M | A_PLUS_CC},
    {"xlat", 0xD7, -1, SIZE_B, IMM_NONE, SETUP_XLAT, 8, 0},
    STRING("movs", 0xA4, SIZE_B), STRING("movs", 0xA5, SIZE_V), STRING("cmps", 0xA6, SIZE_B), STRING("cmps", 0xA7, SIZE_V),
    STRING("stos", 0xAA, SIZE_B), STRING("stos", 0xAB, SIZE_V), STRING("lods", 0xAC, SIZE_B), STRING("lods", 0xAD, SIZE_V),
    STRING("scas", 0xAE, SIZE_B), STRING("scas", 0xAF, SIZE_V),
    /* stack */
    {"push", 0x50, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 7, A_PLUS_REG}, {"pop", 0x58, -1, SIZE_NONE, IMM_NONE, SETUP_POP, 7, A_PLUS_REG},
    {"push", 0x68, -1, SIZE_NONE, IMM_V, SETUP_PUSH, 3, 0}, {"push", 0x6A, -1, SIZE_NONE, IMM_8, SETUP_PUSH, 3, 0},
    {"push", 0xFF, 6, SIZE_V, IMM_NONE, SETUP_PUSH, 6, M}, {"pop", 0x8F, 0, SIZE_V, IMM_NONE, SETUP_POP, 6, M},
    {"pusha", 0x60, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 6, 0}, {"popa", 0x61, -1, SIZE_NONE, IMM_NONE, SETUP_POP, 6, 0},
    {"pushf", 0x9C, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 6, 0}, {"popf", 0x9D, -1, SIZE_NONE, IMM_NONE, SETUP_POPF, 8, 0},
    {"push es", 0x06, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0}, {"push cs", 0x0E, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0},
    {"push ss", 0x16, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0}, {"push ds", 0x1E, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0},
    {"push fs", 0x0FA0, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0}, {"push gs", 0x0FA8, -1, SIZE_NONE, IMM_NONE, SETUP_PUSH, 2, 0},
    {"pop es", 0x07, -1, SIZE_NONE, IMM_NONE, SETUP_POP_SEGMENT, 3, 0}, {"pop ss", 0x17, -1, SIZE_NONE, IMM_NONE, SETUP_POP_SEGMENT, 3, 0},
    {"pop ds", 0x1F, -1, SIZE_NONE, IMM_NONE, SETUP_POP_SEGMENT, 3, 0},
    {"pop fs", 0x0FA1, -1, SIZE_NONE, IMM_NONE, SETUP_POP_SEGMENT, 3, 0}, {"pop gs", 0x0FA9, -1, SIZE_NONE, IMM_NONE, SETUP_POP_SEGMENT, 3, 0},
    {"enter", 0xC8, -1, SIZE_NONE, IMM_ENTER, SETUP_ENTER, 12, 0}, {"leave", 0xC9, -1, SIZE_NONE, IMM_NONE, SETUP_LEAVE, 8, 0},
    /* control flow */
    {"jcc", 0x70, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 16, A_PLUS_CC | A_BRANCH}, {"jcc", 0x0F80, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 12, A_PLUS_CC | A_BRANCH},
    {"loopne", 0xE0, -1, SIZE_NONE, IMM_8, SETUP_LOOP, 4, A_BRANCH | A_NO_REP}, {"loope", 0xE1, -1, SIZE_NONE, IMM_8, SETUP_LOOP, 4, A_BRANCH | A_NO_REP},
    {"loop", 0xE2, -1, SIZE_NONE, IMM_8, SETUP_LOOP, 4, A_BRANCH | A_NO_REP}, {"jcxz", 0xE3, -1, SIZE_NONE, IMM_8, SETUP_LOOP, 4, A_BRANCH | A_NO_REP},
    {"call", 0xE8, -1, SIZE_NONE, IMM_V, SETUP_PUSH, 7, A_BRANCH}, {"jmp", 0xE9, -1, SIZE_NONE, IMM_V, SETUP_PLAIN, 5, A_BRANCH},
    {"jmp", 0xEB, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 4, A_BRANCH},
    {"call", 0xFF, 2, SIZE_V, IMM_NONE, SETUP_NEAR_INDIRECT, 7, M | A_BRANCH}, {"jmp", 0xFF, 4, SIZE_V, IMM_NONE, SETUP_NEAR_INDIRECT, 6, M | A_BRANCH},
    {"call far", 0xFF, 3, SIZE_FAR, IMM_NONE, SETUP_FAR_JUMP, 7, M | A_BRANCH | A_MEMORY}, {"jmp far", 0xFF, 5, SIZE_FAR, IMM_NONE, SETUP_FAR_JUMP, 7, M | A_BRANCH | A_MEMORY},
    {"call far", 0x9A, -1, SIZE_NONE, IMM_FAR, SETUP_FAR_JUMP, 7, A_BRANCH}, {"jmp far", 0xEA, -1, SIZE_NONE, IMM_FAR, SETUP_FAR_JUMP, 7, A_BRANCH},
    {"ret", 0xC2, -1, SIZE_NONE, IMM_16, SETUP_NEAR_RET, 5, A_BRANCH}, {"ret", 0xC3, -1, SIZE_NONE, IMM_NONE, SETUP_NEAR_RET, 6, A_BRANCH},
    {"retf", 0xCA, -1, SIZE_NONE, IMM_16, SETUP_FAR_RET, 6, A_BRANCH}, {"retf", 0xCB, -1, SIZE_NONE, IMM_NONE, SETUP_FAR_RET, 6, A_BRANCH},
    {"iret", 0xCF, -1, SIZE_NONE, IMM_NONE, SETUP_IRET, 12, A_BRANCH},
    {"int3", 0xCC, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 2, A_BRANCH}, {"int", 0xCD, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 4, A_BRANCH},
    {"into", 0xCE, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 4, A_BRANCH},
    {"bound", 0x62, -1, SIZE_2V, IMM_NONE, SETUP_BOUND, 10, M | A_MEMORY_ONLY},
    /* segments */
    {"mov r/m,sreg", 0x8C, -1, SIZE_W, IMM_NONE, SETUP_PLAIN, 8, M}, {"mov sreg,r/m", 0x8E, -1, SIZE_W, IMM_NONE, SETUP_SELECTOR, 16, M},
    {"les", 0xC4, -1, SIZE_FAR, IMM_NONE, SETUP_FAR_LOAD, 5, M | A_MEMORY_ONLY}, {"lds", 0xC5, -1, SIZE_FAR, IMM_NONE, SETUP_FAR_LOAD, 5, M | A_MEMORY_ONLY},
    {"lss", 0x0FB2, -1, SIZE_FAR, IMM_NONE, SETUP_FAR_LOAD, 6, M | A_MEMORY}, {"lfs", 0x0FB4, -1, SIZE_FAR, IMM_NONE, SETUP_FAR_LOAD, 5, M | A_MEMORY},
    {"lgs", 0x0FB5, -1, SIZE_FAR, IMM_NONE, SETUP_FAR_LOAD, 5, M | A_MEMORY},
    {"arpl", 0x63, -1, SIZE_W, IMM_NONE, SETUP_SELECTOR, 6, M}, {"lar", 0x0F02, -1, SIZE_W, IMM_NONE, SETUP_SELECTOR, 8, M},
    {"lsl", 0x0F03, -1, SIZE_W, IMM_NONE, SETUP_SELECTOR, 8, M}, {"verr", 0x0F00, 4, SIZE_W, IMM_NONE, SETUP_SELECTOR, 6, M | A_NO_REP | A_NO_SIZE},
    {"verw", 0x0F00, 5, SIZE_W, IMM_NONE, SETUP_SELECTOR, 6, M | A_NO_REP | A_NO_SIZE | A_NO_LOCK},
    /* privileged: #GP(0) at CPL 3 */
    PLAIN("hlt", 0xF4, 1), PLAIN("cli", 0xFA, 1), PLAIN("sti", 0xFB, 1), PLAIN("clts", 0x0F06, 1), PLAIN("rdmsr", 0x0F32, 1), PLAIN("wrmsr", 0x0F30, 1),
    {"invd", 0x0F08, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, A_NO_REP | A_NO_SIZE}, {"wbinvd", 0x0F09, -1, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, A_NO_REP | A_NO_SIZE},
    {"in", 0xE4, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 1, 0}, {"in", 0xE5, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 1, 0},
    {"out", 0xE6, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 1, 0}, {"out", 0xE7, -1, SIZE_NONE, IMM_8, SETUP_PLAIN, 1, 0},
    PLAIN("in", 0xEC, 1), PLAIN("in", 0xED, 1), PLAIN("out", 0xEE, 1), PLAIN("out", 0xEF, 1),
    STRING("ins", 0x6C, SIZE_B), STRING("outs", 0x6F, SIZE_V),
    {"lldt", 0x0F00, 2, SIZE_W, IMM_NONE, SETUP_PLAIN, 1, M | A_NO_REP | A_NO_SIZE}, {"ltr", 0x0F00, 3, SIZE_W, IMM_NONE, SETUP_PLAIN, 1, M | A_NO_REP | A_NO_SIZE},
    {"lgdt", 0x0F01, 2, SIZE_FAR, IMM_NONE, SETUP_PLAIN, 1, M | A_MEMORY_ONLY | A_NO_REP | A_NO_SIZE}, {"lidt", 0x0F01, 3, SIZE_FAR, IMM_NONE, SETUP_PLAIN, 1, M | A_MEMORY_ONLY | A_NO_REP | A_NO_SIZE},
    {"lmsw", 0x0F01, 6, SIZE_W, IMM_NONE, SETUP_PLAIN, 1, M | A_NO_REP | A_NO_SIZE}, {"invlpg", 0x0F01, 7, SIZE_B, IMM_NONE, SETUP_PLAIN, 1, M | A_MEMORY_ONLY | A_NO_REP | A_NO_SIZE},
    {"mov r,cr", 0x0F20, 0, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, M | A_REGISTER_ONLY | A_NO_REP | A_NO_LOCK | A_NO_SIZE},
    {"mov cr,r", 0x0F22, 3, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, M | A_REGISTER_ONLY | A_NO_REP | A_NO_LOCK | A_NO_SIZE},
    {"mov r,dr", 0x0F21, 7, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, M | A_REGISTER_ONLY | A_NO_REP | A_NO_LOCK | A_NO_SIZE},
    {"mov dr,r", 0x0F23, 0, SIZE_NONE, IMM_NONE, SETUP_PLAIN, 1, M | A_REGISTER_ONLY | A_NO_REP | A_NO_LOCK | A_NO_SIZE},
    /* no-operations and undefined opcodes */
    PLAIN("nop", 0x90, 2), {"nop", 0x0F1F, -1, SIZE_V, IMM_NONE, SETUP_PLAIN, 2, M | A_NO_REP},
    PLAIN("ud2", 0x0F0B, 1), UNDEFINED(0xFE, 2), UNDEFINED(0xFE, 7), UNDEFINED(0xFF, 7),
    {"undefined", 0x0F00, 6, SIZE_W, IMM_NONE, SETUP_PLAIN, 1, M | A_NO_REP | A_NO_SIZE}, {"undefined", 0x0FBA, 2, SIZE_V, IMM_8, SETUP_PLAIN, 1, M | A_NO_REP},
    {"undefined", 0x0FBA, 0, SIZE_V, IMM_8, SETUP_PLAIN, 1, M | A_NO_REP}, PLAIN("undefined", 0x0F04, 1), PLAIN("undefined", 0x0F0A, 1),
};
// clang-format on

const u32 form_count = sizeof forms / sizeof *forms;
