/** Valid messages, changed at random: whatever comes out, it is read without an exception, in bounds and in no time. */

import { describe, expect, test } from "bun:test";
import { OWN_RESPONSE_OCTETS, writeAnswer, writeOwnResponse } from "../../src/wire/compose.ts";
import { FrameReader } from "../../src/wire/frame.ts";
import { RCODE } from "../../src/wire/protocol.ts";
import { DROP, plainQuestionOctets, Query } from "../../src/wire/query.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { MAX_UPSTREAM_QUERY_OCTETS, writeUpstreamQuery } from "../../src/wire/upstream-query.ts";
import {
  address,
  message,
  name,
  nameOfOctets,
  opt,
  option,
  question,
  record,
  response,
  TO_QUESTION,
} from "../support/fake-messages.ts";
import { numbersFrom } from "../support/fake-random.ts";

const MUTATIONS = 200_000;
const MARGIN = 64;
const ROOM_OCTETS = 1024;
const SENTINEL = 0x5a;

const queries = [
  message(),
  message({ questions: [question(nameOfOctets(255))], additional: [opt({ options: option(12, [0, 0, 0]) })] }),
  message({ flags: 0x0130, authority: [record(TO_QUESTION, 6, [1, 2])], additional: [opt({ dnssecOk: true })] }),
];
const responses = [
  response({ answers: [address(1), address(2)], additional: [opt({ options: option(15, [0, 22, 0x61]) })] }),
  response({ questions: [question("www.a.test")], answers: [record(TO_QUESTION, 5, [1, 0x62, 0xc0, 16])] }),
  response({
    authority: [record(name("x.test"), 2, [0])],
    additional: [opt(), record(TO_QUESTION, 1, [1, 2, 3, 4]), record([0], 250, [0], 255)],
  }),
  response({ questions: [], flags: 0x8182 }),
];

/** Where mutated messages stand, among octets that a reader which keeps to its bounds never sees. */
const field = new Uint8Array(MARGIN + 1024 + MARGIN);

/** Puts a copy at field[MARGIN...] with a few octets changed, cut, repeated or added. Returns its length. */
function mutate(original: Uint8Array, next: () => number, others: number): number {
  field.fill(others);
  field.set(original, MARGIN);
  let length = original.length;
  for (let changes = 1 + (next() % 4); changes > 0 && length > 0; changes--) {
    const at = next() % length;
    switch (next() % 6) {
      case 0:
        field[MARGIN + at] = next();
        break;
      case 1:
        // Sizes, types and label lengths that matter.
        field[MARGIN + at] = [0, 1, 12, 41, 63, 64, 0xc0, 0xff][next() % 8]!;
        break;
      case 2:
        field[MARGIN + at]! ^= 1 << (next() % 8);
        break;
      case 3:
        field.fill(others, MARGIN + at, MARGIN + length);
        length = at;
        break;
      case 4: {
        const repeated = Math.min(next() % 40, length - at, 1024 - length);
        field.copyWithin(MARGIN + at + repeated, MARGIN + at, MARGIN + length);
        length += repeated;
        break;
      }
      default:
        field[MARGIN + length] = next();
        length++;
    }
  }
  return length;
}

/** The message in the field, among other others. */
function elsewhere(length: number): Uint8Array {
  const around = new Uint8Array(length + 2 * MARGIN).fill(0xff);
  around.set(field.subarray(MARGIN, MARGIN + length), MARGIN);
  return around;
}

function outOfBounds(length: number): Error {
  return new Error(`read out of bounds: ${field.subarray(MARGIN, MARGIN + length).join()}`);
}

const room = new Uint8Array(ROOM_OCTETS);
/** Writes into the middle of the room. Throws if it wrote outside of what it says, or more than `most`. */
function inBounds(most: number, write: (at: number) => number): void {
  room.fill(SENTINEL);
  const length = write(MARGIN);
  let outside = 0;
  for (let i = 0; i < MARGIN; i++) if (room[i] !== SENTINEL) outside++;
  for (let i = MARGIN + length; i < ROOM_OCTETS; i++) if (room[i] !== SENTINEL) outside++;
  if (length > most || outside > 0) throw new Error(`wrote ${length} of ${most} octets, and ${outside} outside`);
}

function told(query: Query): string {
  const { question: all, ...rest } = query;
  return JSON.stringify(rest) + all.subarray(0, query.questionOctets).join();
}

