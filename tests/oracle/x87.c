/*
 * Records what the x87 of this host does: for each vector a state is loaded by FRSTOR, one instruction is executed, and the state is stored by
 * FNSAVE. Vectors go to standard output; the format is described in tests/fpu/vectors.ts.
 *
 *   x87 SEED COUNT [transcendental]
 *
 * All random numbers come from SEED: the same seed on the same processor gives the same bytes. Instructions whose result is not defined to
 * the last bit are only recorded with the third argument.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  uint64_t significand;
  uint16_t head;
} Real;

/* Kinds of memory operand. */
enum { NONE, SINGLE, DOUBLE, EXTENDED, WORD, DWORD, QWORD, DECIMAL, STORE };

typedef struct {
  uint8_t opcode, modrm;
  uint8_t operand; /* kind of memory operand */
  uint8_t any;     /* register number is free */
} Form;

/* Register forms of all eight numbers are one line; memory operands are at [EDX]. */
static const Form FORMS[] = {
    {0xd8, 0xc0, NONE, 1}, {0xd8, 0xc8, NONE, 1}, {0xd8, 0xd0, NONE, 1}, {0xd8, 0xd8, NONE, 1}, {0xd8, 0xe0, NONE, 1},
    {0xd8, 0xe8, NONE, 1}, {0xd8, 0xf0, NONE, 1}, {0xd8, 0xf8, NONE, 1}, {0xdc, 0xc0, NONE, 1}, {0xdc, 0xc8, NONE, 1},
    {0xdc, 0xe0, NONE, 1}, {0xdc, 0xe8, NONE, 1}, {0xdc, 0xf0, NONE, 1}, {0xdc, 0xf8, NONE, 1}, {0xde, 0xc0, NONE, 1},
    {0xde, 0xc8, NONE, 1}, {0xde, 0xe0, NONE, 1}, {0xde, 0xe8, NONE, 1}, {0xde, 0xf0, NONE, 1}, {0xde, 0xf8, NONE, 1},
    {0xde, 0xd9, NONE, 0}, {0xda, 0xe9, NONE, 0}, {0xdd, 0xe0, NONE, 1}, {0xdd, 0xe8, NONE, 1}, {0xdb, 0xe8, NONE, 1},
    {0xdb, 0xf0, NONE, 1}, {0xdf, 0xe8, NONE, 1}, {0xdf, 0xf0, NONE, 1}, {0xda, 0xc0, NONE, 1}, {0xda, 0xc8, NONE, 1},
    {0xda, 0xd0, NONE, 1}, {0xda, 0xd8, NONE, 1}, {0xdb, 0xc0, NONE, 1}, {0xdb, 0xc8, NONE, 1}, {0xdb, 0xd0, NONE, 1},
    {0xdb, 0xd8, NONE, 1}, {0xd9, 0xc0, NONE, 1}, {0xd9, 0xc8, NONE, 1}, {0xdd, 0xc0, NONE, 1}, {0xdd, 0xd0, NONE, 1},
    {0xdd, 0xd8, NONE, 1}, {0xdf, 0xc0, NONE, 1}, {0xd9, 0xd8, NONE, 1}, {0xd9, 0xe0, NONE, 0}, {0xd9, 0xe1, NONE, 0},
    {0xd9, 0xe4, NONE, 0}, {0xd9, 0xe5, NONE, 0}, {0xd9, 0xe8, NONE, 0}, {0xd9, 0xe9, NONE, 0}, {0xd9, 0xea, NONE, 0},
    {0xd9, 0xeb, NONE, 0}, {0xd9, 0xec, NONE, 0}, {0xd9, 0xed, NONE, 0}, {0xd9, 0xee, NONE, 0}, {0xd9, 0xf4, NONE, 0},
    {0xd9, 0xf5, NONE, 0}, {0xd9, 0xf6, NONE, 0}, {0xd9, 0xf7, NONE, 0}, {0xd9, 0xf8, NONE, 0}, {0xd9, 0xfa, NONE, 0},
    {0xd9, 0xfc, NONE, 0}, {0xd9, 0xfd, NONE, 0}, {0xdb, 0xe2, NONE, 0}, {0xdb, 0xe3, NONE, 0}, {0xd9, 0xd0, NONE, 0},
    {0xd8, 0x02, SINGLE, 0}, {0xd8, 0x0a, SINGLE, 0}, {0xd8, 0x12, SINGLE, 0}, {0xd8, 0x1a, SINGLE, 0},
    {0xd8, 0x22, SINGLE, 0}, {0xd8, 0x2a, SINGLE, 0}, {0xd8, 0x32, SINGLE, 0}, {0xd8, 0x3a, SINGLE, 0},
    {0xdc, 0x02, DOUBLE, 0}, {0xdc, 0x0a, DOUBLE, 0}, {0xdc, 0x12, DOUBLE, 0}, {0xdc, 0x1a, DOUBLE, 0},
    {0xdc, 0x22, DOUBLE, 0}, {0xdc, 0x2a, DOUBLE, 0}, {0xdc, 0x32, DOUBLE, 0}, {0xdc, 0x3a, DOUBLE, 0},
    {0xda, 0x02, DWORD, 0}, {0xda, 0x0a, DWORD, 0}, {0xda, 0x12, DWORD, 0}, {0xda, 0x1a, DWORD, 0},
    {0xda, 0x22, DWORD, 0}, {0xda, 0x2a, DWORD, 0}, {0xda, 0x32, DWORD, 0}, {0xda, 0x3a, DWORD, 0},
    {0xde, 0x02, WORD, 0}, {0xde, 0x0a, WORD, 0}, {0xde, 0x12, WORD, 0}, {0xde, 0x1a, WORD, 0},
    {0xde, 0x22, WORD, 0}, {0xde, 0x2a, WORD, 0}, {0xde, 0x32, WORD, 0}, {0xde, 0x3a, WORD, 0},
    {0xd9, 0x02, SINGLE, 0}, {0xdd, 0x02, DOUBLE, 0}, {0xdb, 0x2a, EXTENDED, 0}, {0xdf, 0x02, WORD, 0},
    {0xdb, 0x02, DWORD, 0}, {0xdf, 0x2a, QWORD, 0}, {0xdf, 0x22, DECIMAL, 0}, {0xd9, 0x2a, WORD, 0},
    {0xd9, 0x12, STORE, 0}, {0xd9, 0x1a, STORE, 0}, {0xdd, 0x12, STORE, 0}, {0xdd, 0x1a, STORE, 0},
    {0xdb, 0x3a, STORE, 0}, {0xdf, 0x12, STORE, 0}, {0xdf, 0x1a, STORE, 0}, {0xdb, 0x12, STORE, 0},
    {0xdb, 0x1a, STORE, 0}, {0xdf, 0x3a, STORE, 0}, {0xdf, 0x32, STORE, 0}, {0xd9, 0x3a, STORE, 0},
    {0xdd, 0x3a, STORE, 0},
};

