/*
 * Where a test's operands lie: values worth trying, offsets inside and around the windows, and ModRM/SIB encodings that reach them.
 *
 * An address is chosen first and an addressing form second; one register or the displacement is then solved so that the form yields the
 * address. Invariant: no address that could reach the recorder itself (PROTECTED_START) leaves this file. ModRM: SDM 2 2.1.5.
 */
#include "oracle.h"
#include <string.h>

static u64 random_state;

u32 mix(u32 seed, u32 n) {
  u32 h = seed ^ n * 0x9E3779B9u;
  h ^= h >> 16;
  h *= 0x85EBCA6Bu;
  h ^= h >> 13;
  h *= 0xC2B2AE35u;
  h ^= h >> 16;
  return h;
}

void seed_random(u64 seed) { random_state = seed; }

/* splitmix64: Steele, Lea and Flood 2014. */
u32 next_random(void) {
  u64 z = random_state += 0x9E3779B97F4A7C15ull;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ z >> 27) * 0x94D049BB133111EBull;
  return (u32)(z >> 32 ^ z);
}

u32 below(u32 n) { return (u32)((u64)next_random() * n >> 32); }
bool chance(u32 percent) { return below(100) < percent; }

u32 interesting(u32 bytes) {
  static const u32 edges[] = {0,      1,      2,      0x7F,       0x80,       0x81,       0xFE,       0xFF,   0x100,
                              0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF};
  switch (below(4)) {
    case 0: return edges[below(sizeof edges / sizeof *edges)];
    case 1: return 1u << below(8 * bytes);
    case 2: return below(20);
    default: return (u32) - (i32)below(20);
  }
}

bool safe_linear(u32 linear) { return linear >= 0x200 && linear < PROTECTED_START - 0x10000; }

void patch_memory(Test *t, u32 linear, const void *bytes, u32 length) {
  const u8 *from = bytes;
  for (u32 i = 0; i < length;) { /* one patch for each run of bytes that is contiguous in the alias */
    i32 offset = window_offset(linear + i);
    if (offset < 0) {
      i++;
      continue;
    }
    u32 n = 1;
    while (i + n < length && n < 32 && window_offset(linear + i + n) == offset + (i32)n) n++;
    if (t->patch_count == MAX_PATCHES) return;
    Patch *p = &t->patches[t->patch_count++];
    p->offset = (u16)offset;
    p->length = (u8)n;
    memcpy(p->bytes, from + i, n);
    i += n;
  }
}

void patch_value(Test *t, u32 linear, u32 value, u32 length) { patch_memory(t, linear, &value, length); }

u32 segment_base(const Test *t, int seg) {
  const Descriptor *d = descriptor_of(t->in.s[seg]);
  return d == NULL ? 0 : d->base;
}

static u32 linear_in(u32 window) { return windows[window].linear + below(windows[window].pages * PAGE); }

static u32 pick_linear(bool stack, u32 size) {
  u32 home = stack ? WINDOW_STACK : WINDOW_DATA;
  u32 roll = below(100);
  if (roll < 60) {
    u32 linear = windows[home].linear + 64 + below(windows[home].pages * PAGE - 128);
    return chance(50) ? linear & ~(size == 0 ? 0u : 3u) : linear;
  }
  if (roll < 82) { /* around the start, the end and the page boundaries of the window */
    u32 edge = windows[home].linear + below(windows[home].pages + 1) * PAGE;
    return edge + below(24) - 12;
  }
  if (roll < 92) return stack ? linear_in(WINDOW_DATA) : linear_in(WINDOW_READ_ONLY);
  if (roll < 94) return windows[WINDOW_READ_ONLY].linear + PAGE + below(16) - 8;
  if (roll < 97) return linear_in(chance(50) ? WINDOW_CODE : WINDOW_STACK);
  return below(PROTECTED_START - 0x20000) + 0x1000;
}

bool choose_offset(Test *t, int seg, bool wide, u32 size, bool stack, u32 *offset) {
  const Descriptor *d = descriptor_of(t->in.s[seg]);
  u32 base = d == NULL ? 0 : d->base;
  for (int attempt = 0; attempt < 12; attempt++) {
    u32 candidate = pick_linear(stack, size) - base;
    if (d != NULL && d->limit != 0xFFFFFFFF && chance(15)) candidate = d->limit + below(12) - 8;
    if (!wide) {
      if (candidate > 0xFFFF && attempt < 10) continue;
      if (chance(2)) candidate = 0xFFFF - below(8);
      candidate &= 0xFFFF;
    }
    if (!safe_linear(base + candidate)) continue;
    *offset = candidate;
    return true;
  }
  return false;
}

u16 choose_selector(bool code) {
  static const u16 kernel[] = {0x08, 0x10, 0x18, 0x38, 0x40, 0x50};
  u32 rpl = chance(75) ? 3 : below(4);
  u32 roll = below(100);
  if (have_ldt && roll < 60) {
    u32 entry = below(SEGMENT_COUNT);
    if (code && chance(80)) entry = entry - entry % 10 + 6 + below(2);
    return (u16)(entry << 3 | 4 | rpl);
  }
  if (roll < 75) return (code ? chance(80) : chance(20)) ? USER_CS : USER_DS;
  if (roll < 80) return (u16)((code ? USER_CS : USER_DS) & ~3u) | (u16)rpl;
  if (roll < 87) return (u16)below(4);
  if (roll < 94) return kernel[below(sizeof kernel / sizeof *kernel)] | (u16)rpl;
  if (roll < 97) return (u16)(0x80 + below(0x1000)) & ~7u & ~4u;
  return (u16)((SEGMENT_COUNT + below(1000)) << 3 | 4 | rpl);
}

