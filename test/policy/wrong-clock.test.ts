import { describe, expect, test } from "bun:test";
import { builtMs } from "../../src/config/build-date.ts";
import { isBehind, TimeServerNames } from "../../src/policy/wrong-clock.ts";
import { Query } from "../../src/wire/query.ts";
import { message, question } from "../support/fake-messages.ts";

const asking = (name: string, type?: number) => {
  const octets = message({ questions: [question(name, type)] });
  const query = new Query();
  expect(query.parse(octets, 0, octets.length)).toBe(0);
  return query;
};

describe("the clock", () => {
  test.each([
    [0, true],
    [99, true],
    [100, false],
    [101, false],
  ])("at %p, built at 100: behind is %p", (wallMs, behind) => expect(isBehind(wallMs, 100)).toBe(behind));

  test("the sources' own date is past, whoever runs them", () => {
    expect(builtMs).toBeLessThan(Date.now());
    expect(builtMs).toBeGreaterThan(Date.parse("2026-01-01"));
  });
});

describe("the names of time servers", () => {
  const names = new TimeServerNames(["0.pool.ntp.org", "time.test"]);
  test.each([
    ["0.pool.ntp.org", true],
    ["0.POOL.ntp.Org", true],
    ["time.test", true],
    ["1.pool.ntp.org", false],
    ["pool.ntp.org", false],
    ["a.0.pool.ntp.org", false],
    ["atime.test", false],
    ["time.test.test", false],
    ["time", false],
  ])("%s: %p", (name, listed) => expect(names.has(asking(name))).toBe(listed));

  test("every type of them, and never the root", () => {
    for (const type of [1, 28, 65]) expect(names.has(asking("time.test", type))).toBe(true);
    expect(names.has(asking(""))).toBe(false);
  });

  test("a dot inside a label is no end of one", () => {
    const query = asking("time-test");
    query.question[5] = 0x2e;
    expect(names.has(query)).toBe(false);
  });
});
