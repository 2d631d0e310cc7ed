import { expect, test } from "bun:test";
import { sharedSecond } from "../../src/runtime/clock.ts";

function scene() {
  const running = new Set<() => void>();
  const eachSecond = sharedSecond((tick) => {
    running.add(tick);
    return () => void running.delete(tick);
  });
  const second = () => {
    for (const tick of running) tick();
  };
  return { running, eachSecond, second };
}

test("all who ask are called by one timer, which ends with the last of them", () => {
  const { running, eachSecond, second } = scene();
  const called: string[] = [];
  const endFirst = eachSecond(() => called.push("first"));
  const endSecond = eachSecond(() => called.push("second"));
  expect(running.size).toBe(1);
  second();
  expect(called).toEqual(["first", "second"]);
  endFirst();
  endFirst();
  second();
  expect(called).toEqual(["first", "second", "second"]);
  endSecond();
  expect(running.size).toBe(0);
  eachSecond(() => called.push("later"));
  second();
  expect(called.at(-1)).toBe("later");
});

test("who is ended by another in the same second is not called any more", () => {
  const { eachSecond, second } = scene();
  const called: string[] = [];
  let endOther = () => {};
  eachSecond(() => endOther());
  endOther = eachSecond(() => called.push("other"));
  eachSecond(() => called.push("last"));
  second();
  expect(called).toEqual(["last"]);
});
