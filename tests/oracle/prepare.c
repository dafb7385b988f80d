/*
 * What an instruction finds beyond its encoded operands.
 *
 * `prepare` sets what it uses implicitly (stack, string pointers, divisor ranges, return frames) before the operands are encoded; `finish` sets
 * what it finds in its memory or register operand afterwards. Both choose values that make faults and the ordinary case about equally frequent.
 */
#include "oracle.h"

u32 operand_bytes(const Test *t) { return t->op32 ? 4 : 2; }

u32 memory_bytes(const Test *t) {
  u32 v = operand_bytes(t);
  switch (t->form->size) {
    case SIZE_B: return 1;
    case SIZE_W: return 2;
    case SIZE_V: return v;
    case SIZE_Q: return 8;
    case SIZE_2V: return 2 * v;
    case SIZE_FAR: return v + 2;
    default: return 0;
  }
}

static bool loadable(const Descriptor *d, bool stack) {
  if (!d->present) return false;
  if (stack) return !d->code && d->writable_or_readable;
  return !d->code || d->writable_or_readable;
}

u16 ldt_data(bool stack, u32 window) {
  u32 entry = 0;
  for (int attempt = 0; attempt < 40; attempt++) {
    entry = below(SEGMENT_COUNT);
    const Descriptor *d = &ldt[entry];
    if (!loadable(d, stack)) continue;
    if (attempt > 30 || chance(10) || windows[window].linear + PAGE - d->base < 0xF000) return (u16)(entry << 3 | 7);
  }
  return USER_DS;
}

static bool big_stack(const Test *t) {
  const Descriptor *d = descriptor_of(t->in.s[SEG_SS]);
  return d == NULL || d->big;
}

/* Sets ESP or EBP so that `reg` + `displacement` is an offset worth accessing in the stack segment. */
static bool set_stack(Test *t, int reg, u32 displacement, u32 size, u32 *linear) {
  u32 offset;
  bool big = big_stack(t);
  if (!choose_offset(t, SEG_SS, big, size, true, &offset)) return false;
  u32 value = offset - displacement;
  t->in.r[reg] = big ? value : (t->in.r[reg] & 0xFFFF0000) | (value & 0xFFFF);
  t->locked |= (u8)(1u << reg);
  *linear = segment_base(t, SEG_SS) + offset;
  if (t->stack == 0) t->stack = *linear;
  return true;
}

static bool set_pointer(Test *t, int reg, int seg, u32 addend, u32 size, u32 *linear) {
  u32 offset;
  if (!choose_offset(t, seg, t->addr32, size, false, &offset)) return false;
  u32 value = offset - addend;
  t->in.r[reg] = t->addr32 ? value : (t->in.r[reg] & 0xFFFF0000) | (value & 0xFFFF);
  *linear = segment_base(t, seg) + offset;
  return true;
}

u32 code_target(u16 selector) {
  const Descriptor *d = descriptor_of(selector);
  if (d == NULL || d->limit == 0xFFFFFFFF) return chance(70) ? windows[WINDOW_CODE].linear + below(2 * PAGE) : next_random();
  if (chance(15)) return d->limit + below(6) - 3;
  return chance(75) ? below(d->limit + 1) : next_random();
}