static void put(Test *t, u32 value, u32 bytes) {
  memcpy(t->code + t->length, &value, bytes);
  t->length += bytes;
}

static bool free_register(const Test *t, int r) { return (t->locked >> r & 1) == 0; }

/* A little memory operand content worth computing with, in place of the window's random default. */
static void fill_operand(Test *t, u32 linear, u32 size) {
  if (!chance(35) || size == 0) return;
  for (u32 i = 0; i < size; i += 4) patch_value(t, linear + i, interesting(size - i < 4 ? size - i : 4), size - i < 4 ? size - i : 4);
}

static bool encode16(Test *t, int reg, u32 size, int seg_override, i32 adjust, u32 *linear) {
  static const signed char bases[8][2] = {{EBX, ESI}, {EBX, EDI}, {EBP, ESI}, {EBP, EDI}, {ESI, -1}, {EDI, -1}, {EBP, -1}, {EBX, -1}};
  u32 rm = below(8), mod = below(3);
  bool direct = mod == 0 && rm == 6;
  int seg = seg_override >= 0 ? seg_override : !direct && (bases[rm][0] == EBP) ? SEG_SS : SEG_DS;
  u32 offset;
  if (!choose_offset(t, seg, false, size, seg == SEG_SS, &offset)) return false;
  u32 target = (offset - (u32)adjust) & 0xFFFF;
  u32 sum = 0;
  if (!direct) {
    for (int k = 0; k < 2; k++) {
      if (bases[rm][k] >= 0) sum += t->in.r[bases[rm][k]];
    }
  }
  u32 displacement = mod == 1 ? (u32)(signed char)next_random() : mod == 2 ? target - sum : 0;
  if (direct) {
    displacement = target;
  } else if (mod != 2) {
    int k = bases[rm][1] >= 0 && chance(50) ? 1 : 0;
    if (!free_register(t, bases[rm][k])) return false;
    u32 *r = &t->in.r[bases[rm][k]];
    *r = (*r & 0xFFFF0000) | ((*r + target - sum - displacement) & 0xFFFF);
  }
  put(t, mod << 6 | (u32)reg << 3 | rm, 1);
  if (mod == 1) put(t, displacement, 1);
  if (mod == 2 || direct) put(t, displacement, 2);
  t->operand_base = segment_base(t, seg);
  *linear = t->operand_base + offset;
  fill_operand(t, *linear, size);
  return true;
}

static bool encode32(Test *t, int reg, u32 size, int seg_override, i32 adjust, u32 *linear) {
  u32 mod = below(3), rm = below(8);
  u32 scale = below(4);
  int index = -1, base = (int)rm;
  u32 sib = 0;
  if (rm == 4) {
    base = (int)below(8);
    index = (int)below(8);
    sib = scale << 6 | (u32)index << 3 | (u32)base;
    if (index == 4) index = -1;
  }
  bool no_base = mod == 0 && base == EBP;
  if (no_base) base = -1;
  int seg = seg_override >= 0 ? seg_override : base == ESP || base == EBP ? SEG_SS : SEG_DS;
  u32 offset;
  if (!choose_offset(t, seg, true, size, seg == SEG_SS, &offset)) return false;
  /* POP computes its operand's address with the incremented ESP. */
  u32 bump = t->form->setup == SETUP_POP && base == ESP ? (t->op32 ? 4 : 2) : 0;
  u32 target = offset - (u32)adjust - bump;
  u32 sum = (base >= 0 ? t->in.r[base] : 0) + (index >= 0 ? t->in.r[index] << scale : 0);
  u32 displacement = mod == 1 ? (u32)(signed char)next_random() : 0;
  if (mod == 2 || no_base) {
    displacement = target - sum;
  } else if (base == index) {
    return false;
  } else if (index >= 0 && scale == 0 && free_register(t, index) && chance(50)) {
    t->in.r[index] += target - sum - displacement;
  } else if (base >= 0 && free_register(t, base)) {
    t->in.r[base] += target - sum - displacement;
  } else {
    return false;
  }
  put(t, mod << 6 | (u32)reg << 3 | rm, 1);
  if (rm == 4) put(t, sib, 1);
  if (mod == 1) put(t, displacement, 1);
  if (mod == 2 || no_base) put(t, displacement, 4);
  t->operand_base = segment_base(t, seg);
  *linear = t->operand_base + offset;
  fill_operand(t, *linear, size);
  return true;
}

bool encode_memory(Test *t, int reg_field, u32 size, int seg_override, u32 *linear) {
  i32 adjust = 0;
  if ((t->form->attributes & A_BIT_OFFSET) != 0) { /* BT family: the bit offset moves the operand by whole words */
    t->locked |= (u8)(1u << reg_field);
    i32 bits = t->op32 ? (i32)t->in.r[reg_field] : (i32)(short)t->in.r[reg_field];
    adjust = t->op32 ? (bits >> 5) * 4 : (bits >> 4) * 2;
  }
  u32 start = t->length;
  for (int attempt = 0; attempt < 16; attempt++) {
    t->length = start;
    if (t->addr32 ? encode32(t, reg_field, size, seg_override, adjust, linear) : encode16(t, reg_field, size, seg_override, adjust, linear)) return true;
  }
  return false;
}
