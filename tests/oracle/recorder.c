/*
 * Native recorder: `recorder SEED COUNT` writes COUNT single-instruction tests, executed on this CPU, to standard output.
 *
 * The same seed and count give the same bytes on the same kind of CPU. What it prints on standard error is for people: how many draws were
 * refused and why. Needs an x86 Linux that runs 32-bit programs. `recorder --forms` lists the forms.
 */
#include "oracle.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u32 oracle_seed;
u8 window_before[WINDOW_BYTES];

static bool changed(void) { return memcmp(window_alias, window_before, WINDOW_BYTES) != 0; }

static void apply(const Test *t) {
  for (u32 i = 0; i < t->patch_count; i++) memcpy(window_alias + t->patches[i].offset, t->patches[i].bytes, t->patches[i].length);
  u32 at = t->code_linear - windows[WINDOW_CODE].linear, room = windows[WINDOW_CODE].pages * PAGE - at;
  memcpy(window_alias + at, t->code, t->length < room ? t->length : room);
  memcpy(window_before, window_alias, WINDOW_BYTES);
}

#define MAX_REASONS 16
static struct {
  const char *reason;
  u32 count;
} dropped[MAX_REASONS];

static void count_dropped(const char *reason) {
  for (u32 i = 0; i < MAX_REASONS; i++) {
    if (dropped[i].reason == NULL) dropped[i].reason = reason;
    if (dropped[i].reason == reason) {
      dropped[i].count++;
      return;
    }
  }
}

static const Form *pick_form(const u32 *cumulative, u32 total) {
  u32 draw = below(total), low = 0, high = form_count - 1;
  while (low < high) {
    u32 middle = (low + high) / 2;
    if (draw < cumulative[middle]) high = middle;
    else low = middle + 1;
  }
  return &forms[low];
}

static u32 number(const char *text, const char *what) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 0);
  if (errno != 0 || end == text || *end != 0 || value > 0xFFFFFFFFull) {
    fprintf(stderr, "recorder: %s must be a number below 2^32, not \"%s\"\n", what, text);
    exit(2);
  }
  return (u32)value;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--forms") == 0) {
    for (u32 i = 0; i < form_count; i++) printf("%04x %2d %s\n", forms[i].opcode, forms[i].digit, forms[i].name);
    return 0;
  }
  if (argc != 3) {
    fprintf(stderr, "usage: recorder SEED COUNT > FILE\n");
    return 2;
  }
  oracle_seed = number(argv[1], "SEED");
  u32 count = number(argv[2], "COUNT");
  if (count >= 0x20000000) {
    fprintf(stderr, "recorder: COUNT must be below 536870912\n");
    return 2;
  }
  seed_random(oracle_seed);
  prepare_memory(oracle_seed);
  prepare_execution();
  static char buffer[1 << 18];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  emit_header(oracle_seed, count);

  u32 cumulative[form_count], total = 0;
  for (u32 i = 0; i < form_count; i++) cumulative[i] = total += forms[i].weight;
  u32 refused = 0;
  for (u32 i = 0; i < count;) {
    /* Every form once first, so that even a short file covers the table. */
    const Form *form = i < form_count ? &forms[i] : pick_form(cumulative, total);
    Test t;
    if (!generate(&t, form, oracle_seed, i)) {
      refused++;
      continue;
    }
    apply(&t);
    Outcome out;
    execute(&t.in, &out);
    if (out.vector == 14) out.error &= 7; /* the instruction-fetch bit exists only with no-execute paging */
    const char *reason = ambiguous(&t, &out, changed());
    if (reason == NULL) {
      emit_test(&t, &out);
      i++;
    } else {
      count_dropped(reason);
    }
    for (u32 page = 0; page < WINDOW_BYTES; page += PAGE) {
      if (memcmp(window_alias + page, window_default + page, PAGE) != 0) memcpy(window_alias + page, window_default + page, PAGE);
    }
  }
  emit_end(count);
  if (fflush(stdout) != 0) {
    perror("recorder: cannot write");
    return 1;
  }
  fprintf(stderr, "recorder: seed %u, %u tests, %u draws refused, LDT %s\n", oracle_seed, count, refused, have_ldt ? "yes" : "no");
  for (u32 i = 0; i < MAX_REASONS && dropped[i].reason != NULL; i++) fprintf(stderr, "recorder: dropped %u: %s\n", dropped[i].count, dropped[i].reason);
  return 0;
}
