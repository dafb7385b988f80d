/**
 * Compares engines on one bench guest: finds how many iterations each needs for a sample of useful length, checks that all
 * compute the same, and takes samples in turn. The first engine is ours; ratios are the others' time over ours.
 */
import { Engine } from "./engines.mjs";
import { median, pairedRatio, schedule } from "./paired.mjs";

/** Shortest time in which a calibration run says something, in nanoseconds. */
const TELLING = 60e6;
/** Largest step of a calibration: how much is new to a slow start is not known. */
const MAX_STEP = 20;
const MAX_ITERATIONS = 0x7fffffff;

/** Iterations with which `engine` takes about `target` nanoseconds of CPU time on `guest`. Warms the engine up, too. */
async function calibrate(engine, guest, target) {
  let iterations = 1;
  for (;;) {
    const { cpu } = await engine.run(guest, iterations);
    const step = Math.min(MAX_STEP, (cpu >= TELLING ? target : 2 * TELLING) / Math.max(cpu, 1e5));
    const next = Math.max(1, Math.min(MAX_ITERATIONS, Math.round(iterations * step)));
    if (cpu >= TELLING && (step < 2 || next === iterations)) return next;
    if (next === iterations) return next;
    iterations = next;
  }
}

/** Throws Error unless all engines report the same checksum for the same number of iterations. */
async function checkAgreement(engines, guest, iterations) {
  const checksums = [];
  for (const engine of engines) checksums.push((await engine.run(guest, iterations)).checksum);
  if (new Set(checksums).size === 1) return checksums[0];
  const list = engines.map((engine, index) => `${engine.name} ${checksums[index]}`).join(", ");
  throw new Error(`${guest}, n=${iterations}: the engines disagree about the checksum: ${list}`);
}

/**
 * Measures `names` on `guest` in `rounds` rounds of samples of about `sampleMs` CPU milliseconds. Returns iterations, samples
 * and median nanoseconds per iteration by engine, the ratios to the first engine, and the checksum all agreed on.
 */
export async function compare(names, guest, { rounds, sampleMs }) {
  const engines = names.map((name) => new Engine(name));
  try {
    const plan = [];
    for (const engine of engines) plan.push(await calibrate(engine, guest, sampleMs * 1e6));
    const agreedOn = Math.min(...plan);
    const checksum = await checkAgreement(engines, guest, agreedOn);
    const results = engines.map(({ name }, index) => ({ name, iterations: plan[index], samples: [], wall: [] }));
    for (const index of schedule(engines.length, rounds)) {
      const result = results[index];
      const sample = await engines[index].run(guest, result.iterations);
      result.checksum ??= sample.checksum;
      if (result.checksum !== sample.checksum) {
        throw new Error(
          `${guest}: ${result.name} computed ${result.checksum} at first and ${sample.checksum} with the same input later`,
        );
      }
      result.samples.push(sample.cpu / result.iterations);
      result.wall.push(sample.wall / result.iterations);
      if (sample.instructions !== undefined) result.instructions = sample.instructions / result.iterations;
    }
    const [ours, ...others] = results;
    return {
      guest,
      agreedOn: { iterations: agreedOn, checksum },
      engines: results.map((result) => ({ ...result, nanoseconds: median(result.samples) })),
      ratios: Object.fromEntries(others.map(({ name, samples }) => [name, pairedRatio(ours.samples, samples)])),
    };
  } finally {
    for (const engine of engines) engine.close();
  }
}
