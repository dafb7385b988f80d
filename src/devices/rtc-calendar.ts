// The calendar of an MC146818: ten time and alarm bytes that count seconds, in BCD or binary, 12 or 24 hours.
// Invariant: the bytes are the state. A tick works on them as the chip does (increment with carry), so whatever a guest wrote,
// sensible or not, counts on from there. Leap years are the years divisible by four; the century byte follows the year's wrap.
// Specified in the Motorola MC146818 data sheet.

/** Register numbers of the time and alarm bytes. */
export const RtcReg = {
  SECONDS: 0x00,
  SECONDS_ALARM: 0x01,
  MINUTES: 0x02,
  MINUTES_ALARM: 0x03,
  HOURS: 0x04,
  HOURS_ALARM: 0x05,
  DAY_OF_WEEK: 0x06,
  DAY_OF_MONTH: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  A: 0x0a,
  B: 0x0b,
  C: 0x0c,
  D: 0x0d,
  CENTURY: 0x32,
} as const;

/** Register B bits that say how the bytes are written. */
export const RTC_B_BINARY = 0x04;
export const RTC_B_24_HOURS = 0x02;

const DAY = 86_400;
const PM = 0x80;
const ALARM_DONT_CARE = 0xc0;
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Counts the time bytes inside `ram` (the clock's registers), in the format register B asks for. */
export class RtcCalendar {
  private readonly ram: Uint8Array;

  constructor(ram: Uint8Array) {
    this.ram = ram;
  }

  /** Writes a UTC date into the time bytes, in the present format. */
  setDate(date: Date): void {
    this.put(RtcReg.SECONDS, date.getUTCSeconds());
    this.put(RtcReg.MINUTES, date.getUTCMinutes());
    this.putHours(date.getUTCHours());
    this.put(RtcReg.DAY_OF_WEEK, date.getUTCDay() + 1);
    this.put(RtcReg.DAY_OF_MONTH, date.getUTCDate());
    this.put(RtcReg.MONTH, date.getUTCMonth() + 1);
    this.put(RtcReg.YEAR, date.getUTCFullYear() % 100);
    this.put(RtcReg.CENTURY, Math.floor(date.getUTCFullYear() / 100) % 100);
  }

  /** Lets `seconds` pass; returns true when the alarm matched one of them. Long spans are taken day by day. */
  advance(seconds: number): boolean {
    let left = seconds;
    // A whole day stays for the second-by-second part, so that any alarm that can match does.
    for (; left >= 2 * DAY; left -= DAY) this.nextDay();
    let alarm = false;
    for (; left > 0; left--) {
      this.nextSecond();
      if (this.alarmMatches()) alarm = true;
    }
    return alarm;
  }

  private alarmMatches(): boolean {
    const { ram } = this;
    for (let time = RtcReg.SECONDS as number; time <= RtcReg.HOURS; time += 2) {
      const alarm = ram[time + 1];
      if ((alarm & ALARM_DONT_CARE) !== ALARM_DONT_CARE && alarm !== ram[time]) return false;
    }
    return true;
  }

  private nextSecond(): void {
    if (this.carry(RtcReg.SECONDS, 0, 59) && this.carry(RtcReg.MINUTES, 0, 59)) {
      const hours = this.hours();
      this.putHours(hours >= 23 ? 0 : hours + 1);
      if (hours >= 23) this.nextDay();
    }
  }

  private nextDay(): void {
    this.carry(RtcReg.DAY_OF_WEEK, 1, 7);
    const month = this.get(RtcReg.MONTH);
    const leap = month === 2 && this.get(RtcReg.YEAR) % 4 === 0 ? 1 : 0;
    const days = (DAYS_IN_MONTH[month - 1] ?? 31) + leap;
    if (!this.carry(RtcReg.DAY_OF_MONTH, 1, days)) return;
    if (!this.carry(RtcReg.MONTH, 1, 12)) return;
    if (this.carry(RtcReg.YEAR, 0, 99)) this.carry(RtcReg.CENTURY, 0, 99);
  }

  /** Increments a byte from `first` to `last`; true when it went round. */
  private carry(register: number, first: number, last: number): boolean {
    const value = this.get(register);
    const round = value >= last;
    this.put(register, round ? first : value + 1);
    return round;
  }

  private get binary(): boolean {
    return (this.ram[RtcReg.B] & RTC_B_BINARY) !== 0;
  }

  private get(register: number): number {
    return this.decode(this.ram[register]);
  }

  private put(register: number, value: number): void {
    this.ram[register] = this.encode(value);
  }

  private decode(byte: number): number {
    return this.binary ? byte : (byte >> 4) * 10 + (byte & 15);
  }

  private encode(value: number): number {
    return this.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  private hours(): number {
    const byte = this.ram[RtcReg.HOURS];
    if ((this.ram[RtcReg.B] & RTC_B_24_HOURS) !== 0) return this.decode(byte);
    return (this.decode(byte & ~PM) % 12) + ((byte & PM) !== 0 ? 12 : 0);
  }

  private putHours(hours: number): void {
    if ((this.ram[RtcReg.B] & RTC_B_24_HOURS) !== 0) this.put(RtcReg.HOURS, hours);
    else this.ram[RtcReg.HOURS] = this.encode(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? PM : 0);
  }
}
