import { expect, test } from "bun:test";
import { encode } from "@leichtgewicht/dns-packet";
import fc from "fast-check";
import { showResponse } from "../../src/presentation/message.ts";

/** An EDNS option. */
const option = (code: number, ...octets: number[]) => [code >> 8, code & 255, 0, octets.length, ...octets];

const options = [
  ...option(12, 0, 0, 0),
  ...option(15, 0, 22, ...Buffer.from("no \u001b[2J way\0")),
  ...option(15, 0xff, 0xff),
  ...option(15, 1),
];

const response = () => {
  const octets = encode({
    type: "response",
    id: 7,
    flags: 0x01b3, // RD RA AD CD, NXDOMAIN
    questions: [{ name: "a.test", type: "MX" }],
    answers: [{ name: "a.test", type: "CNAME", ttl: 4_294_967_295, data: "b.test" }],
    authorities: [{ name: "test", type: "NS", ttl: 60, data: "ns.test" }],
    additionals: [{ name: "ns.test", type: "A", ttl: 60, data: "192.0.2.1" }],
  });
  octets[11] = 2;
  // The OPT: DO, 1232 octets.
  return Uint8Array.from([...octets, 0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, options.length, ...options]);
};

test("a response, every section", () => {
  expect(showResponse(response())).toEqual({
    rcode: 3,
    rcodeText: "NXDOMAIN",
    flags: ["qr", "rd", "ra", "ad", "cd"],
    question: { name: "a.test.", class: "IN", type: "MX" },
    answer: [{ name: "a.test.", ttlSeconds: 4_294_967_295, class: "IN", type: "CNAME", text: "b.test." }],
    authority: [{ name: "test.", ttlSeconds: 60, class: "IN", type: "NS", text: "ns.test." }],
    additional: [{ name: "ns.test.", ttlSeconds: 60, class: "IN", type: "A", text: "192.0.2.1" }],
    edns: { udpPayloadSize: 1232, version: 0, dnssecOk: true },
    extendedErrors: [
      { code: 22, meaning: "No Reachable Authority", text: "no \u001b[2J way" },
      { code: 65535, meaning: undefined, text: "" },
    ],
  });
});

test("an extended RCODE takes its upper bits from the OPT", () => {
  // A bare header with NOERROR, and an OPT with 1 above it.
  const octets = Uint8Array.from([0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]);
  expect(showResponse(octets)).toMatchObject({ rcode: 16, rcodeText: "BADVERS", question: undefined });
});

test("a record that runs past the end", () => {
  const octets = response();
  expect(() => showResponse(octets.slice(0, octets.length - 1))).toThrow("past the end");
});

test("an option that runs past its OPT is not shown", () => {
  const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6];
  const header = [0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 2];
  const behind = [0, 0, 16, 0, 1, 0, 0, 0, 60, 0, 1, 0];
  const shown = showResponse(Uint8Array.from([...header, ...opt, 0, 15, 0, 9, 0, 22, ...behind]));
  expect(shown.additional).toHaveLength(1);
  expect(shown.extendedErrors).toEqual([]);
});

test("whatever comes is shown or refused", () => {
  const good = response();
  fc.assert(
    fc.property(fc.nat(good.length), fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255))), (length, changes) => {
      const octets = good.slice(0, length);
      for (const [at, value] of changes) if (at < length) octets[at] = value;
      try {
        const shown = showResponse(octets);
        for (const { name, text } of [...shown.answer, ...shown.authority, ...shown.additional]) {
          expect(name + text).toMatch(/^[\x20-\x7e]+$/);
        }
      } catch (error) {
        expect((error as Error).message).toMatch(/^(a name|a record|a pointer|the message)/);
      }
    }),
    { seed: 3, numRuns: 3000 },
  );
});
