import { describe, expect, test } from "bun:test";
import { ready } from "../support/fake-connection.ts";
import { frames } from "../support/fake-messages.ts";
import { answerTo } from "../support/fake-upstream.ts";

/** A connection with one query, and its answer's frame. */
function withAnswer() {
  const scene = ready();
  scene.send("a");
  scene.clock.turn();
  return { scene, frame: frames(answerTo(scene.seen("a"))) };
}

describe("a message that is not whole", () => {
  test("that comes octet by octet is told before it holds up others for long", () => {
    const { scene, frame } = withAnswer();
    for (let i = 0; i < 2; i++) {
      scene.stream.receive(frame.slice(i, i + 1));
      scene.clock.advance(60);
    }
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(true);
  });

  test("that comes in records of many octets is not, however long it takes", () => {
    const { scene } = withAnswer();
    scene.stream.receive(Uint8Array.of(0xff, 0xff, ...new Uint8Array(16_000)));
    scene.clock.advance(2000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
    scene.clock.advance(20_000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(true);
  });

  test("begins with its first octet, not with that of the message before", () => {
    const { scene, frame } = withAnswer();
    scene.stream.receive(frame.slice(0, 10));
    scene.clock.advance(60);
    scene.stream.receive(Uint8Array.of(...frame.slice(10), ...frame.slice(0, 3)));
    scene.clock.advance(60);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
    scene.clock.advance(20);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(true);
  });

  test("whole again, nothing trickles", () => {
    const { scene, frame } = withAnswer();
    scene.stream.receive(frame);
    scene.clock.advance(5000);
    expect(scene.connection.isTrickling(scene.clock.nowMs())).toBe(false);
  });
});
