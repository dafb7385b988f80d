/*
 * Outcomes that say nothing about the architecture: where the manuals leave an order open, or makers are known to differ, and this host's
 * answer would only be one of several right ones. Such tests are not written. docs/conform.md lists the reasons.
 */
#include "oracle.h"

/* True if `size` bytes at `offset` of segment register `seg` can be read (or written). */
static bool accessible(const Test *t, int seg, u32 offset, u32 size, bool write) {
  const Descriptor *d = descriptor_of(t->in.s[seg]);
  if (d == NULL) return false;
  if (write ? d->code || !d->writable_or_readable : d->code && !d->writable_or_readable) return false;
  u64 last = (u64)offset + size - 1;
  if (d->expand_down ? offset <= d->limit || last > (d->big ? 0xFFFFFFFFu : 0xFFFFu) : last > d->limit) return false;
  if ((t->in.eflags & FLAG_AC) != 0 && (d->base + offset) % size != 0) return false;
  for (u32 i = 0; i < size; i++) {
    u32 linear = d->base + offset + i;
    if (window_offset(linear) < 0) return false;
    if (write && linear - windows[WINDOW_READ_ONLY].linear < windows[WINDOW_READ_ONLY].pages * PAGE) return false;
  }
  return true;
}

static bool big_stack(const Test *t) {
  const Descriptor *d = descriptor_of(t->in.s[SEG_SS]);
  return d == NULL || d->big;
}

/* How many of `n` stack slots from ESP upwards cannot be read. */
static u32 bad_slots(const Test *t, u32 n) {
  u32 size = t->op32 ? 4 : 2, bad = 0;
  for (u32 i = 0; i < n; i++) {
    u32 offset = t->in.r[ESP] + i * size;
    if (!accessible(t, SEG_SS, big_stack(t) ? offset : offset & 0xFFFF, size, false)) bad++;
  }
  return bad;
}

/* The selector a far return or IRET finds on the stack, or 3 when it cannot be read. */
static u16 popped_selector(const Test *t) {
  u32 size = t->op32 ? 4 : 2;
  i32 low = window_offset(t->stack + size), high = window_offset(t->stack + size + 1);
  return low < 0 || high < 0 ? 3 : (u16)(window_alias[low] | window_alias[high] << 8);
}

/* True if everything within 64 bytes of a linear address is ordinary writable memory. */
static bool well_inside(u32 linear) {
  if (linear == 0) return true;
  for (i32 distance = -64; distance <= 64; distance += 64) {
    u32 at = linear + (u32)distance;
    if (window_offset(at) < 0 || at - windows[WINDOW_READ_ONLY].linear < windows[WINDOW_READ_ONLY].pages * PAGE) return false;
  }
  return true;
}

static bool registers_changed(const Test *t, const Outcome *out) {
  for (u32 i = 0; i < 8; i++) {
    if (t->in.r[i] != out->state.r[i]) return true;
  }
  return false;
}

/* True if an access reaches over offset FFFFFFFF of a 4 GB segment. */
static bool over_the_top(u32 offset, u32 size) { return size != 0 && offset + size - 1 < offset; }

static bool string_over_the_top(const Test *t, const Outcome *out) {
  u32 size = memory_bytes(t);
  u8 op = (u8)t->form->opcode;
  bool source = op != 0xAA && op != 0xAB && op != 0xAE && op != 0xAF && op != 0x6C;
  bool destination = op != 0xAC && op != 0xAD && op != 0x6F;
  return t->addr32 && ((source && over_the_top(out->state.r[ESI], size)) || (destination && over_the_top(out->state.r[EDI], size)));
}

const char *ambiguous(const Test *t, const Outcome *out, bool memory_changed) {
  bool fault = out->state.eip == t->in.eip && (out->vector >= 10 || out->vector == 5 || out->vector == 6);
  if (!fault) return NULL;
  u8 setup = t->form->setup;
  bool top = setup == SETUP_STRING ? string_over_the_top(t, out) : t->operand != 0 && over_the_top(t->operand - t->operand_base, memory_bytes(t));
  if (top) return "access over the top of a 4 GB segment: may or may not fault (SDM 3A 5.3)";
  if (t->form->imm != IMM_NONE && t->form->name[0] == 'u' && out->vector != 6) return "undefined opcode: whether its immediate is fetched";
  if (setup != SETUP_STRING && memory_changed) return "fault after some of several stores";
  if (setup != SETUP_STRING && registers_changed(t, out)) return "fault after some of several register loads";
  if ((setup == SETUP_FAR_RET && bad_slots(t, 2) > 1) || (setup == SETUP_IRET && bad_slots(t, 3) > 1)) {
    return "several stack slots fault: order of the reads";
  }
  if ((setup == SETUP_FAR_RET || setup == SETUP_IRET) && out->vector != 13 && (popped_selector(t) & 3) != 3) {
    return "return to another privilege level: order of the selector check and the read of the outer stack pointer";
  }
  if (t->form->opcode == 0xA6 || t->form->opcode == 0xA7) {
    u32 size = t->form->opcode == 0xA6 ? 1 : t->op32 ? 4 : 2, mask = t->addr32 ? 0xFFFFFFFF : 0xFFFF;
    if (!accessible(t, t->source, out->state.r[ESI] & mask, size, false) && !accessible(t, SEG_ES, out->state.r[EDI] & mask, size, false)) {
      return "both operands of CMPS fault: order of the reads";
    }
  }
  if (t->operand != 0 && t->operand < t->operand_base && (t->operand & 0xFFF) + memory_bytes(t) > PAGE && out->vector == 13) {
    return "operand across pages in a segment that wraps at 4 GB: #GP for #PF on some hosts";
  }
  bool near_call = t->form->opcode == 0xE8 || setup == SETUP_NEAR_INDIRECT;
  if (near_call && out->vector != 13 && descriptor_of(t->in.s[SEG_CS])->limit != 0xFFFFFFFF) {
    return "near call: order of target limit check and push";
  }
  bool several_accesses = setup == SETUP_ENTER || setup == SETUP_FAR_JUMP || setup == SETUP_COMPARE8 || setup == SETUP_PUSH;
  if ((t->in.eflags & FLAG_AC) != 0 && several_accesses && (out->vector == 12 || out->vector == 14 || out->vector == 17) &&
      !(well_inside(t->stack) && well_inside(t->operand))) {
    return "alignment check and page fault in different accesses";
  }
  return NULL;
}