static const Form TRANSCENDENTAL[] = {
    {0xd9, 0xf0, NONE, 0}, {0xd9, 0xf1, NONE, 0}, {0xd9, 0xf2, NONE, 0}, {0xd9, 0xf3, NONE, 0},
    {0xd9, 0xf9, NONE, 0}, {0xd9, 0xfb, NONE, 0}, {0xd9, 0xfe, NONE, 0}, {0xd9, 0xff, NONE, 0},
};

static uint64_t state;

static uint64_t random64(void) {
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint32_t below(uint32_t n) { return (uint32_t)((random64() >> 32) * n >> 32); }

/* A fraction of `bits` bits: mostly with long runs of equal bits, so that halves and carries are common. */
static uint64_t fraction(int bits) {
  uint64_t all = bits == 64 ? ~0ull : (1ull << bits) - 1;
  switch (below(8)) {
  case 0: return 0;
  case 1: return 1ull << below((uint32_t)bits);
  case 2: return all;
  case 3: return all ^ (1ull << below((uint32_t)bits));
  case 4: return (all << below((uint32_t)bits)) & all;
  case 5: return all >> below((uint32_t)bits);
  default: return random64() & all;
  }
}

static Real real(void) {
  Real r;
  r.significand = 0x8000000000000000u | fraction(63);
  switch (below(16)) {
  case 0: r.head = 0; r.significand = 0; break;
  case 1: r.head = 0; r.significand = fraction(below(2) ? 63 : 64); break;
  case 2: r.head = 0x7fff; r.significand = 0x8000000000000000u; break;
  case 3: r.head = 0x7fff; break;
  case 4: r.head = (uint16_t)below(0x8000); if (below(2)) r.significand &= ~0x8000000000000000u; break;
  case 5: r.head = (uint16_t)below(0x8000); break;
  case 6: r.head = (uint16_t)(1 + below(70)); break;
  case 7: r.head = (uint16_t)(0x7ffe - below(70)); break;
  case 8: r.head = (uint16_t)(0x3fff - 1022 - 60 + below(70)); break;
  case 9: r.head = (uint16_t)(0x3fff - 126 - 30 + below(40)); break;
  case 10: r.head = (uint16_t)(0x3fff + 120 + below(12)); break;
  case 11: r.head = (uint16_t)(0x3fff + 1018 + below(8)); break;
  default: r.head = (uint16_t)(0x3fff - 4 + below(72)); break;
  }
  if (below(2)) r.head |= 0x8000;
  return r;
}

/* An operand that has something to do with another one. */
static Real relative(Real a) {
  if (below(3)) return real();
  a.head ^= (uint16_t)(below(2) << 15);
  switch (below(4)) {
  case 0: return a;
  case 1: a.significand += below(5) - 2; break;
  case 2: a.head = (uint16_t)(a.head + below(5) - 2); a.significand = 0x8000000000000000u | fraction(63); break;
  default: a.head = (uint16_t)(a.head - below(130)); break;
  }
  return a;
}

static void operand(uint8_t *m, int kind) {
  uint64_t v = 0;
  memset(m, 0x5a, 10);
  switch (kind) {
  case SINGLE: {
    static const uint8_t exponents[] = {0, 0, 1, 2, 0x7e, 0x7f, 0x80, 0xfe, 0xff, 0xff};
    uint32_t e = below(2) ? exponents[below(10)] : below(256);
    v = below(2) << 31 | e << 23 | (uint32_t)fraction(23);
    memcpy(m, &v, 4);
    break;
  }
  case DOUBLE: {
    static const uint16_t exponents[] = {0, 0, 1, 2, 0x3fe, 0x3ff, 0x400, 0x7fe, 0x7ff, 0x7ff};
    uint64_t e = below(2) ? exponents[below(10)] : below(2048);
    v = (uint64_t)below(2) << 63 | e << 52 | fraction(52);
    memcpy(m, &v, 8);
    break;
  }
  case EXTENDED: {
    Real r = real();
    memcpy(m, &r.significand, 8);
    memcpy(m + 8, &r.head, 2);
    break;
  }
  case WORD: v = fraction(16); memcpy(m, &v, 2); break;
  case DWORD: v = fraction(32); memcpy(m, &v, 4); break;
  case QWORD: v = fraction(64); memcpy(m, &v, 8); break;
  case DECIMAL:
    for (int i = 0; i < 9; i++) m[i] = (uint8_t)(below(10) << 4 | below(10));
    if (below(4) == 0) memset(m + below(10), 0, 1);
    m[9] = (uint8_t)(below(2) << 7);
    break;
  default: break;
  }
}

static void put16(uint8_t *p, uint32_t v) { p[0] = (uint8_t)v; p[1] = (uint8_t)(v >> 8); }

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "expected x87 SEED COUNT [transcendental]\n");
    return 2;
  }
  state = strtoull(argv[1], 0, 0);
  long count = strtol(argv[2], 0, 0);
  int functions = argc > 3;
  uint8_t *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  /* mov eax,ecx; frstor [rdi]; sahf; OP; lahf; fnsave [rsi]; ret */
  static const uint8_t TEMPLATE[] = {0x89, 0xc8, 0xdd, 0x27, 0x9e, 0, 0, 0x9f, 0xdd, 0x36, 0xc3};
  memcpy(code, TEMPLATE, sizeof TEMPLATE);
  uint64_t (*run)(void *, void *, void *, uint64_t) = (uint64_t(*)(void *, void *, void *, uint64_t))code;
  for (long i = 0; i < count; i++) {
    Form form = functions ? TRANSCENDENTAL[below(sizeof TRANSCENDENTAL / sizeof *TRANSCENDENTAL)]
                          : FORMS[below(sizeof FORMS / sizeof *FORMS)];
    uint8_t in[108] = {0}, out[108], memory[10], before[10];
    uint32_t number = form.any ? (below(4) ? 1 : below(8)) : 1;
    uint8_t modrm = (uint8_t)(form.modrm + (form.any ? number : 0));
    static const uint8_t precisions[] = {0, 2, 3, 3};
    uint32_t control = 0x40u | below(4) << 10 | (uint32_t)precisions[below(4)] << 8 | (below(4) ? 0x3f : below(64));
    uint32_t top = below(8);
    uint32_t status = top << 11 | (below(2) ? (below(16) & 7) << 8 | below(2) << 14 : 0);
    uint32_t tags = 0;
    uint32_t empty = below(8) ? 0x80u | below(128) << 0 : below(256);
    if (below(8)) empty &= ~(3u | 1u << number);
    for (uint32_t r = 0; r < 8; r++)
      if (empty >> r & 1) tags |= 3u << 2 * ((r + top) & 7);
    put16(in, control);
    put16(in + 4, status);
    put16(in + 8, tags);
    Real st0 = real(), other = relative(st0);
    for (uint32_t r = 0; r < 8; r++) {
      Real v = {0xa000000000000000u + r, (uint16_t)(0x4000 + r)};
      if (r == number) v = other;
      if (r == 0) v = st0;
      memcpy(in + 28 + 10 * r, &v.significand, 8);
      memcpy(in + 36 + 10 * r, &v.head, 2);
    }
    operand(memory, form.operand);
    memcpy(before, memory, 10);
    uint32_t flags = below(256) & 0xd5;
    code[5] = form.opcode;
    code[6] = modrm;
    uint64_t ax = run(in, out, memory, flags << 8 | 2u << 8);
    /* Header, the two operands, what came out. */
    uint8_t line[256], *p = line;
    *p++ = form.opcode;
    *p++ = modrm;
    put16(p, control);
    put16(p + 2, status);
    put16(p + 4, tags);
    p[6] = (uint8_t)flags;
    p += 7;
    memcpy(p, in + 28, 10);
    memcpy(p + 10, in + 28 + 10 * number, 10);
    p += 20;
    if (modrm < 0xc0) {
      memcpy(p, before, 10);
      p += 10;
    }
    memcpy(p, out, 2); /* control, status, tags */
    memcpy(p + 2, out + 4, 2);
    memcpy(p + 4, out + 8, 2);
    p[6] = (uint8_t)(ax >> 8 & 0xd5);
    uint8_t *changed = p + 7;
    *changed = 0;
    p += 8;
    uint32_t after = (uint32_t)out[5] >> 3 & 7;
    for (uint32_t r = 0; r < 8; r++) { /* r: physical */
      const uint8_t *old = in + 28 + 10 * ((r - top) & 7), *new = out + 28 + 10 * ((r - after) & 7);
      if (memcmp(old, new, 10) == 0) continue;
      *changed |= (uint8_t)(1 << r);
      memcpy(p, new, 10);
      p += 10;
    }
    if (modrm < 0xc0) {
      memcpy(p, memory, 10);
      p += 10;
    }
    fwrite(line, 1, (size_t)(p - line), stdout);
  }
  return 0;
}