static bool prepare_string(Test *t, bool repeated, int override) {
  u8 op = (u8)t->form->opcode;
  bool source = (op >= 0xA4 && op <= 0xA7) || op == 0xAC || op == 0xAD || op == 0x6F;
  bool destination = op != 0xAC && op != 0xAD && op != 0x6F;
  bool compares = op == 0xA6 || op == 0xA7 || op == 0xAE || op == 0xAF;
  u32 size = memory_bytes(t), from = 0, to = 0;
  t->source = override >= 0 ? override : SEG_DS;
  if (source && !set_pointer(t, ESI, t->source, 0, size, &from)) return false;
  if (destination && !set_pointer(t, EDI, SEG_ES, 0, size, &to)) return false;
  t->operand = destination ? to : from;
  if (repeated) {
    u32 count = below(24);
    /* Far from the next multiple of 65536: a machine may pause for events there, and the flags of CMPS and SCAS would show it. */
    if ((compares || op == 0xAC || op == 0xAD) && chance(20)) count = next_random() | 0xC000;
    if (op < 0x70) count |= 1;
    t->in.r[ECX] = t->addr32 ? count : (t->in.r[ECX] & 0xFFFF0000) | (count & 0xFFFF);
  }
  if (compares && chance(60)) { /* a run of equal elements, so that REPE goes on for a while */
    u32 back = (t->in.eflags & FLAG_DF) != 0 ? 28 : 0;
    u8 run[32];
    for (u32 i = 0; i < sizeof run; i++) run[i] = (u8)(t->in.r[EAX] >> 8 * (i % size));
    u32 n = size * (1 + below(sizeof run / size));
    if (source) patch_memory(t, from - back, run, n);
    if (chance(50)) run[below(n)] ^= 1;
    patch_memory(t, to - back, run, n);
  }
  return true;
}

static u32 flag_image(void) {
  u32 flags = next_random() & 0x3FFFFF;
  flags &= ~(u32)(FLAG_AC | FLAG_TF | FLAG_NT);
  if (chance(5)) flags |= FLAG_AC;
  if (chance(85)) flags |= FLAG_TF;
  if (chance(20)) flags |= FLAG_NT;
  return flags;
}

static bool prepare_return(Test *t) {
  u32 size = operand_bytes(t), linear;
  u8 setup = t->form->setup;
  if (!set_stack(t, ESP, 0, size * 3, &linear)) return false;
  if (setup == SETUP_NEAR_RET) {
    patch_value(t, linear, code_target(t->in.s[SEG_CS]), size);
    return true;
  }
  u16 selector = choose_selector(true);
  u32 target = code_target(selector), flags = flag_image();
  if (setup == SETUP_IRET) {
    t->in.eflags &= ~(u32)FLAG_NT; /* a nested task returns by a task switch, which no user program can show */
    if ((flags & FLAG_TF) == 0 || chance(50)) { /* lands on an INT3 far from the instruction, should the trap not come first */
      selector = USER_CS;
      target = windows[WINDOW_CODE].linear + below(PAGE / 2);
    }
    if (!t->op32) target &= 0xFFFF;
    patch_value(t, linear + 2 * size, flags, size);
  }
  patch_value(t, linear, target, size);
  patch_value(t, linear + size, selector | (next_random() << 16), size);
  return true;
}

bool prepare(Test *t, bool repeated, int override) {
  u32 size = operand_bytes(t), linear, *r = t->in.r;
  switch (t->form->setup) {
    case SETUP_DIVIDE:
      if (t->form->size == SIZE_B) r[EAX] &= chance(60) ? 0xFFFF0000 | 0xFFFFu >> below(16) : 0xFFFFFFFF;
      else if (chance(40)) r[EDX] = t->op32 ? r[EDX] >> below(32) : (r[EDX] & 0xFFFF) >> below(16);
      else if (chance(50)) r[EDX] = (u32)((i32)(t->op32 ? r[EAX] : r[EAX] << 16) >> 31);
      return true;
    case SETUP_SHIFT:
      if (chance(60)) r[ECX] = (r[ECX] & ~0xFFu) | below(34);
      t->locked |= 1 << ECX;
      return true;
    case SETUP_DOUBLE_SHIFT: /* more than 16 is undefined for 16-bit operands, result included */
      r[ECX] = (r[ECX] & ~0x1Fu) | below(t->op32 ? 32 : 17);
      t->locked |= 1 << ECX;
      return true;
    case SETUP_STRING: return prepare_string(t, repeated, override);
    case SETUP_PUSH:
    case SETUP_ENTER: {
      u32 bytes = t->form->opcode == 0x60 ? 8 * size : size;
      if (!set_stack(t, ESP, 0u - bytes, bytes, &linear)) return false;
      return t->form->setup != SETUP_ENTER || set_stack(t, EBP, 0, 4, &linear);
    }
    case SETUP_NEAR_INDIRECT: return t->form->digit != 2 || set_stack(t, ESP, 0u - size, size, &linear);
    case SETUP_FAR_JUMP: return t->form->digit == 5 || t->form->opcode == 0xEA || set_stack(t, ESP, 0u - 2 * size, 2 * size, &linear);
    case SETUP_POP: return set_stack(t, ESP, 0, t->form->opcode == 0x61 ? 8 * size : size, &linear);
    case SETUP_POPF:
      if (!set_stack(t, ESP, 0, size, &linear)) return false;
      patch_value(t, linear, flag_image(), size);
      return true;
    case SETUP_POP_SEGMENT:
      if (!set_stack(t, ESP, 0, size, &linear)) return false;
      patch_value(t, linear, choose_selector(false) | next_random() << 16, size);
      return true;
    case SETUP_LEAVE: return set_stack(t, EBP, 0, size, &linear);
    case SETUP_NEAR_RET:
    case SETUP_FAR_RET:
    case SETUP_IRET: return prepare_return(t);
    case SETUP_XLAT: return set_pointer(t, EBX, override >= 0 ? override : SEG_DS, r[EAX] & 0xFF, 1, &linear);
    case SETUP_LOOP:
      if (chance(50)) r[ECX] = t->addr32 ? below(3) : (r[ECX] & 0xFFFF0000) | below(3);
      return true;
    default: return true;
  }
}

