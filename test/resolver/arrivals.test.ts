import { describe, expect, test } from "bun:test";
import type { QuestionHash } from "../../src/cache/store/hash.ts";
import { Arrivals } from "../../src/resolver/arrivals.ts";
import type { Resolver } from "../../src/resolver/resolver.ts";
import { BATCH_DATAGRAMS, DATAGRAM_STRIDE, PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { message, question } from "../support/fake-messages.ts";
import { FakeSink } from "../support/fake-sink.ts";

const sumOf = (octets: Iterable<number>) => Array.from(octets).reduce((sum, octet) => sum + octet, 0);
const hash: QuestionHash = (octets, at, length) => sumOf(octets.subarray(at, at + length));
const sink = new FakeSink(1232);

/** What happens, in order. */
class Scene {
  readonly told: string[] = [];
  readonly handled: { start: number; length: number; hash: number; peerStart: number; nowMs: number }[] = [];
  readonly resolver: Pick<Resolver, "handle"> = {
    handle: (_octets, start, length, hash, to, _peers, peerStart, nowMs) => {
      expect(to).toBe(sink);
      this.told.push(`handle ${hash}`);
      this.handled.push({ start, length, hash, peerStart, nowMs });
      return true;
    },
  };
  readonly arrivals = new Arrivals(this.resolver, hash, {
    approach: (hashes, count) => void this.told.push(`approach ${hashes.subarray(0, count).join()}`),
  });
}

function batchOf(packets: readonly Uint8Array[]) {
  const octets = new Uint8Array(BATCH_DATAGRAMS * DATAGRAM_STRIDE).fill(0x33);
  for (const [i, packet] of packets.entries()) octets.set(packet, i * DATAGRAM_STRIDE);
  const lengths = Uint32Array.from({ length: BATCH_DATAGRAMS }, (_, i) => packets[i]?.length ?? 99);
  return { count: packets.length, octets, lengths, peers: new Uint8Array(BATCH_DATAGRAMS * PEER_OCTETS) };
}

describe("queries that came together", () => {
  test("what they will look for is told for all of them, before the first of them looks", () => {
    const scene = new Scene();
    const asked = ["a.test", "www.example.test", ""].map((owner) => question(owner));
    scene.arrivals.onBatch(batchOf(asked.map((one) => message({ questions: [one] }))), sink, 77);
    const hashes = asked.map(sumOf);
    expect(scene.told).toEqual([`approach ${hashes.join()}`, ...hashes.map((one) => `handle ${one}`)]);
    expect(scene.handled).toEqual(
      asked.map((one, i) => ({
        start: i * DATAGRAM_STRIDE,
        length: 12 + one.length,
        hash: hashes[i]!,
        peerStart: i * PEER_OCTETS,
        nowMs: 77,
      })),
    );
  });

  test("packets without a question are handed on too, and those of an earlier batch do not show", () => {
    const scene = new Scene();
    scene.arrivals.onBatch(batchOf(Array(BATCH_DATAGRAMS).fill(message())), sink, 1);
    scene.told.length = 0;
    const nothing = [message({ questions: [[0xc0, 12, 0, 1, 0, 1]] }), new Uint8Array(0), Uint8Array.of(1, 2)];
    scene.arrivals.onBatch(batchOf(nothing), sink, 2);
    expect(scene.told).toEqual(["approach 0,0,0", "handle 0", "handle 0", "handle 0"]);
    expect(scene.handled.slice(-3).map(({ length }) => length)).toEqual([18, 0, 2]);
  });
});

test("a query alone has the hash of its question", () => {
  const scene = new Scene();
  const packet = Uint8Array.of(1, 2, ...message(), 3);
  expect(scene.arrivals.onQuery(packet, 2, packet.length - 3, sink, new Uint8Array(PEER_OCTETS), 0, 5)).toBe(true);
  expect(scene.handled).toEqual([
    { start: 2, length: packet.length - 3, hash: sumOf(question("a.test")), peerStart: 0, nowMs: 5 },
  ]);
  expect(scene.told).toHaveLength(1);
});