function read(layout: ResponseLayout): string {
  const { ttlAt, ...rest } = layout;
  return JSON.stringify(rest) + ttlAt.subarray(0, layout.ttlCount).join();
}

/** Hashes are made of what plainQuestionOctets() says, before anything is parsed. */
function expectSameQuestion(query: Query, verdict: number, length: number): void {
  const isWellFormed = verdict === RCODE.NOERROR || verdict === RCODE.BADVERS;
  if (!isWellFormed || plainQuestionOctets(field, MARGIN, length) === query.questionOctets) return;
  throw new Error(`another question: ${field.subarray(MARGIN, MARGIN + length).join()}`);
}

describe(`${MUTATIONS} mutations`, () => {
  test("of queries", () => {
    const next = numbersFrom(20_261_123);
    const [one, two] = [new Query(), new Query()];
    const verdicts = new Map<number, number>();
    for (let i = 0; i < MUTATIONS; i++) {
      const length = mutate(queries[i % queries.length]!, next, 0);
      const verdict = one.parse(field, MARGIN, length);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      expectSameQuestion(one, verdict, length);
      if (i % 5 > 0 || verdict === DROP) continue;
      if (two.parse(elsewhere(length), MARGIN, length) !== verdict || told(one) !== told(two))
        throw outOfBounds(length);
      inBounds(OWN_RESPONSE_OCTETS, (at) => writeOwnResponse(room, at, one, verdict, 18, 1232));
      if (verdict === 0) inBounds(MAX_UPSTREAM_QUERY_OCTETS, (at) => writeUpstreamQuery(room, at, i & 0xffff, one));
    }
    // Every verdict was met, or the mutations are too tame.
    expect([...verdicts.keys()].sort((a, b) => a - b)).toEqual([DROP, 0, 1, 4, 16]);
    expect(verdicts.get(0)).toBeGreaterThan(MUTATIONS / 20);
  });

  test("of responses", () => {
    const next = numbersFrom(20_261_124);
    const layout = new ResponseLayout();
    let wellFormed = 0;
    let cut = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const length = mutate(responses[i % responses.length]!, next, 0);
      const isWellFormed = layout.scan(field, MARGIN, length);
      if (i % 5 === 0) expectSameElsewhere(layout, isWellFormed, length);
      if (!isWellFormed) continue;
      wellFormed++;
      if (layout.bodyOctets > length || layout.optionsEnd > length) throw outOfBounds(length);
      if (i % 5 === 0) cut += answeredWithin(layout, 290 + (next() % 300));
    }
    expect(wellFormed).toBeGreaterThan(MUTATIONS / 20);
    expect(cut).toBeLessThan(wellFormed);
  });

  const other = new ResponseLayout();
  function expectSameElsewhere(layout: ResponseLayout, isWellFormed: boolean, length: number): void {
    const again = other.scan(elsewhere(length), MARGIN, length);
    if (length < 12) return;
    if (again !== isWellFormed || read(layout) !== read(other)) throw outOfBounds(length);
  }

  /** Patches the response for a client that asked its very question. Returns 1 if it did not fit. */
  function answeredWithin(layout: ResponseLayout, limit: number): number {
    if (layout.questionOctets === 0) return 0;
    const query = new Query();
    const asked = field.subarray(MARGIN + 12, MARGIN + 12 + layout.questionOctets);
    if (query.parse(message({ questions: [[...asked]], additional: [opt()] }), 0, 12 + asked.length + 11) !== 0)
      return 0;
    inBounds(limit, (at) => writeAnswer(room, at, limit, query, 1232, field, MARGIN, layout));
    return room[MARGIN + 2]! & 2 ? 1 : 0;
  }

  test("of streams", () => {
    const next = numbersFrom(20_261_125);
    for (let i = 0; i < MUTATIONS / 100; i++) {
      const reader = new FrameReader();
      let octetsSeen = 0;
      let octetsGiven = 0;
      for (let chunks = 0; chunks < 20; chunks++) {
        const chunk = Uint8Array.from({ length: next() % 40 }, () => (next() % 3 === 0 ? next() : next() % 20));
        octetsGiven += chunk.length;
        reader.push(chunk, (octets, start, length) => {
          if (start + length > octets.length) throw new Error("a frame beyond its octets");
          octetsSeen += 2 + length;
          return true;
        });
      }
      expect(octetsSeen).toBeLessThanOrEqual(octetsGiven);
    }
  });
});
