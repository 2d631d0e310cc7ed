import { beforeEach, expect, test } from "bun:test";
import { type Progress, progressLine } from "../../src/cli/progress.ts";
import { FakeClock } from "../support/fake-clock.ts";

const CLEAR = "\r\u001b[K";

let clock: FakeClock;
let written: string;
let progress: Progress;

beforeEach(() => {
  clock = new FakeClock();
  written = "";
  progress = progressLine(clock, (text) => {
    written += text;
  });
});

/** What was shown since the last look, each in turn. */
function shown(): string[] {
  const [first, ...lines] = written.split(CLEAR);
  expect(first).toBe("");
  written = "";
  return lines;
}

test("the first step is shown at once, those that follow too soon are not", () => {
  progress.step("a", "connecting");
  progress.step("a", "resuming");
  expect(shown()).toEqual(["0 of 1 done, 0 s; a: connecting"]);
  clock.advance(100);
  progress.step("b", "connecting");
  expect(shown()).toEqual(["0 of 2 done, 0 s; b: connecting"]);
  clock.advance(100);
  progress.step("a", "idle");
  expect(shown()).toEqual(["0 of 2 done, 0 s; a: idle"]);
});

test("what is done is counted, and only what is not is named", () => {
  progress.step("a", "connecting");
  progress.step("b", "connecting");
  progress.done("b");
  expect(shown().at(-1)).toBe("1 of 2 done, 0 s; a: connecting");
  progress.done("a");
  expect(shown()).toEqual([]);
});

test("seconds go by while nothing happens; at the end the line goes, and no timer stays", () => {
  progress.step("a", "idle");
  clock.advance(2000);
  expect(shown()).toEqual(["0 of 1 done, 0 s; a: idle", "0 of 1 done, 1 s; a: idle", "0 of 1 done, 2 s; a: idle"]);
  progress.end();
  expect(shown()).toEqual([""]);
  expect(clock.timers).toBe(0);
});

test("a line is cut to what a terminal is wide, and what came from outside is escaped", () => {
  progress.step("a".repeat(100), "connecting");
  expect(shown()[0]).toHaveLength(78);
  clock.advance(100);
  progress.step("\u001b[2J", "connecting");
  expect(shown()[0]).toBe("0 of 2 done, 0 s; \\x1b[2J: connecting");
});