static void set_register(Test *t, u32 reg, u32 value, u32 mask) {
  if ((t->locked >> reg & 1) == 0) t->in.r[reg] = (t->in.r[reg] & ~mask) | (value & mask);
}

void finish(Test *t, bool memory, u32 linear, u32 rm, u32 reg) {
  u32 size = operand_bytes(t), *r = t->in.r;
  switch (t->form->setup) {
    case SETUP_SELECTOR: {
      u16 selector = choose_selector(t->form->opcode != 0x8E && chance(30));
      if (t->form->opcode == 0x8E && reg == SEG_SS && chance(50)) selector = ldt_data(true, WINDOW_STACK);
      if (memory) patch_value(t, linear, selector, 2);
      else set_register(t, rm, selector, 0xFFFF);
      return;
    }
    case SETUP_FAR_LOAD: {
      u16 selector = choose_selector(false);
      if (t->form->opcode == 0x0FB2 && chance(50)) selector = ldt_data(true, WINDOW_STACK);
      if (memory) patch_value(t, linear + size, selector, 2);
      return;
    }
    case SETUP_FAR_JUMP: {
      u16 selector = choose_selector(true);
      if (memory) {
        patch_value(t, linear, code_target(selector), size);
        patch_value(t, linear + size, selector, 2);
      }
      return;
    }
    case SETUP_NEAR_INDIRECT: {
      u32 target = code_target(t->in.s[SEG_CS]);
      if (memory) patch_value(t, linear, target, size);
      else set_register(t, rm, target, 0xFFFFFFFF);
      return;
    }
    case SETUP_COMPARE:
      if (!chance(50)) return;
      if (memory) patch_value(t, linear, r[EAX], t->form->size == SIZE_B ? 1 : size);
      else set_register(t, rm, r[EAX], t->form->size == SIZE_B && rm >= 4 ? 0 : 0xFFFFFFFF);
      return;
    case SETUP_COMPARE8:
      if (!memory || !chance(60)) return;
      patch_value(t, linear, r[EAX], 4);
      patch_value(t, linear + 4, chance(80) ? r[EDX] : r[EDX] ^ 1, 4);
      return;
    case SETUP_BOUND: {
      if (!memory || chance(15)) return;
      u32 value = r[reg];
      patch_value(t, linear, chance(50) ? value - below(3) : value - (next_random() >> (1 + below(31))), size);
      patch_value(t, linear + size, chance(50) ? value + below(3) : value + (next_random() >> (1 + below(31))) - below(2), size);
      return;
    }
    default: return;
  }
}
