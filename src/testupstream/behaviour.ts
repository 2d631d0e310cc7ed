/**
 * What the scripted upstream can do to a connection or an answer. Each key is written alike as a flag (`--delay 20`),
 * at the top of a scenario file, and in one of its rules (`"delay": 20`).
 */

export const FAULTS = {
  "wrong-id": "the ID is another",
  "wrong-name": "the question has another name",
  "wrong-type": "the question has another type",
  "no-question": "a bare header, without question and records",
  qr0: "QR is not set, as in a query",
  tc: "TC is set and there are no records",
  oversize: "65535 octets, filled up with a TYPE65280 record",
  malformed: "right header and question, then a record whose name points at itself",
  duplicate: "sent twice",
  unsolicited: "after an answer nobody asked for",
  "zero-frame": "after a frame of length zero",
  "short-frame": "after a frame of 5 octets",
  garbage: "followed by 64 random octets",
  "cut-fin": "half of the frame, then FIN",
  "cut-rst": "half of the frame, then RST",
  fin: "no answer, FIN instead",
  rst: "no answer, RST instead",
  silent: "no answer",
} as const;

export type Fault = keyof typeof FAULTS;

export const RCODES = { formerr: 1, servfail: 2, nxdomain: 3, notimp: 4, refused: 5, badvers: 16 } as const;

/** Which queries an RCODE is for. */
const RCODE_FOR = ["all", "opt", "options"] as const;

export interface Behaviour {
  /** Milliseconds an answer waits, drawn evenly from the range. */
  readonly delayMs: { readonly min: number; readonly max: number };
  /** Answers held back until there are so many, then sent in random order; 0: none. */
  readonly shuffle: number;
  /** Held answers leave after so long at the latest. */
  readonly shuffleWindowMs: number;
  /** How frames are divided into TLS writes. */
  readonly split: "whole" | "octets" | "random";
  /** A frame leaves in pieces with this pause before each; 0: at once. What follows on the connection waits. */
  readonly trickleMs: number;
  /** Octets of such a piece. */
  readonly trickleOctets: number;
  /** The two octets of length leave so long before the message; 0: with it. What follows on the connection waits. */
  readonly lengthAheadMs: number;
  readonly faults: readonly Fault[];
  readonly rcode: number | undefined;
  /** The RCODE is for all queries, for those with an OPT, or for those with an option in it. */
  readonly rcodeFor: (typeof RCODE_FOR)[number];
  /** INFO-CODE of an Extended DNS Error (RFC 8914), sent when the query had an OPT. */
  readonly edeCode: number | undefined;
  /** The idle time announced by edns-tcp-keepalive (RFC 7828), when the query had an OPT. */
  readonly keepaliveMs: number | undefined;
  readonly ad: boolean;
  /** The TTL of every record; undefined: as the zone has it, or 60. */
  readonly ttlSeconds: number | undefined;
  readonly handshake: "complete" | "hold" | "close" | "reset";
  /** Answers a connection gets before it is left without. */
  readonly silentAfter: number;
  readonly closeAfter: number;
  readonly resetAfter: number;
  /** A connection that sends nothing for so long is closed; 0: never. */
  readonly closeIdleMs: number;
  readonly resetIdleMs: number;
  /** A connection is closed so long after its handshake, whatever is in flight; 0: never. */
  readonly closeAgeMs: number;
}

export const DEFAULT_BEHAVIOUR: Behaviour = {
  delayMs: { min: 0, max: 0 },
  shuffle: 0,
  shuffleWindowMs: 50,
  split: "whole",
  trickleMs: 0,
  trickleOctets: 1,
  lengthAheadMs: 0,
  faults: [],
  rcode: undefined,
  rcodeFor: "all",
  edeCode: undefined,
  keepaliveMs: undefined,
  ad: false,
  ttlSeconds: undefined,
  handshake: "complete",
  silentAfter: Number.POSITIVE_INFINITY,
  closeAfter: Number.POSITIVE_INFINITY,
  resetAfter: Number.POSITIVE_INFINITY,
  closeIdleMs: 0,
  resetIdleMs: 0,
  closeAgeMs: 0,
};

/** One key of a behaviour as an operator writes it. */
export interface BehaviourKey {
  readonly key: string;
  /** Whether it can differ from query to query, or only from connection to connection. */
  readonly scope: "query" | "connection";
  readonly valueName: string;
  readonly description: string;
  /** What a value may be, for errors. */
  readonly allowed: string;
  /** The part of a behaviour that the text means; undefined when it is not allowed. */
  readonly parse: (text: string) => Partial<Behaviour> | undefined;
}

const MAX_MS = 600_000;

function wholeNumber(text: string, min: number, max: number): number | undefined {
  return /^[0-9]{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined;
}

function range(text: string): Behaviour["delayMs"] | undefined {
  const [minText = "", maxText = minText, ...rest] = text.split("-");
  const min = wholeNumber(minText, 0, MAX_MS);
  const max = wholeNumber(maxText, 0, MAX_MS);
  return min === undefined || max === undefined || max < min || rest.length > 0 ? undefined : { min, max };
}

function oneOf<const Choices extends readonly string[]>(choices: Choices, text: string): Choices[number] | undefined {
  const word = text.toLowerCase();
  return choices.includes(word) ? word : undefined;
}

/** A key that is a whole number. */
function numberKey(
  key: string,
  field:
    | "shuffle"
    | "shuffleWindowMs"
    | "edeCode"
    | "ttlSeconds"
    | "keepaliveMs"
    | "silentAfter"
    | "closeAfter"
    | "resetAfter"
    | "closeIdleMs"
    | "resetIdleMs"
    | "closeAgeMs"
    | "trickleMs"
    | "trickleOctets"
    | "lengthAheadMs",
  scope: BehaviourKey["scope"],
  [min, max]: readonly [number, number],
  description: string,
): BehaviourKey {
  return {
    key,
    scope,
    valueName: field.endsWith("Ms") ? "MS" : field.endsWith("Seconds") ? "SECONDS" : "N",
    description,
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = wholeNumber(text, min, max);
      return value === undefined ? undefined : { [field]: value };
    },
  };
}

