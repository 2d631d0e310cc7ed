import { expect, test } from "bun:test";
import { answerCount, authorityEnd, behindRecord, fixedAt, ownerAt, typeOf } from "../../src/wire/records.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { address, name, opt, record, response, TO_QUESTION } from "../support/fake-messages.ts";

test("the parts of each record, whatever the owners' lengths", () => {
  const records = [
    address(),
    record(name("x.y.test"), 16, [1, 2]),
    record([0], 2, [0]),
    record(TO_QUESTION, 13, [0, 0]),
  ];
  const octets = response({
    answers: [records[0]!],
    authority: [records[1]!, records[2]!],
    additional: [records[3]!, opt()],
  });
  const within = Uint8Array.of(7, 7, ...octets);
  const layout = new ResponseLayout();
  expect(layout.scan(within, 2, octets.length)).toBe(true);
  expect([layout.ttlCount, answerCount(within, 2), authorityEnd(within, 2)]).toEqual([4, 1, 3]);
  let at = 2 + 12 + layout.questionOctets;
  for (const [i, octetsOfIt] of records.entries()) {
    expect(ownerAt(within, 2, layout, i)).toBe(at);
    expect(fixedAt(2, layout, i) - at).toBe([2, name("x.y.test").length, 1, 2][i]!);
    expect(typeOf(within, 2, layout, i)).toBe([1, 16, 2, 13][i]!);
    at += octetsOfIt.length;
    expect(behindRecord(within, 2, layout, i)).toBe(at);
  }
});
