/*
 * Turns an instruction form into one test: mode, prefixes, segments, registers, flags, memory, and the bytes of the instruction.
 *
 * Branches run with TF set, so that nothing behind them executes; everything else either with TF or with the INT3 that fills the code window
 * behind it. prepare.c sets what the instruction finds, operands.c encodes where it finds it.
 */
#include "oracle.h"
#include <string.h>

static void put(Test *t, u32 value, u32 bytes) {
  memcpy(t->code + t->length, &value, bytes);
  t->length += bytes;
}

/* ---- segments ---- */

static void choose_segments(Test *t) {
  static const u8 data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
  u32 odd = !have_ldt ? 0 : t->addr32 ? 25 : 90;
  for (u32 i = 0; i < 4; i++) {
    bool extra = data[i] >= SEG_FS;
    t->in.s[data[i]] = chance(extra ? 10 : 1) ? 0 : chance(odd) ? ldt_data(false, WINDOW_DATA) : USER_DS;
  }
  t->in.s[SEG_SS] = chance(t->code32 ? odd : 90) && have_ldt ? ldt_data(true, WINDOW_STACK) : USER_DS;
}

static void choose_mode(Test *t) {
  t->code32 = true;
  t->in.s[SEG_CS] = USER_CS;
  if (have_ldt && chance(35)) {
    u32 entry = below(SEGMENT_COUNT / 10) * 10 + 6 + below(2);
    t->in.s[SEG_CS] = (u16)(entry << 3 | 7);
    t->code32 = ldt[entry].big;
  }
}

/* ---- operands ---- */

static void put_immediate(Test *t, int override) {
  u32 size = operand_bytes(t), linear;
  switch (t->form->imm) {
    case IMM_8: {
      u32 value = chance(30) ? interesting(1) : next_random();
      if (t->form->setup == SETUP_SHIFT && chance(70)) value = below(34);
      if (t->form->setup == SETUP_DOUBLE_SHIFT) value = (value & ~0x1Fu) | below(t->op32 ? 32 : 17);
      if (t->form->setup == SETUP_BCD && chance(50)) value = chance(80) ? 10 : 0;
      if (t->form->opcode == 0xCD && (value & 0xFF) == 0x80) value = 0x81;
      put(t, value, 1);
      return;
    }
    case IMM_16: put(t, chance(70) ? below(16) * 2 : next_random(), 2); return;
    case IMM_V:
      if (t->form->opcode == 0x0F80 || t->form->opcode == 0xE8 || t->form->opcode == 0xE9) put(t, chance(60) ? below(0x400) - 0x200 : next_random(), size);
      else put(t, chance(30) ? interesting(size) : next_random(), size);
      return;
    case IMM_ENTER: {
      u32 frame = chance(75) ? below(128) : below(0x2000);
      put(t, frame, 2);
      put(t, chance(50) ? 0 : chance(60) ? 1 + below(4) : next_random(), 1);
      t->operand = t->stack - frame; /* the last byte it checks is about there */
      return;
    }
    case IMM_FAR: {
      u16 selector = choose_selector(true);
      put(t, code_target(selector), size);
      put(t, selector, 2);
      return;
    }
    case IMM_MOFFS: {
      u32 offset = 0;
      int seg = override >= 0 ? override : SEG_DS;
      if (!choose_offset(t, seg, t->addr32, memory_bytes(t), false, &offset)) offset = 0x1000;
      linear = segment_base(t, seg) + offset;
      if (chance(30)) patch_value(t, linear, interesting(4), memory_bytes(t));
      put(t, offset, t->addr32 ? 4 : 2);
      return;
    }
    default: return;
  }
}

/* ---- the whole ---- */

/* Puts the instruction somewhere in the code window; its first byte is inside the segment limit, or the test could not begin. */
static bool place_code(Test *t) {
  const Descriptor *cs = descriptor_of(t->in.s[SEG_CS]);
  u32 start = windows[WINDOW_CODE].linear, end = start + 2 * PAGE;
  for (int attempt = 0; attempt < 12; attempt++) {
    u32 roll = below(100);
    t->code_linear = start + below(2 * PAGE - 64);
    if (roll < 10) t->code_linear = start + PAGE - below(t->length + 1); /* crosses into the second page */
    else if (roll < 15) t->code_linear = end - t->length;                /* the last bytes of the window */
    else if (roll < 20) t->code_linear = end - below(t->length + 1);     /* its end is not mapped */
    else if (roll < 30 && cs->limit - (start - cs->base) < 2 * PAGE) t->code_linear = cs->base + cs->limit + 1 - below(t->length + 2);
    t->in.eip = t->code_linear - cs->base;
    if (t->code_linear < start || t->code_linear > end || t->in.eip > cs->limit) continue;
    if (!t->code32 && t->in.eip > 0xFFFF) continue;
    if (roll < 30 || cs->limit - t->in.eip >= t->length) return true;
  }
  return false;
}

