/** A number that can be tuned. */

export interface Tunable {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly unit: "octets" | "ms" | "seconds" | "queries" | "connections" | "descriptors" | "threads" | "lines";
  readonly why: string;
}
