/*
 * Writes the native vector file: header, one record per test, end record. The format is described in docs/conform.md.
 *
 * All numbers are little endian, as in memory here. A record says only what differs from what (seed, index) already determines, so that a
 * hundred thousand tests fit in a few megabytes after compression.
 */
#include "oracle.h"
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u8 record[64 * 1024];
static u32 used;

static void put(u64 value, u32 bytes) {
  memcpy(record + used, &value, bytes);
  used += bytes;
}

static void put_bytes(const u8 *bytes, u32 n) {
  memcpy(record + used, bytes, n);
  used += n;
}

static void flush_record(void) {
  if (fwrite(record, 1, used, stdout) != used) {
    perror("recorder: cannot write");
    exit(1);
  }
  used = 0;
}

void emit_header(u32 seed, u32 count) {
  u32 signature, vendor[3], unused;
  __cpuid(0, unused, vendor[0], vendor[2], vendor[1]);
  __cpuid(1, signature, unused, unused, unused);
  u32 descriptors = have_ldt ? SEGMENT_COUNT : 0;
  put_bytes((const u8 *)"VMXV", 4);
  put(1, 2);
  put(36 + WINDOW_COUNT * 8 + descriptors * 8, 2);
  put(seed, 4);
  put(count, 4);
  put_bytes((const u8 *)vendor, 12);
  put(signature, 4);
  put(WINDOW_COUNT, 2);
  put(descriptors, 2);
  for (u32 i = 0; i < WINDOW_COUNT; i++) {
    put(windows[i].linear, 4);
    put(windows[i].pages, 2);
    put(windows[i].access, 1);
    put(i == WINDOW_CODE, 1);
  }
  for (u32 i = 0; i < descriptors; i++) put(encode_descriptor(&ldt[i]), 8);
  flush_record();
}

static void put_segments(const u16 *now, const u16 *before) {
  u32 at = used++;
  u8 mask = 0;
  for (u32 i = 0; i < 6; i++) {
    if (now[i] == before[i]) continue;
    mask |= (u8)(1 << i);
    put(now[i], 2);
  }
  record[at] = mask;
}

static void put_registers(const u32 *now, const u32 *before) {
  u32 at = used++;
  u8 mask = 0;
  for (u32 i = 0; i < 8; i++) {
    if (now[i] == before[i]) continue;
    mask |= (u8)(1 << i);
    put(now[i], 4);
  }
  record[at] = mask;
}

extern u8 window_before[WINDOW_BYTES];
extern u32 oracle_seed;

static void put_changes(void) {
  u32 at = used++;
  u8 runs = 0;
  for (u32 page = 0; page < WINDOW_BYTES; page += PAGE) {
    if (memcmp(window_alias + page, window_before + page, PAGE) == 0) continue;
    for (u32 i = page; i < page + PAGE;) {
      if (window_alias[i] == window_before[i]) {
        i++;
        continue;
      }
      u32 n = 1;
      while (i + n < page + PAGE && n < 255 && window_alias[i + n] != window_before[i + n]) n++;
      put(i, 2);
      put(n, 1);
      put_bytes(window_alias + i, n);
      runs++;
      i += n;
    }
  }
  record[at] = runs;
}

void emit_test(const Test *t, const Outcome *out) {
  static const u16 default_segments[6] = {USER_DS, USER_CS, USER_DS, USER_DS, USER_DS, USER_DS};
  used = 2;
  put(t->length, 1);
  put(t->code_linear - windows[WINDOW_CODE].linear, 2);
  put_bytes(t->code, t->length);
  u32 defaults[8];
  for (u32 i = 0; i < 8; i++) defaults[i] = mix(oracle_seed, t->index * 8 + i);
  put_registers(t->in.r, defaults);
  put(t->in.eflags, 3);
  put_segments(t->in.s, default_segments);
  put(t->patch_count, 1);
  for (u32 i = 0; i < t->patch_count; i++) {
    put(t->patches[i].offset, 2);
    put(t->patches[i].length, 1);
    put_bytes(t->patches[i].bytes, t->patches[i].length);
  }
  const State *s = &out->state;
  u32 next = t->in.eip + t->length;
  u32 kind = s->eip == t->in.eip ? 0 : s->eip == next ? 1 : s->eip == next + 1 ? 2 : 3;
  put(out->vector | kind << 5, 1);
  if (kind == 3) put(s->eip, 4);
  bool has_error = out->vector == 8 || (out->vector >= 10 && out->vector <= 14) || out->vector == 17;
  if (has_error) put(out->error, 2);
  if (out->vector == 14) put(out->cr2, 4);
  put_registers(s->r, t->in.r);
  put(s->eflags, 3);
  put_segments(s->s, t->in.s);
  put_changes();
  u32 length = used - 2;
  memcpy(record, &length, 2);
  flush_record();
}

void emit_end(u32 count) {
  put(0, 2);
  put(count, 4);
  flush_record();
}
