/** DNS messages put together octet by octet, so that wrong ones can be made as easily as right ones. */

/** "www.example.test" as labels in wire form; "" is the root. Labels are taken as Latin-1, dots always separate. */
export function name(text: string): number[] {
  const labels = text === "" ? [] : text.split(".");
  return nameOf(labels.map((label) => [...Buffer.from(label, "latin1")]));
}

/** Labels of any octets in wire form. */
export function nameOf(labels: readonly (readonly number[])[]): number[] {
  return [...labels.flatMap((label) => [label.length, ...label]), 0];
}

/** A name of so many octets in all, the root's zero included; at least 3. */
export function nameOfOctets(octets: number): number[] {
  const labels: number[][] = [];
  let left = octets - 1;
  while (left > 0) {
    // A rest of one octet would have no room for a label.
    const label = left === 65 ? 62 : Math.min(left - 1, 63);
    labels.push(new Array(label).fill(0x61));
    left -= label + 1;
  }
  return nameOf(labels);
}

export function uint16(value: number): number[] {
  return [(value >> 8) & 0xff, value & 0xff];
}

export function question(owner: readonly number[] | string, type = 1, qclass = 1): number[] {
  return [...(typeof owner === "string" ? name(owner) : owner), ...uint16(type), ...uint16(qclass)];
}

export function record(owner: readonly number[], type: number, rdata: readonly number[], rclass = 1): number[] {
  return [...owner, ...uint16(type), ...uint16(rclass), 0, 0, 1, 0, ...uint16(rdata.length), ...rdata];
}

/** A pointer to the name of the question. */
export const TO_QUESTION = [0xc0, 12];

export function address(last = 1): number[] {
  return record(TO_QUESTION, 1, [192, 0, 2, last]);
}

export interface OptParts {
  readonly owner?: readonly number[];
  readonly size?: number;
  readonly rcodeBits?: number;
  readonly version?: number;
  readonly dnssecOk?: boolean;
  readonly options?: readonly number[];
}

export function opt(parts: OptParts = {}): number[] {
  const { owner = [0], size = 1232, rcodeBits = 0, version = 0, dnssecOk = false, options = [] } = parts;
  const ttl = [rcodeBits, version, dnssecOk ? 0x80 : 0, 0];
  return [...owner, 0, 41, ...uint16(size), ...ttl, ...uint16(options.length), ...options];
}

export function option(code: number, octets: readonly number[]): number[] {
  return [...uint16(code), ...uint16(octets.length), ...octets];
}

export interface MessageParts {
  readonly id?: number;
  /** Both octets of flags. */
  readonly flags?: number;
  readonly questions?: readonly number[][];
  readonly answers?: readonly number[][];
  readonly authority?: readonly number[][];
  readonly additional?: readonly number[][];
  /** What the header says instead of the truth: questions, answers, authority, additional. */
  readonly counts?: readonly [number, number, number, number];
  /** Octets behind the last record. */
  readonly tail?: readonly number[];
}

/** A query for the A record of a.test with RD, unless said otherwise. */
export function message(parts: MessageParts = {}): Uint8Array {
  const { id = 0x1234, flags = 0x0100, questions = [question("a.test")], tail = [] } = parts;
  const { answers = [], authority = [], additional = [] } = parts;
  const counts = parts.counts ?? [questions.length, answers.length, authority.length, additional.length];
  const sections = [questions, answers, authority, additional].flat(2);
  return Uint8Array.from([...uint16(id), ...uint16(flags), ...counts.flatMap(uint16), ...sections, ...tail]);
}

/** A response to a query for the A record of a.test, unless said otherwise: QR, RD, RA. */
export function response(parts: MessageParts = {}): Uint8Array {
  return message({ flags: 0x8180, ...parts });
}

/** Messages behind their lengths, as on a stream. */
export function frames(...messages: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(messages.flatMap((one) => [...uint16(one.length), ...one]));
}

/** Frames back to messages; the last may be cut short, and is then left out. */
export function unframed(octets: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 2 <= octets.length; ) {
    const length = (octets[at]! << 8) | octets[at + 1]!;
    messages.push(octets.slice(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return messages;
}