static void put_prefixes(Test *t, bool size, bool address, int override, u32 repeat, bool lock, u32 padding) {
  static const u8 codes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
  u8 bytes[8];
  u32 n = 0;
  if (size) bytes[n++] = 0x66;
  if (address) bytes[n++] = 0x67;
  if (repeat != 0) bytes[n++] = (u8)repeat;
  if (lock) bytes[n++] = 0xF0;
  if (override >= 0) bytes[n++] = codes[override];
  for (u32 i = n; i > 1; i--) { /* shuffle */
    u32 j = below(i);
    u8 swap = bytes[i - 1];
    bytes[i - 1] = bytes[j], bytes[j] = swap;
  }
  t->length = 0;
  if (override >= 0) {
    for (u32 i = 0; i < padding; i++) put(t, codes[override], 1);
  }
  for (u32 i = 0; i < n; i++) put(t, bytes[i], 1);
}

static bool in_code_window(u32 linear) { return linear - windows[WINDOW_CODE].linear < windows[WINDOW_CODE].pages * PAGE; }

/*
 * Whatever runs behind the instruction must be INT3: nothing is put into the code window when something could, and without TF nothing is
 * stored there by the instruction.
 */
static bool contain(Test *t) {
  u8 setup = t->form->setup;
  bool runs_on = (t->in.eflags & FLAG_TF) == 0 || setup == SETUP_IRET || setup == SETUP_POPF || setup == SETUP_POP_SEGMENT ||
                 setup == SETUP_SELECTOR || setup == SETUP_FAR_LOAD;
  if (!runs_on) return true;
  for (u32 i = 0; i < t->patch_count; i++) {
    if (t->patches[i].offset < windows[WINDOW_CODE].pages * PAGE) return false;
  }
  if (in_code_window(t->operand) || in_code_window(t->stack) || in_code_window(t->stack - 64)) t->in.eflags |= FLAG_TF;
  return true;
}

bool generate(Test *t, const Form *form, u32 seed, u32 index) {
  memset(t, 0, sizeof *t);
  t->form = form;
  t->index = index;
  u32 a = form->attributes;
  choose_mode(t);
  bool size = (a & A_NO_SIZE) == 0 && chance(t->code32 ? 20 : 35), address = chance(t->code32 ? 15 : 30);
  if ((a & A_WIDE) != 0) size = !t->code32;
  t->op32 = t->code32 != size;
  t->addr32 = t->code32 != address;
  choose_segments(t);
  for (u32 i = 0; i < 8; i++) t->in.r[i] = chance(30) ? interesting(4) : mix(seed, index * 8 + i);

  bool string = form->setup == SETUP_STRING;
  bool memory = (a & A_MODRM) != 0 && (a & A_REGISTER_ONLY) == 0 && ((a & A_MEMORY_ONLY) != 0 || chance((a & A_MEMORY) != 0 ? 97 : 60));
  int override = chance(memory || string || form->imm == IMM_MOFFS || form->setup == SETUP_XLAT ? 20 : 3) ? (int)below(6) : -1;
  u32 repeat = (a & A_NO_REP) == 0 && chance(string ? 60 : 3) ? 0xF2 + below(2) : 0;
  bool lock = (a & A_NO_LOCK) == 0 && chance((a & A_LOCK) != 0 && memory ? 10 : 2);
  u32 padding = below(400) == 0 ? 6 + below(8) : 0;
  if (padding != 0) override = (int)below(6);

  t->in.eflags = 2 | FLAG_IF | (next_random() & FLAGS_ARITHMETIC);
  if (chance(30)) t->in.eflags |= FLAG_DF;
  if (chance(3)) t->in.eflags |= FLAG_AC;
  if (chance(10)) t->in.eflags |= FLAG_ID;
  if (chance(5)) t->in.eflags |= FLAG_NT;
  if ((a & A_BRANCH) != 0 || !chance(string && repeat != 0 ? 85 : 15)) t->in.eflags |= FLAG_TF;

  if (!prepare(t, repeat != 0, override)) return false;
  put_prefixes(t, size, address, override, repeat, lock, padding);
  u32 opcode = form->opcode;
  if (opcode >> 8 == 0x0F) put(t, 0x0F, 1);
  if ((a & A_PLUS_REG) != 0) opcode += below(8);
  if ((a & A_PLUS_CC) != 0) opcode += below(16);
  put(t, opcode, 1);
  u32 linear = 0, reg = form->digit >= 0 ? (u32)form->digit : below(8), rm = below(8);
  if ((a & A_MODRM) != 0) {
    if (memory) {
      if (!encode_memory(t, (int)reg, memory_bytes(t), override, &linear)) return false;
    } else {
      put(t, 0xC0 | reg << 3 | rm, 1);
    }
    t->operand = linear;
    finish(t, memory, linear, rm, reg);
  }
  put_immediate(t, override);
  if (t->length > 20) return false;
  return contain(t) && place_code(t);
}
