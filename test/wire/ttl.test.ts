import { describe, expect, test } from "bun:test";
import { type Answer, decode, encode, type Packet } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { ageTtls, setTtls, writeAnswer } from "../../src/wire/compose.ts";
import { Query } from "../../src/wire/query.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { message, opt, question } from "../support/fake-messages.ts";

const AT = 7;
const SENTINEL = 0xa5;
type Timed = { type: string; ttl: number };

const query = new Query();
const asked = message({ questions: [question("A.test")], additional: [opt({ dnssecOk: true })] });
expect(query.parse(asked, 0, asked.length)).toBe(0);
const layout = new ResponseLayout();

/** What the client of `query` is sent of these octets before and after `change`, which must touch nothing else. */
function around(octets: Uint8Array, change: (room: Uint8Array) => void): [before: Packet, after: Packet] {
  const source = Uint8Array.of(9, 9, 9, ...octets);
  expect(layout.scan(source, 3, octets.length)).toBe(true);
  const room = new Uint8Array(AT + octets.length + 100).fill(SENTINEL);
  const length = writeAnswer(room, AT, 65_535, query, 1232, source, 3, layout);
  const before = decode(room.slice(AT, AT + length));
  change(room);
  expect([...room.subarray(0, AT), ...room.subarray(AT + length)].every((octet) => octet === SENTINEL)).toBe(true);
  return [before, decode(room.slice(AT, AT + length))];
}

/** The packet with every TTL changed, the OPT's place aside: it has none (RFC 6891, 6.1.3). */
function withTtls(packet: Packet, change: (ttlSeconds: number) => number): Packet {
  const changed = (records: Answer[] | undefined) =>
    (records ?? []).map((one) => (one.type === "OPT" ? one : { ...one, ttl: change((one as unknown as Timed).ttl) }));
  const { answers, authorities, additionals } = packet;
  return {
    ...packet,
    answers: changed(answers),
    authorities: changed(authorities),
    additionals: changed(additionals),
  } as Packet;
}

const ttl = fc.oneof(fc.nat(100_000), fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff));
const host = fc.stringMatching(/^[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}$/);
const anyRecord = fc.oneof(
  fc.tuple(host, ttl).map(([name, seconds]) => ({ type: "A", name, ttl: seconds, data: "192.0.2.1" })),
  fc.tuple(host, ttl).map(([name, seconds]) => ({ type: "AAAA", name, ttl: seconds, data: "2001:db8::1" })),
  fc.tuple(host, ttl, host).map(([name, seconds, data]) => ({ type: "CNAME", name, ttl: seconds, data })),
  fc.tuple(host, ttl, fc.string({ maxLength: 200 })).map(([name, seconds, text]) => ({
    type: "TXT",
    name,
    ttl: seconds,
    data: [Buffer.from(text)],
  })),
  fc.tuple(host, ttl, host).map(([name, seconds, data]) => ({
    type: "SOA",
    name,
    ttl: seconds,
    data: { mname: data, rname: data, serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
  })),
);
const section = fc.array(anyRecord, { maxLength: 6 });
const anyMessage = fc
  .record({ answers: section, authorities: section, additionals: section, withOpt: fc.boolean() })
  .map(({ withOpt, additionals, ...rest }) => {
    const opts = withOpt ? [{ type: "OPT", name: ".", udpPayloadSize: 4096, flags: 0x8000, options: [] }] : [];
    const parts = { ...rest, additionals: [...additionals, ...opts], questions: [{ type: "A", name: "a.test" }] };
    return encode({ type: "response", flags: 0x0180, ...parts } as unknown as Packet);
  });

describe("of any message another implementation wrote", () => {
  test("every TTL is lowered by its age, to 0 at least, and nothing else is changed", () => {
    fc.assert(
      fc.property(anyMessage, fc.oneof(fc.nat(200_000), fc.constant(0xffff_ffff)), (octets, ageSeconds) => {
        const [before, after] = around(octets, (room) => ageTtls(room, AT, layout, ageSeconds));
        expect(after).toEqual(withTtls(before, (seconds) => Math.max(0, seconds - ageSeconds)));
      }),
      { seed: 20_261_123, numRuns: 1500 },
    );
  });

  test("every TTL is set, as a stale answer's (RFC 8767, 4), and nothing else is changed", () => {
    fc.assert(
      fc.property(anyMessage, (octets) => {
        const [before, after] = around(octets, (room) => setTtls(room, AT, layout, 30));
        expect(after).toEqual(withTtls(before, () => 30));
      }),
      { seed: 20_261_124, numRuns: 500 },
    );
  });
});

test("the OPT of our own stays as it is", () => {
  const octets = encode({
    type: "response",
    questions: [{ type: "A", name: "a.test" }],
    answers: [{ type: "A", name: "a.test", ttl: 100, data: "192.0.2.1" }],
  });
  const [, after] = around(octets, (room) => ageTtls(room, AT, layout, 0xffff_ffff));
  expect(after.additionals).toMatchObject([{ type: "OPT", flag_do: true, udpPayloadSize: 1232 }]);
});
