/** event_channel_op: channels between the domain and its virtual interrupts, and with itself. */
import { CHANNELS, DOMID_SELF, Errno, VIRQS } from "../abi.js";
import type { Domain } from "../domain.js";
import { ChannelState } from "../events.js";
import { NO_ACCESS } from "../guest-access.js";
import type { Call } from "./call.js";

enum Command {
  BIND_INTERDOMAIN = 0,
  BIND_VIRQ = 1,
  BIND_PIRQ = 2,
  CLOSE = 3,
  SEND = 4,
  STATUS = 5,
  ALLOC_UNBOUND = 6,
  BIND_IPI = 7,
  BIND_VCPU = 8,
  UNMASK = 9,
  RESET = 10,
}

/** Words of the argument, at most. */
const ARGUMENT_WORDS = 3;
/** A word that is not there; it is asked for only where the command reads it. */
type Argument = readonly [number, number, number];

/** Words that each command reads. */
const READS: Partial<Record<Command, number>> = {
  [Command.BIND_INTERDOMAIN]: 2,
  [Command.BIND_VIRQ]: 2,
  [Command.STATUS]: 2,
  [Command.BIND_VCPU]: 2,
};

/** event_channel_op(command, argument). */
export function eventChannelOp(domain: Domain, { args }: Call): number {
  const command: Command = args[0]!;
  const at = args[1]!;
  const words: number[] = [0, 0, 0];
  const reads = command <= Command.RESET ? (READS[command] ?? 1) : 0;
  for (let i = 0; i < Math.min(reads, ARGUMENT_WORDS); i++) {
    const word = domain.access.read32(at + 4 * i);
    if (word === NO_ACCESS) return -Errno.EFAULT;
    words[i] = word;
  }
  return perform(domain, command, at, words as unknown as Argument);
}

function perform(domain: Domain, command: Command, at: number, argument: Argument): number {
  const [first, second] = argument;
  const { events } = domain;
  switch (command) {
    case Command.ALLOC_UNBOUND:
      if ((first & 0xffff) !== DOMID_SELF) return -Errno.EPERM;
      return open(domain, at + 4, ChannelState.UNBOUND, 0);
    case Command.BIND_INTERDOMAIN:
      return bindInterdomain(domain, at, first & 0xffff, second);
    case Command.BIND_VIRQ:
      if (first >= VIRQS) return -Errno.EINVAL;
      if (second !== 0) return -Errno.ENOENT;
      if (events.portOf(first) !== 0) return -Errno.EEXIST;
      return open(domain, at + 8, ChannelState.VIRQ, first);
    case Command.BIND_IPI:
      return first !== 0 ? -Errno.ENOENT : open(domain, at + 4, ChannelState.IPI, 0);
    case Command.BIND_PIRQ:
      domain.frames.refuse("physical interrupt");
      return -Errno.EPERM;
    case Command.STATUS:
      return status(domain, at, first & 0xffff, second);
    case Command.RESET:
      if ((first & 0xffff) !== DOMID_SELF) return -Errno.EPERM;
      for (let port = 1; port < CHANNELS; port++) events.close(port);
      return 0;
    case Command.CLOSE:
    case Command.SEND:
    case Command.UNMASK:
      return ofPort(domain, command, first);
    case Command.BIND_VCPU:
      if (second !== 0) return -Errno.ENOENT;
      return stateOf(domain, first) === ChannelState.INTERDOMAIN ? 0 : -Errno.EINVAL;
    default:
      return -Errno.ENOSYS;
  }
}

/** What a port is; CLOSED for what is none. */
function stateOf({ events }: Domain, port: number): ChannelState {
  return port > 0 && port < CHANNELS ? events.channels[port]!.state : ChannelState.CLOSED;
}

function ofPort(domain: Domain, command: Command, port: number): number {
  const { events } = domain;
  const state = stateOf(domain, port);
  if (command === Command.UNMASK) {
    if (port >= CHANNELS) return -Errno.EINVAL;
    events.unmask(port);
    return 0;
  }
  if (state === ChannelState.CLOSED) return -Errno.EINVAL;
  if (command === Command.CLOSE) events.close(port);
  else if (state === ChannelState.INTERDOMAIN) events.raise(events.channels[port]!.of);
  else if (state === ChannelState.IPI) events.raise(port);
  else if (state === ChannelState.VIRQ) return -Errno.EINVAL;
  return 0;
}

/** Opens a port and tells its number at `at`. */
function open({ events, access }: Domain, at: number, state: ChannelState, of: number): number {
  const port = events.free();
  if (port === 0) return -Errno.ENOSPC;
  if (!access.write32(at, port)) return -Errno.EFAULT;
  events.open(port, state, of);
  return 0;
}

/** Connects two ports of the domain: there is no other domain to connect to. */
function bindInterdomain(domain: Domain, at: number, id: number, remote: number): number {
  const { events } = domain;
  if (id !== DOMID_SELF) return -Errno.ESRCH;
  if (stateOf(domain, remote) !== ChannelState.UNBOUND) return -Errno.EINVAL;
  const port = events.free();
  const result = open(domain, at + 8, ChannelState.INTERDOMAIN, remote);
  if (result === 0) events.open(remote, ChannelState.INTERDOMAIN, port);
  return result;
}

function status(domain: Domain, at: number, id: number, port: number): number {
  const { events, access } = domain;
  if (id !== DOMID_SELF) return -Errno.ESRCH;
  if (port >= CHANNELS) return -Errno.EINVAL;
  const { state, of } = events.channels[port]!;
  const details: Partial<Record<ChannelState, number[]>> = {
    [ChannelState.UNBOUND]: [DOMID_SELF],
    [ChannelState.INTERDOMAIN]: [DOMID_SELF, of],
    [ChannelState.VIRQ]: [of],
  };
  const words = [state, 0, ...(details[state] ?? [])];
  return words.every((word, i) => access.write32(at + 8 + 4 * i, word)) ? 0 : -Errno.EFAULT;
}
