import { expect, test } from "bun:test";
import { screenQuery } from "../../src/policy/screen.ts";
import { EDE, RCODE } from "../../src/wire/protocol.ts";
import { Query } from "../../src/wire/query.ts";
import { message, question } from "../support/fake-messages.ts";

function screened(type: number, qclass = 1, flags = 0x0100) {
  const query = new Query();
  const octets = message({ flags, questions: [question("a.test", type, qclass)] });
  expect(query.parse(octets, 0, octets.length)).toBe(0);
  return screenQuery(query);
}

const goOn = { rcode: RCODE.NOERROR, ede: EDE.NONE };
const noQuestion = { rcode: RCODE.FORMERR, ede: EDE.INVALID_QUERY_TYPE };
const notSupported = { rcode: RCODE.REFUSED, ede: EDE.NOT_SUPPORTED };

test("types that are questions go on, known or not; the others are malformed, and transfers are refused", () => {
  const meta = [41, ...Array.from({ length: 123 }, (_, i) => 128 + i), 253, 254];
  for (let type = 0; type < 65_536; type++) {
    const expected = meta.includes(type) ? noQuestion : type === 251 || type === 252 ? notSupported : goOn;
    if (screened(type).rcode !== expected.rcode) throw new Error(`type ${type}`);
  }
  expect(screened(128)).toEqual(noQuestion);
  expect(screened(252)).toEqual(notSupported);
});

test("classes other than IN are refused", () => {
  for (const qclass of [0, 2, 3, 4, 254, 255, 256, 257, 65_535]) expect(screened(1, qclass)).toEqual(notSupported);
  expect(screened(1, 1)).toEqual(goOn);
});

test("a query without RD is never sent on", () => {
  expect(screened(1, 1, 0x0000)).toEqual({ rcode: RCODE.REFUSED, ede: EDE.NOT_AUTHORITATIVE });
});
