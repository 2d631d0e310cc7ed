import { expect, test } from "bun:test";
import { answerFacts } from "../../src/upstream/examine/answer-facts.ts";
import { message, opt, question } from "../support/fake-messages.ts";

const answer = (...options: readonly (readonly number[])[]) =>
  Uint8Array.from(
    message({ flags: 0x8180, questions: [question("a.test")], additional: [opt({ options: options.flat() })] }),
  );
const KEEPALIVE_5_S = [0, 11, 0, 2, 0, 50];
const PADDING = [0, 12, 0, 3, 0, 0, 0];
const OTHER = [0, 10, 0, 1, 7];

test.each([
  ["nothing", answer(), undefined, false],
  ["keepalive, in units of 100 ms", answer(OTHER, KEEPALIVE_5_S), 5000, false],
  ["padding", answer(PADDING), undefined, true],
  ["a padding of no octets", answer([0, 12, 0, 0]), undefined, true],
  ["both", answer(PADDING, KEEPALIVE_5_S), 5000, true],
  ["the first keepalive of two", answer(KEEPALIVE_5_S, [0, 11, 0, 2, 1, 0]), 5000, false],
  ["a keepalive without a value", answer([0, 11, 0, 0], PADDING), undefined, true],
  ["a keepalive of three octets", answer([0, 11, 0, 3, 0, 0, 1]), undefined, false],
  ["an option that runs past the end", answer(PADDING, [0, 11, 0, 9, 0, 50]), undefined, true],
])("%s", (_name, octets, keepaliveMs, padded) => {
  expect(answerFacts(octets)).toEqual({ keepaliveMs, padded });
});

test("no OPT, and no message", () => {
  const plain = Uint8Array.from(message({ flags: 0x8180, questions: [question("a.test")] }));
  expect(answerFacts(plain)).toEqual({ keepaliveMs: undefined, padded: false });
  expect(answerFacts(Uint8Array.of(1, 2, 3))).toEqual({ keepaliveMs: undefined, padded: false });
});
