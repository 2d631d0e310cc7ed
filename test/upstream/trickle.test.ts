import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ready, type Scene } from "../support/fake-connection.ts";
import { frames } from "../support/fake-messages.ts";
import { answerTo } from "../support/fake-upstream.ts";

/** A connection with so many queries, and the answer's frame to the first. */
function withAnswer(queries = 2) {
  const scene = ready();
  scene.send(..."abcdef".slice(0, queries));
  scene.clock.turn();
  return { scene, frame: frames(answerTo(scene.seen("a"))) };
}

/** Sends the frame in pieces of so many octets, each so long after the last; returns after how many it trickled, if it did. */
function piecesUntilItTrickles(scene: Scene, frame: Uint8Array, octets: number, gapMs: number): number | undefined {
  for (let at = 0, pieces = 1; at < frame.length; at += octets, pieces++) {
    scene.stream.receive(frame.slice(at, at + octets));
    if (scene.connection.isTrickling(scene.clock.nowMs())) return pieces;
    scene.clock.advance(gapMs);
    if (scene.connection.isTrickling(scene.clock.nowMs())) return pieces;
  }
  return undefined;
}

/** The frame of an answer to "a" with so many octets. */
function long(scene: Scene, octets: number): Uint8Array {
  const answer = new Uint8Array(octets);
  answer.set(answerTo(scene.seen("a")));
  return frames(answer);
}

describe("a message that is not whole", () => {
  test("that comes in drops while others wait is told after the sixth", () => {
    const { scene, frame } = withAnswer();
    expect(piecesUntilItTrickles(scene, frame, 1, 100)).toBe(6);
  });

  test("holds up nobody when nobody else waits, until it cannot be of use any more", () => {
    const { scene } = withAnswer(1);
    expect(piecesUntilItTrickles(scene, long(scene, 200), 1, 100)).toBe(41);
  });

  test.each([20, 100, 300, 1000])("is none when its length comes %d ms before it", (gapMs) => {
    const { scene, frame } = withAnswer();
    scene.stream.receive(frame.slice(0, 2));
    for (let ms = 0; ms < gapMs; ms += 10) {
      expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
      scene.clock.advance(10);
    }
    scene.stream.receive(frame.slice(2));
    expect(scene.diary.at(-1)).toBe("answer a");
  });

  test("is none when it comes in segments, a round trip apart", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 1448 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 20, max: 300 }),
        (octets, segments, gapMs) => {
          const { scene } = withAnswer();
          expect(piecesUntilItTrickles(scene, long(scene, octets * segments), octets, gapMs)).toBeUndefined();
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  test("that would be whole long after its clients have left is told though it comes in larger pieces", () => {
    const { scene } = withAnswer();
    expect(piecesUntilItTrickles(scene, long(scene, 60_000), 128, 100)).toBe(6);
  });

  test("that comes in records of many octets is not, for as long as it can be of use", () => {
    const { scene } = withAnswer();
    scene.stream.receive(Uint8Array.of(0xff, 0xff, ...new Uint8Array(16_000)));
    scene.clock.advance(2000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
    scene.clock.advance(20_000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(true);
  });

  test("begins with its first octet, not with that of the message before", () => {
    const { scene, frame } = withAnswer(3);
    for (let i = 0; i < 5; i++) {
      scene.stream.receive(frame.slice(i, i + 1));
      scene.clock.advance(60);
    }
    scene.stream.receive(Uint8Array.of(...frame.slice(5), ...frame.slice(0, 1)));
    scene.clock.advance(60);
    for (let i = 1; i < 5; i++) {
      scene.stream.receive(frame.slice(i, i + 1));
      scene.clock.advance(60);
    }
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
    scene.stream.receive(frame.slice(5, 6));
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(true);
  });

  test("whole again, nothing trickles", () => {
    const { scene, frame } = withAnswer();
    scene.stream.receive(frame);
    scene.clock.advance(5000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
  });
});
