/**
 * Checks of what callers hand to a machine's methods: a wrong value is a `ConfigError` of one sentence.
 */
import { ConfigError, type MachineConfig, show } from "./machine-config.js";

/** Serial ports by number: 0 is COM1. */
export type SerialPort = 0 | 1;

/** Runs `make`; what it throws is a wrong `field` of the configuration. */
export function configErrors<T>(field: keyof MachineConfig, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new ConfigError(`config.${field}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A limit in instructions or seconds: absent means none. */
export function limit(name: string, value: number | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  if (typeof value === "number" && value >= 0) return value;
  throw new ConfigError(`expected ${name} to be a number that is not negative and found ${show(value)}`);
}

/** The port itself. Raises `ConfigError` if there is no such port. */
export function checkPort(port: SerialPort): SerialPort {
  if (port === 0 || port === 1) return port;
  throw new ConfigError(`expected serial port 0 or 1 and found ${show(port)}`);
}
