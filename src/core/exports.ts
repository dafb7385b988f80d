/**
 * The functions of assembly/index.ts as the host sees them. Kept in step by hand; tests/core checks that every name exists.
 */
export interface CoreExports {
  setUp(ramBytes: number, romBytes: number): number;
  reset(): void;
  run(budget: number): number;
  stepOnce(): number;
  vmenter(launch: number, budget: number): number;
  deliverEvent(info: number, error: number, length: number): number;
  retireOne(length: number): void;
  applyControls(): void;
  adoptState(line: number, whole: number): void;
  rederive(): void;
  vmclear(ma: number): number;
  vmptrld(ma: number): number;
  currentVmcs(): number;
  vmread(encoding: number): number;
  vmwrite(encoding: number, value: number): number;
  invept(type: number, eptp: number): number;
  invvpid(type: number, vpid: number, lin: number): number;
  readEflags(): number;
  writeEflags(value: number): void;
  writeSegment(seg: number, selector: number, base: number, limit: number, access: number): void;
  refresh(): void;
  refreshKeeping(): void;
  moveBytes(to: number, from: number, bytes: number): void;
  equalBytes(a: number, b: number, bytes: number): number;
  cpuid(leaf: number, sub: number): void;
  setInterruptLine(level: number): void;
  raiseNmi(): void;
  setA20(enabled: number): void;
  requestStop(): void;
  ramWritten(pa: number, bytes: number): void;
  flushTranslations(): void;
  flushCode(): void;
  probeLinear(lin: number): number;
  decodeBytes(rec: number, bytes: number, available: number, eip: number, mode: number): number;
  decodeNext(rec: number): number;
  time(): number;
  skipTime(ticks: number): void;
  judge(ma: number, guilty: number): number;
  treatmentOf(op: number): number;
  decodedAt(ma: number, eip: number): number;
  allocate(bytes: number): number;
  coverCode(owner: number, ma: number, bytes: number): number;
  installRegion(block: number, slot: number): void;
  removeRegion(block: number, heat: number): void;
  interpretInRegion(rec: number, given: number): number;
  interruptInRegion(rec: number, given: number): number;
  returnInRegion(rec: number, given: number): number;
  pagesHold(list: number): number;
  rawFlags(): void;
  refill(lin: number, want: number): number;
  flushPageInRegion(lin: number): number;
  loadCr3InRegion(value: number): number;
  repeatInRegion(rec: number): number;
}
