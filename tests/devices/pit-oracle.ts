// An 8254 counter that works one clock pulse at a time, written from the data sheet's mode definitions, to compare the
// jump-ahead counter with. It knows counts and OUT only; control and count are given as numbers, not as bytes.

export class CounterOracle {
  mode = 0;
  bcd = false;
  gate = true;
  out = false;
  element = 0;
  nullCount = true;
  private count = 0;
  private load = false;
  private running = false;
  private armed = false;
  private firstHalf = true;
  private loaded = 0;

  control(mode: number, bcd: boolean): void {
    this.mode = mode;
    this.bcd = bcd;
    this.out = mode !== 0;
    this.nullCount = true;
    this.load = false;
    this.running = false;
    this.armed = false;
    this.count = 0;
  }

  /** A complete new count from 1 to the modulus. */
  write(count: number): void {
    this.count = count;
    this.nullCount = true;
    if (this.mode === 0) this.out = false;
    if (this.mode === 0 || this.mode === 4) this.load = true;
    if ((this.mode === 2 || this.mode === 3) && !this.running) this.load = true;
  }

  /** Mode 0: the first byte of a two-byte count stops everything. */
  firstByte(): void {
    if (this.mode !== 0) return;
    this.running = false;
    this.load = false;
    this.out = false;
  }

  setGate(level: boolean): void {
    const rising = level && !this.gate;
    const falling = !level && this.gate;
    this.gate = level;
    if ((this.mode === 2 || this.mode === 3) && falling) this.out = true;
    if (rising && this.count > 0 && [1, 2, 3, 5].includes(this.mode)) this.load = true;
  }

  clock(): void {
    if (this.load) {
      this.load = false;
      this.running = true;
      this.nullCount = false;
      this.armed = true;
      this.firstHalf = true;
      this.loaded = this.mode === 2 || this.mode === 3 ? Math.max(2, this.count) : this.count;
      this.element = this.mode === 3 ? this.loaded - (this.loaded % 2) : this.loaded;
      this.out = this.mode >= 2;
      return;
    }
    if (!this.running) return;
    const paused = !this.gate && this.mode !== 1 && this.mode !== 5;
    if (this.mode === 2) {
      if (!paused) this.clockRate();
    } else if (this.mode === 3) {
      if (!paused) this.clockSquare();
    } else {
      // The strobe of modes 4 and 5 lasts one pulse.
      if (this.mode >= 4 && !this.out) {
        this.out = true;
        this.armed = false;
      }
      if (paused) return;
      this.element = this.element === 0 ? (this.bcd ? 9999 : 0xffff) : this.element - 1;
      if (this.element === 0 && this.armed) {
        if (this.mode < 2) this.out = true;
        else this.out = false;
        if (this.mode < 2) this.armed = false;
      }
    }
  }

  get shown(): number {
    const value = this.element % (this.bcd ? 10_000 : 0x10000);
    return this.bcd ? Number.parseInt(String(value), 16) : value;
  }

  private clockRate(): void {
    this.element--;
    if (this.element === 1) this.out = false;
    if (this.element === 0) {
      this.out = true;
      this.element = Math.max(2, this.count);
      this.nullCount = false;
    }
  }

  private clockSquare(): void {
    const odd = this.loaded % 2 === 1;
    const last = odd && this.firstHalf ? 0 : 2;
    if (this.element === last) {
      this.firstHalf = !this.firstHalf;
      this.out = this.firstHalf;
      this.loaded = Math.max(2, this.count);
      this.element = this.loaded - (this.loaded % 2);
      this.nullCount = false;
    } else {
      this.element -= 2;
    }
  }
}
