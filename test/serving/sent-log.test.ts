import { expect, test } from "bun:test";
import type { FromWorker } from "../../src/serving/messages.ts";
import { SentLog } from "../../src/serving/sent-log.ts";

function scene() {
  const own = { linesSent: new Float64Array(1), linesTaken: new Float64Array(1) };
  const sent: Extract<FromWorker, object>[] = [];
  const sentLog = new SentLog((message) => void sent.push(message as (typeof sent)[number]), own);
  return { own, sent, sentLog };
}

test("lines for a main thread that stands still are bounded, and told as lost once it turns again", () => {
  const { own, sent, sentLog } = scene();
  for (let i = 0; i < 10_000; i++) sentLog.log.info(`line ${i}`);
  expect(sent).toHaveLength(256);
  sentLog.tellLost();
  expect(sent).toHaveLength(256);
  own.linesTaken.set(own.linesSent);
  sentLog.log.error("the next");
  expect(sent.slice(256).map(({ level, message }) => `${level} ${message}`)).toEqual([
    "warn 9744 of this worker's log lines are lost: the main thread took no more",
    "error the next",
  ]);
});

test("what was lost is told without a next line", () => {
  const { own, sent, sentLog } = scene();
  for (let i = 0; i < 257; i++) sentLog.log.info(`line ${i}`);
  own.linesTaken[0]!++;
  sentLog.tellLost();
  sentLog.tellLost();
  expect(sent.slice(256).map(({ fields }) => fields)).toEqual([{ lost: 1 }]);
});

test("long texts are cut before they are sent", () => {
  const { sent, sentLog } = scene();
  sentLog.log.warn("x".repeat(100_000), { name: "y".repeat(100_000), count: 3 });
  expect(sent[0]!.message.length).toBeLessThan(4097);
  const { name, count } = sent[0]!.fields as { name: string; count: number };
  expect(name.length).toBeLessThan(4097);
  expect(count).toBe(3);
});