const SPLITS = ["whole", "octets", "random"] as const;
const HANDSHAKES = ["complete", "hold", "close", "reset"] as const;
const ANSWERS = [0, 1_000_000_000 - 1] as const;

export const BEHAVIOUR_KEYS: readonly BehaviourKey[] = [
  {
    key: "delay",
    scope: "query",
    valueName: "MS|MIN-MAX",
    description: "Let each answer wait, a fixed time or one drawn from a range",
    allowed: `milliseconds from 0 to ${MAX_MS}, or MIN-MAX`,
    parse(text) {
      const delayMs = range(text);
      return delayMs && { delayMs };
    },
  },
  numberKey("shuffle", "shuffle", "connection", [0, 65_535], "Hold up to N answers, then send them in random order"),
  numberKey(
    "shuffle-window",
    "shuffleWindowMs",
    "connection",
    [1, MAX_MS],
    "Hold shuffled answers no longer than this",
  ),
  {
    key: "split",
    scope: "query",
    valueName: "HOW",
    description: "Divide frames into TLS writes: whole, single octets, or pieces of random size",
    allowed: SPLITS.join(", "),
    parse(text) {
      const split = oneOf(SPLITS, text);
      return split && { split };
    },
  },
  numberKey(
    "trickle",
    "trickleMs",
    "query",
    [0, MAX_MS],
    "Send each answer octet by octet with this pause before each",
  ),
  numberKey("trickle-octets", "trickleOctets", "query", [1, 65_537], "Send so many octets at a time instead of one"),
  numberKey(
    "length-ahead",
    "lengthAheadMs",
    "query",
    [0, MAX_MS],
    "Send the two octets of length so long before each answer's message",
  ),
  {
    key: "fault",
    scope: "query",
    valueName: "LIST",
    description: `What is wrong with each answer: ${Object.keys(FAULTS).join(", ")}`,
    allowed: Object.keys(FAULTS).join(", "),
    parse(text) {
      const faults = text
        .toLowerCase()
        .split(/[\s,]+/)
        .filter((word) => word !== "");
      return faults.length > 0 && faults.every((word) => Object.hasOwn(FAULTS, word))
        ? { faults: faults as Fault[] }
        : undefined;
    },
  },
  {
    key: "rcode",
    scope: "query",
    valueName: "RCODE",
    description: "Answer with this RCODE and no records",
    allowed: Object.keys(RCODES).join(", "),
    parse(text) {
      const name = text.toLowerCase();
      return Object.hasOwn(RCODES, name) ? { rcode: RCODES[name as keyof typeof RCODES] } : undefined;
    },
  },
  {
    key: "rcode-for",
    scope: "query",
    valueName: "WHICH",
    description: "Give the RCODE to all queries, to those with an OPT, or to those with options in it",
    allowed: RCODE_FOR.join(", "),
    parse(text) {
      const rcodeFor = oneOf(RCODE_FOR, text);
      return rcodeFor && { rcodeFor };
    },
  },
  numberKey("ede", "edeCode", "query", [0, 65_535], "Add an Extended DNS Error with this code (RFC 8914)"),
  numberKey(
    "keepalive",
    "keepaliveMs",
    "query",
    [0, 6_553_500],
    "Announce this idle time by edns-tcp-keepalive (RFC 7828), in steps of 100",
  ),
  {
    key: "ad",
    scope: "query",
    valueName: "true|false",
    description: "Set AD in every answer",
    allowed: "true, false",
    parse(text) {
      const word = oneOf(["true", "false", ""], text);
      return word === undefined ? undefined : { ad: word !== "false" };
    },
  },
  numberKey("ttl", "ttlSeconds", "query", ANSWERS, "Give every record this TTL, in seconds"),
  {
    key: "handshake",
    scope: "connection",
    valueName: "HOW",
    description: "Do the TLS handshake, or accept and then hold, close or reset the connection before it",
    allowed: HANDSHAKES.join(", "),
    parse(text) {
      const handshake = oneOf(HANDSHAKES, text);
      return handshake && { handshake };
    },
  },
  numberKey(
    "silent-after",
    "silentAfter",
    "connection",
    ANSWERS,
    "Answer nothing more on a connection after N answers",
  ),
  numberKey("close-after", "closeAfter", "connection", [1, ANSWERS[1]], "Close a connection after N answers"),
  numberKey("reset-after", "resetAfter", "connection", [1, ANSWERS[1]], "Reset a connection (RST) after N answers"),
  numberKey(
    "close-idle",
    "closeIdleMs",
    "connection",
    [0, MAX_MS],
    "Close a connection that sends nothing for so long; 0 is never",
  ),
  numberKey(
    "reset-idle",
    "resetIdleMs",
    "connection",
    [0, MAX_MS],
    "Reset a connection that sends nothing for so long; 0 is never",
  ),
  numberKey(
    "close-age",
    "closeAgeMs",
    "connection",
    [0, MAX_MS],
    "Close a connection so long after its handshake, with what is in flight; 0 is never",
  ),
];
