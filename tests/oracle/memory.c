/*
 * What every test sees of memory: four windows between unmapped pages, and a local descriptor table of ordinary and odd segments.
 *
 * The windows are one shared file mapped twice: where the tests see them and, contiguous and writable, where the recorder fills them.
 * The descriptors are random in base and limit but fixed for a seed; they go into the vector file so that a replayer can install the same.
 * Segments: SDM 3A 3.4.5; modify_ldt(2) admits data, expand-down and code segments of DPL 3, present or not.
 */
#define _GNU_SOURCE
#include "oracle.h"
#include <asm/ldt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

const Window windows[WINDOW_COUNT] = {
    [WINDOW_CODE] = {0x00200000, 2, ACCESS_READ_WRITE},
    [WINDOW_DATA] = {0x00400000, 3, ACCESS_READ_WRITE},
    [WINDOW_READ_ONLY] = {0x00403000, 1, ACCESS_READ_ONLY},
    [WINDOW_STACK] = {0x00600000, 2, ACCESS_READ_WRITE},
};

u8 *window_alias;
u8 window_default[WINDOW_BYTES];
Descriptor ldt[SEGMENT_COUNT];
bool have_ldt;

#define MEMORY_SALT 0x6D656D00u

static void fail(const char *what) {
  fprintf(stderr, "recorder: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void map_windows(u32 seed) {
  int file = memfd_create("windows", 0);
  if (file < 0 || ftruncate(file, WINDOW_BYTES) != 0) fail("cannot make the shared windows");
  window_alias = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
  if (window_alias == MAP_FAILED) fail("cannot map the windows");
  u32 offset = 0;
  for (u32 i = 0; i < WINDOW_COUNT; i++) {
    const Window *w = &windows[i];
    int protection = PROT_READ | (w->access == ACCESS_READ_WRITE ? PROT_WRITE : 0) | (i == WINDOW_CODE ? PROT_EXEC : 0);
    void *at = mmap((void *)(uintptr_t)w->linear, w->pages * PAGE, protection, MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_POPULATE, file, offset);
    if (at != (void *)(uintptr_t)w->linear) fail("cannot map a window at its address");
    offset += w->pages * PAGE;
  }
  for (u32 i = 0; i < WINDOW_BYTES; i += 4) {
    u32 value = mix(seed ^ MEMORY_SALT, i / 4);
    memcpy(window_default + i, &value, 4);
  }
  memset(window_default, 0xCC, windows[WINDOW_CODE].pages * PAGE);
  memcpy(window_alias, window_default, WINDOW_BYTES);
  close(file);
}

i32 window_offset(u32 linear) {
  i32 offset = 0;
  for (u32 i = 0; i < WINDOW_COUNT; i++) {
    u32 size = windows[i].pages * PAGE;
    if (linear - windows[i].linear < size) return offset + (i32)(linear - windows[i].linear);
    offset += (i32)size;
  }
  return -1;
}

/* A base such that the window lies at offsets a 16-bit address can reach. */
static u32 near_base(u32 window) {
  u32 distance = chance(30) ? below(13) * 0x1000 : below(0xC000);
  return windows[window].linear - distance;
}

static u32 limit_for(const Descriptor *d, u32 window) {
  u32 start = windows[window].linear - d->base;
  u32 size = windows[window].pages * PAGE;
  switch (below(4)) {
    case 0: return 0xFFFF;
    case 1: return start + below(size);
    case 2: return start + size - 1 + below(3);
    default: return 0xFFFFF;
  }
}

static void make_descriptor(Descriptor *d, u32 kind) {
  memset(d, 0, sizeof *d);
  d->present = true;
  d->available = chance(50);
  d->writable_or_readable = true;
  switch (kind) {
    case 0: /* ordinary data or stack segment, byte granular */
    case 1:
    case 2: {
      u32 window = chance(60) ? WINDOW_DATA : WINDOW_STACK;
      d->base = near_base(window);
      d->limit = limit_for(d, window);
      d->big = chance(50);
      break;
    }
    case 3: /* data segment of 4 GB with a base: offsets wrap */
      d->base = chance(50) ? next_random() & 0x7FFFFFFF : near_base(WINDOW_DATA);
      d->limit = 0xFFFFFFFF;
      d->page_granular = true;
      d->big = chance(70);
      break;
    case 4: /* read-only data */
      d->base = near_base(WINDOW_DATA);
      d->limit = limit_for(d, WINDOW_DATA);
      d->writable_or_readable = false;
      d->big = chance(50);
      break;
    case 5: { /* expand-down: valid above the limit */
      u32 window = chance(50) ? WINDOW_DATA : WINDOW_STACK;
      d->expand_down = true;
      d->base = near_base(window);
      d->big = chance(50);
      d->limit = windows[window].linear - d->base + below(windows[window].pages * PAGE);
      break;
    }
    case 6: /* 16-bit code */
    case 7:
      d->code = true;
      d->base = near_base(WINDOW_CODE);
      d->limit = chance(70) ? 0xFFFF : limit_for(d, WINDOW_CODE);
      d->big = kind == 7 && chance(60);
      d->writable_or_readable = chance(75);
      break;
    case 8: /* page-granular data */
      d->base = near_base(WINDOW_DATA) & ~0xFFFu;
      d->limit = (windows[WINDOW_DATA].linear - d->base + (1 + below(4)) * PAGE) | 0xFFF;
      d->page_granular = true;
      d->big = chance(50);
      break;
    default: /* not present */
      d->base = next_random();
      d->limit = below(0x100000);
      d->code = chance(50);
      d->writable_or_readable = chance(50);
      d->present = false;
      break;
  }
}

u64 encode_descriptor(const Descriptor *d) {
  u32 limit = d->page_granular ? d->limit >> 12 : d->limit;
  u32 type = 1u | (u32)d->writable_or_readable << 1 | (u32)d->expand_down << 2 | (u32)d->code << 3;
  u32 access = type | 1u << 4 | 3u << 5 | (u32)d->present << 7;
  u32 high = (d->base >> 16 & 0xFF) | access << 8 | (limit & 0xF0000) | (u32)d->available << 20 | (u32)d->big << 22 | (u32)d->page_granular << 23 |
             (d->base & 0xFF000000);
  u32 low = (limit & 0xFFFF) | d->base << 16;
  return (u64)high << 32 | low;
}

static void install_ldt(void) {
  for (u32 i = 0; i < SEGMENT_COUNT; i++) {
    make_descriptor(&ldt[i], i % 10);
    const Descriptor *d = &ldt[i];
    struct user_desc u;
    memset(&u, 0, sizeof u);
    u.entry_number = i;
    u.base_addr = d->base;
    u.limit = d->page_granular ? d->limit >> 12 : d->limit;
    u.seg_32bit = d->big;
    u.contents = d->code ? 2 : d->expand_down ? 1 : 0;
    u.read_exec_only = !d->writable_or_readable;
    u.limit_in_pages = d->page_granular;
    u.seg_not_present = !d->present;
    u.useable = d->available;
    if (syscall(SYS_modify_ldt, 0x11, &u, sizeof u) != 0) {
      fprintf(stderr, "recorder: modify_ldt: %s: only flat segments will be tested, no 16-bit code\n", strerror(errno));
      return;
    }
  }
  u64 installed[SEGMENT_COUNT];
  if (syscall(SYS_modify_ldt, 0, installed, sizeof installed) != (long)sizeof installed) fail("modify_ldt: cannot read the table back");
  for (u32 i = 0; i < SEGMENT_COUNT; i++) {
    if (installed[i] != encode_descriptor(&ldt[i])) {
      fprintf(stderr, "recorder: the kernel made descriptor %u %016llx, expected %016llx\n", i, (unsigned long long)installed[i],
              (unsigned long long)encode_descriptor(&ldt[i]));
      exit(1);
    }
  }
  have_ldt = true;
}

void prepare_memory(u32 seed) {
  map_windows(seed);
  install_ldt();
}

static const Descriptor flat_code = {0, 0xFFFFFFFF, true, true, true, false, true, true, false};
static const Descriptor flat_data = {0, 0xFFFFFFFF, false, true, true, false, true, true, false};

const Descriptor *descriptor_of(u16 selector) {
  if (selector == USER_CS) return &flat_code;
  if (selector == USER_DS) return &flat_data;
  if ((selector & 4) != 0 && selector >> 3 < SEGMENT_COUNT && ldt[selector >> 3].present) return &ldt[selector >> 3];
  return NULL;
}
