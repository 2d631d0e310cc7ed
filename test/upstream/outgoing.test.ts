import { describe, expect, test } from "bun:test";
import { OutgoingQueries } from "../../src/upstream/connection/outgoing.ts";
import { Query } from "../../src/wire/query.ts";
import { message } from "../support/fake-messages.ts";

const query = new Query();
const packet = message();
query.parse(packet, 0, packet.length);

/** Puts so many queries in, and takes them. */
function turn(outgoing: OutgoingQueries, queries: number, id = 1): Uint8Array {
  for (let i = 0; i < queries; i++) outgoing.add(id + i, query);
  return outgoing.take();
}

describe("the room of a turn's queries", () => {
  test("is used again once everything was written, and not before", () => {
    const outgoing = new OutgoingQueries();
    const first = turn(outgoing, 3);
    const before = [...first];
    const second = turn(outgoing, 3, 100);
    expect(second.buffer).not.toBe(first.buffer);
    expect([...first]).toEqual(before);
    outgoing.allWritten();
    const third = turn(outgoing, 3, 200);
    expect(third.buffer).toBe(second.buffer);
    // Not written yet, so again not the next turn's.
    expect(turn(outgoing, 1).buffer).not.toBe(third.buffer);
  });

  test("queries that wait keep theirs when an earlier write ends", () => {
    const outgoing = new OutgoingQueries();
    turn(outgoing, 1);
    outgoing.add(7, query);
    outgoing.allWritten();
    outgoing.add(8, query);
    const octets = outgoing.take();
    const [one, two] = [octets.subarray(0, octets.length / 2), octets.subarray(octets.length / 2)];
    expect([one[3], two[3]]).toEqual([7, 8]);
  });

  test("of a burst is not kept", () => {
    const outgoing = new OutgoingQueries();
    const burst = turn(outgoing, 1000);
    outgoing.allWritten();
    expect(turn(outgoing, 1).buffer).not.toBe(burst.buffer);
  });
});
