import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FrameReader } from "../../src/wire/frame.ts";
import { frames } from "../support/fake-messages.ts";

/** What a reader makes of chunks; each frame is copied, as it is valid during the call only. */
function read(chunks: readonly Uint8Array[]): { messages: number[][]; midFrame: boolean } {
  const reader = new FrameReader();
  const messages: number[][] = [];
  for (const chunk of chunks) {
    const end = reader.push(chunk, (octets, start, length) => {
      messages.push([...octets.subarray(start, start + length)]);
      return true;
    });
    expect(end).toBe(chunk.length);
  }
  return { messages, midFrame: reader.midFrame };
}

function cutAt(octets: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (octets.length + 1)), octets.length].sort((a, b) => a - b);
  return sorted.slice(1).map((to, i) => octets.slice(sorted[i], to));
}

describe("messages on a stream", () => {
  test("any frames, split anywhere, are read as they were written", () => {
    const message = fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 1500, size: "max" }));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 12 }), (messages, places) => {
        const read1 = read(cutAt(frames(...messages), places));
        expect(read1).toEqual({ messages: messages.map((one) => [...one]), midFrame: false });
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  test("octet by octet, zero-length frames among them", () => {
    const octets = frames([], [1], [], [], new Array(300).fill(2), []);
    const { messages } = read([...octets].map((octet) => Uint8Array.of(octet)));
    expect(messages.map((one) => one.length)).toEqual([0, 1, 0, 0, 300, 0]);
  });

  test("empty chunks change nothing", () => {
    const none = new Uint8Array(0);
    expect(read([none, Uint8Array.of(0), none, Uint8Array.of(1), none, Uint8Array.of(9), none])).toEqual({
      messages: [[9]],
      midFrame: false,
    });
  });

  test("an unfinished frame is not handed on", () => {
    expect(read([Uint8Array.of(0)])).toEqual({ messages: [], midFrame: true });
    expect(read([Uint8Array.of(0, 5, 1, 2, 3, 4)])).toEqual({ messages: [], midFrame: true });
    expect(read([Uint8Array.of(0, 1, 7, 0, 2, 1)])).toEqual({ messages: [[7]], midFrame: true });
  });

  test("a frame of 65,535 octets, one octet at a time, costs no more than its octets", () => {
    const octets = frames(new Uint8Array(65_535).map((_, i) => i));
    const startMs = performance.now();
    const { messages } = read([...octets].map((octet) => Uint8Array.of(octet)));
    expect(messages).toEqual([[...octets.subarray(2)]]);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });

  test("a short frame follows a long one that was held", () => {
    const octets = frames(new Array(5000).fill(1), [2, 3], [4]);
    const { messages } = read([octets.slice(0, 4000), octets.slice(4000, 5004), octets.slice(5004)]);
    expect(messages.slice(1)).toEqual([[2, 3], [4]]);
  });

  test("reading stops where the reader says so, within a chunk and behind a held frame, and goes on there", () => {
    for (const chunks of [[frames([1], [2], [3])], [Uint8Array.of(0), frames([1], [2], [3]).slice(1)]]) {
      const reader = new FrameReader();
      const seen: number[] = [];
      const last = chunks.at(-1)!;
      const one = (octets: Uint8Array, start: number) => {
        seen.push(octets[start]!);
        return false;
      };
      let end = 0;
      for (const chunk of chunks) end = reader.push(chunk, one);
      expect(seen).toEqual([1]);
      expect(end).toBe(last.length - 6);
      while (end < last.length) end = reader.push(last, one, end);
      expect(seen).toEqual([1, 2, 3]);
    }
  });

  test("any frames, split anywhere and stopped at anywhere, are read as they were written", () => {
    const message = fc.uint8Array({ maxLength: 700, size: "max" });
    const stops = fc.infiniteStream(fc.boolean());
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        stops,
        (all, places, stop) => {
          const reader = new FrameReader();
          const seen: number[][] = [];
          for (const chunk of cutAt(frames(...all), places)) {
            let end = 0;
            do {
              const from = end;
              const before = seen.length;
              const take = (octets: Uint8Array, start: number, length: number) => {
                seen.push([...octets.subarray(start, start + length)]);
                return !stop.next().value;
              };
              end = reader.push(chunk, take, from);
              if (end < chunk.length) expect(seen.length).toBeGreaterThan(before);
            } while (end < chunk.length);
          }
          expect(seen).toEqual(all.map((one) => [...one]));
          expect(reader.midFrame).toBe(false);
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });
});
