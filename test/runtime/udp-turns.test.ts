import { describe, expect, test } from "bun:test";
import { type Libc, loadLibc } from "../../src/runtime/libc.ts";
import { UdpTurns } from "../../src/runtime/udp/turns.ts";
import { deno, denoPermissions, runToEnd } from "../support/toolchain.ts";

const libc = await loadLibc();
const GATHER = 123;
const immediate = () => new Promise(setImmediate);

/** Turns that note the calls made and each look; `end` ends the calls that stop another thread. */
function scene(withAside: boolean) {
  const noted: string[] = [];
  let resolve = (_result: number) => {};
  const stop = (call: string) => {
    noted.push(call);
    return new Promise<number>((settle) => {
      resolve = settle;
    });
  };
  const usleep = (microseconds: number) => noted.push(`usleep ${microseconds}`);
  const aside: Libc["aside"] = {
    usleep: (microseconds) => stop(`aside usleep ${microseconds}`),
    poll: (descriptors, count, ms) => stop(`aside poll ${new Int32Array(descriptors.buffer)[0]}, ${count}, ${ms} ms`),
  };
  const parts = { ...libc, usleep, ...(withAside && { aside }) };
  const turns: UdpTurns = new UdpTurns(parts, 7, GATHER, () =>
    noted.push(turns.isScheduled ? "look while another is due" : "look"),
  );
  return { turns, noted, end: () => resolve(0) };
}

describe("with an event loop that reads in between", () => {
  test("it looks at the end of the turn, once", async () => {
    const { turns, noted } = scene(false);
    turns.next(false);
    turns.next(true);
    turns.last();
    expect([turns.isScheduled, noted]).toEqual([true, []]);
    await immediate();
    await immediate();
    expect([turns.isScheduled, noted]).toEqual([false, ["look"]]);
  });

  test("to gather, the thread stops for a moment first", async () => {
    const { turns, noted } = scene(false);
    turns.next(true);
    await immediate();
    expect(noted).toEqual([`usleep ${GATHER}`, "look"]);
  });
});

describe("with an event loop that would not", () => {
  test("another thread stops until something is there, once", async () => {
    const { turns, noted, end } = scene(true);
    turns.next(false);
    turns.next(false);
    await immediate();
    expect([turns.isScheduled, noted]).toEqual([true, ["aside poll 7, 1, 1 ms"]]);
    end();
    await immediate();
    expect([turns.isScheduled, noted.at(-1), noted.length]).toEqual([false, "look", 2]);
  });

  test("to gather, another thread stops for a moment", async () => {
    const { turns, noted, end } = scene(true);
    turns.next(true);
    end();
    await immediate();
    expect(noted).toEqual([`aside usleep ${GATHER}`, "look"]);
  });

  test("the last look is at the end of the turn: none follows that would keep the loop", async () => {
    const { turns, noted } = scene(true);
    turns.last();
    await immediate();
    expect(noted).toEqual(["look"]);
  });
});

test("on Deno what comes over TCP is read, however many datagrams come meanwhile", async () => {
  const { stdout, stderr } = await runToEnd([
    deno,
    "run",
    "-q",
    ...denoPermissions,
    "test/runtime/turns-beside-tcp.ts",
  ]);
  expect(stderr).toBe("");
  const [asItIs, inTurn] = JSON.parse(stdout);
  expect(asItIs).toBeGreaterThan(0);
  // Where each turn schedules the next it is 244: 61 turns for each time an octet is read or has been written.
  expect(asItIs * 6).toBeLessThan(inTurn);
});
