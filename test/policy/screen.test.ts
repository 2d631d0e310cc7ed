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
const notSupported = { rcode: RCODE.REFUSED, ede: EDE.NOT_SUPPORTED };

test("types that are questions go on, known or not; the others are refused", () => {
  const refused: number[] = [];
  for (let type = 0; type < 65_536; type++) if (screened(type).rcode !== RCODE.NOERROR) refused.push(type);
  expect(refused).toEqual([41, 249, 250, 251, 252]);
  for (const type of refused) expect(screened(type)).toEqual(notSupported);
});

test("classes other than IN are refused", () => {
  for (const qclass of [0, 2, 3, 4, 254, 255, 256, 257, 65_535]) expect(screened(1, qclass)).toEqual(notSupported);
  expect(screened(1, 1)).toEqual(goOn);
});

test("a query without RD is never sent on", () => {
  expect(screened(1, 1, 0x0000)).toEqual({ rcode: RCODE.REFUSED, ede: EDE.PROHIBITED });
});
