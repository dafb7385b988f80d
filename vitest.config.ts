/**
 * Three suites in one tree, told apart by file name.
 *
 * `*.test.ts` is the fast suite (`npm test`), `*.long.test.ts` runs fresh random vectors and fuzzing
 * (`npm run test:long`), `*.guests.test.ts` boots kernels from Debian packages (`npm run test:guests`).
 */
import { defineConfig } from "vitest/config";

const LONG = "tests/**/*.long.test.ts";
const GUESTS = "tests/**/*.guests.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["tests/**/*.test.ts"],
          exclude: [LONG, GUESTS],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: "long", include: [LONG], testTimeout: 1_200_000, hookTimeout: 300_000 } },
      { test: { name: "guests", include: [GUESTS], testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
});
