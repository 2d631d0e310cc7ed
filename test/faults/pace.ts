/** How long the phases of a row take and how much is asked. */

export interface Pace {
  /** Queries a second, all names new. */
  readonly rate: number;
  /** Before a fault. */
  readonly warmMs: number;
  /** While it lasts, unless a row says otherwise. */
  readonly faultMs: number;
  /** After it. */
  readonly afterMs: number;
  readonly outageMs: number;
  readonly idleMs: number;
  readonly suspendMs: number;
  readonly reordered: { readonly rate: number; readonly forMs: number };
  /** Of new names below one domain: twice the highest rate at which all are answered elsewhere (`reordered`). */
  readonly subdomains: { readonly rate: number; readonly forMs: number };
  readonly flood: { readonly rate: number; readonly forMs: number };
  /** What the machine itself may add to an answer, for which no resolver is to blame. */
  readonly jitterMs: number;
}

/** The real battery; phases of 30 s are shortened where a fault shows its whole effect sooner. */
export const FULL: Pace = {
  rate: 500,
  warmMs: 3000,
  faultMs: 10_000,
  afterMs: 5000,
  outageMs: 30_000,
  idleMs: 90_000,
  suspendMs: 60_000,
  reordered: { rate: 10_000, forMs: 100_000 },
  subdomains: { rate: 20_000, forMs: 300_000 },
  flood: { rate: 23_334, forMs: 3000 },
  jitterMs: 10,
};

/** For the gate: the same rows, less of everything. */
export const SHORT: Pace = {
  rate: 200,
  warmMs: 1000,
  faultMs: 4000,
  afterMs: 1500,
  outageMs: 5000,
  idleMs: 11_000,
  suspendMs: 8000,
  reordered: { rate: 2000, forMs: 3000 },
  subdomains: { rate: 5000, forMs: 5000 },
  flood: { rate: 10_000, forMs: 2000 },
  // Many rows run at once on few cores.
  jitterMs: 300,
};
