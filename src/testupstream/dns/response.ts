/** Composes the answer to a query, right or wrong in the ways its behaviour asks for. */

import type { Behaviour } from "../behaviour.ts";
import type { SeededRandom } from "../random.ts";
import { type AnswerSource, FLAG_AD, FLAG_TC, MAX_MESSAGE_OCTETS, MessageWriter, QNAME_OFFSET } from "./message.ts";
import { nameFromText } from "./names.ts";
import type { Query } from "./query.ts";
import { TYPES } from "./rdata.ts";

const OPTION_KEEPALIVE = 11;
const OPTION_EDE = 15;
/** A type nobody has assigned a meaning to (RFC 6895, 3.1: private use). */
const TYPE_FILLER = 65_280;
const RECORD_HEADER_OCTETS = 12;
const HEADER_OCTETS = 12;
const NO_OPTIONS = new Uint8Array(0);

const UNSOLICITED_QUESTION = Uint8Array.of(...nameFromText("unsolicited.test.", undefined), 0, TYPES.A, 0, 1);

function ednsOptions({ keepaliveMs, edeCode }: Behaviour): Uint8Array {
  if (keepaliveMs === undefined && edeCode === undefined) return NO_OPTIONS;
  const octets: number[] = [];
  if (keepaliveMs !== undefined) {
    const units = Math.round(keepaliveMs / 100);
    octets.push(0, OPTION_KEEPALIVE, 0, 2, units >> 8, units & 0xff);
  }
  if (edeCode !== undefined) octets.push(0, OPTION_EDE, 0, 2, edeCode >> 8, edeCode & 0xff);
  return Uint8Array.from(octets);
}

/** The RCODE that this query is answered with, instead of an answer. */
function rcodeGiven(query: Query, { rcode, rcodeFor }: Behaviour): number | undefined {
  const isMeant = rcodeFor === "all" || (rcodeFor === "opt" ? query.optAt >= 0 : query.hasOptions);
  return isMeant ? rcode : undefined;
}

/** Offsets in a frame; the message starts after the two octets of length. */
const FRAME_ID = 2;
const FRAME_FLAGS = 4;
const FRAME_QNAME = 2 + QNAME_OFFSET;

function spoil(frame: Uint8Array, query: Query, { faults }: Behaviour): void {
  const rootAsked = query.qnameEnd - query.qnameStart === 1;
  if (faults.includes("wrong-id")) frame[FRAME_ID]! ^= 0xff;
  if (faults.includes("qr0")) frame[FRAME_FLAGS]! &= 0x7f;
  if (faults.includes("wrong-name") && !rootAsked) {
    const first = FRAME_QNAME + 1;
    frame[first] = (frame[first]! | 0x20) === 0x78 ? 0x79 : 0x78;
  }
  if (faults.includes("wrong-type") || (rootAsked && faults.includes("wrong-name"))) {
    const qtypeAt = FRAME_QNAME + query.qnameEnd - query.qnameStart;
    frame[qtypeAt + 1]! ^= 0x1d;
  }
}

/** The header alone, all counts 0. */
function withoutQuestion(frame: Uint8Array): Uint8Array {
  const header = frame.subarray(0, 2 + HEADER_OCTETS);
  header.fill(0, FRAME_FLAGS + 2);
  header[0] = 0;
  header[1] = HEADER_OCTETS;
  return header;
}

/** One for each upstream: it composes in a buffer of its own. */
export class Responder {
  readonly #source: AnswerSource;
  readonly #random: SeededRandom;
  readonly #writer = new MessageWriter();

  constructor(source: AnswerSource, random: SeededRandom) {
    this.#source = source;
    this.#random = random;
  }

  /** The frame of the answer, valid until the next call. */
  compose(query: Query, behaviour: Behaviour): Uint8Array {
    const writer = this.#writer;
    const { faults } = behaviour;
    const options = ednsOptions(behaviour);
    writer.begin(query, options);
    writer.ttlSeconds = behaviour.ttlSeconds;
    const given = rcodeGiven(query, behaviour);
    const empty = given !== undefined || faults.includes("tc");
    const rcode = empty ? (given ?? 0) : this.#source.answer(query, writer);
    if (faults.includes("malformed")) {
      writer.clearRecords(query);
      writer.record("answer", writer.length, TYPES.A, 60, Uint8Array.of(192, 0, 2, 1));
    }
    if (faults.includes("oversize")) {
      const filler = writer.roomFor(MAX_MESSAGE_OCTETS) - RECORD_HEADER_OCTETS;
      if (filler >= 0) writer.record("additional", QNAME_OFFSET, TYPE_FILLER, 60, new Uint8Array(filler));
    }
    const flags = (behaviour.ad ? FLAG_AD : 0) | (faults.includes("tc") ? FLAG_TC : 0);
    const frame = writer.octets.subarray(0, writer.finish(query, rcode, flags, options));
    if (faults.length > 0) spoil(frame, query, behaviour);
    return faults.includes("no-question") ? withoutQuestion(frame) : frame;
  }

  /** Everything that is sent around an answer, in order, the answer among it. */
  surround(frame: Uint8Array, { faults }: Behaviour): Uint8Array[] {
    const frames: Uint8Array[] = [];
    if (faults.includes("zero-frame")) frames.push(new Uint8Array(2));
    if (faults.includes("short-frame")) frames.push(Uint8Array.of(0, 5, 1, 2, 3, 4, 5));
    if (faults.includes("unsolicited")) frames.push(this.#unsolicited());
    frames.push(frame);
    if (faults.includes("duplicate")) frames.push(frame);
    if (faults.includes("garbage")) frames.push(Uint8Array.from({ length: 64 }, () => this.#random.between(0, 255)));
    return frames;
  }

  #unsolicited(): Uint8Array {
    const id = this.#random.between(0, 0xffff);
    const header = [id >> 8, id & 0xff, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    return Uint8Array.of(0, header.length + UNSOLICITED_QUESTION.length, ...header, ...UNSOLICITED_QUESTION);
  }
}
