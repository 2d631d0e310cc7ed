import { describe, expect, test } from "bun:test";
import { askAccepted } from "../../src/upstream/examine/ask-accepted.ts";
import type { OneAnswer, QuestionToAsk } from "../../src/upstream/examine/one-query.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { RCODE } from "../../src/wire/protocol.ts";
import { question } from "../support/fake-messages.ts";

const BADVERS = 16;

const withDo: QuestionToAsk = { octets: Uint8Array.from(question("a.test")), dnssecOk: true, checkingDisabled: false };
const withoutDo: QuestionToAsk = { ...withDo, dnssecOk: false };

/** A header; an RCODE of more than four bits needs an OPT (RFC 6891, 6.1.3). */
function answer(rcode: number): OneAnswer {
  const opt = rcode > 15 ? [0, 0, 41, 4, 208, rcode >> 4, 0, 0, 0, 0, 0] : [];
  const header = [0, 0, 0x81, 0x80 | (rcode & 15), 0, 0, 0, 0, 0, 0, 0, opt.length === 0 ? 0 : 1];
  return { message: Uint8Array.from([...header, ...opt]) } as unknown as OneAnswer;
}

/** Asks an upstream that answers in turn as given, and tells in which forms it was asked and what came of it. */
async function asked(to: QuestionToAsk, ...outcomes: (number | UpstreamError)[]) {
  const forms: string[] = [];
  const given = outcomes.map((outcome) => (typeof outcome === "number" ? answer(outcome) : outcome));
  const accepted = await askAccepted(to, async ({ isPlain = false, dnssecOk }) => {
    const outcome = given[forms.length]!;
    forms.push(`${isPlain ? "plain" : "full"}${dnssecOk ? " DO" : ""}`);
    if (outcome instanceof UpstreamError) throw outcome;
    return outcome;
  });
  return { forms, shown: given.indexOf(accepted.answer), rejected: accepted.rejected };
}

describe("a question is asked with less while the upstream rejects it", () => {
  test("what is accepted is asked once, whatever the answer", async () => {
    for (const rcode of [RCODE.NOERROR, RCODE.NXDOMAIN, RCODE.SERVFAIL, RCODE.REFUSED]) {
      expect(await asked(withDo, rcode)).toEqual({ forms: ["full DO"], shown: 0, rejected: undefined });
    }
  });

  test("without DO there is no OPT the second time", async () => {
    for (const rcode of [RCODE.FORMERR, RCODE.NOTIMP, BADVERS]) {
      const rejected = { part: "EDNS", rcode } as const;
      expect(await asked(withoutDo, rcode, RCODE.NXDOMAIN)).toEqual({ forms: ["full", "plain"], shown: 1, rejected });
    }
  });

  test("DO is kept if it was the options, and given up if it was the OPT", async () => {
    const options = { part: "EDNS options", rcode: RCODE.FORMERR } as const;
    expect(await asked(withDo, RCODE.FORMERR, RCODE.NOERROR)).toEqual({
      forms: ["full DO", "plain DO"],
      shown: 1,
      rejected: options,
    });
    expect(await asked(withDo, RCODE.FORMERR, RCODE.FORMERR, RCODE.NOERROR)).toEqual({
      forms: ["full DO", "plain DO", "plain"],
      shown: 2,
      rejected: { part: "EDNS", rcode: RCODE.FORMERR },
    });
  });

  test("the first response stands when nothing is accepted, or asking again fails", async () => {
    const first = { shown: 0, rejected: undefined };
    expect(await asked(withoutDo, RCODE.NOTIMP, RCODE.NOTIMP)).toMatchObject(first);
    expect(await asked(withoutDo, RCODE.NOTIMP, new UpstreamError("closed", "it closed"))).toMatchObject(first);
  });

  test("a first attempt that fails is told", async () => {
    const failure = new UpstreamError("timeout", "no answer");
    await expect(asked(withDo, failure)).rejects.toBe(failure);
  });
});
