import { expect, test } from "bun:test";
import fc from "fast-check";
import { TriedUpstreams } from "../../src/upstream/group/tried-upstreams.ts";

const SERVERS = [{ number: 0 }, { number: 1 }, { number: 2 }, { number: 3 }];

test("has what a set would have, whatever comes and goes", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "add", "remove", "clear"),
    server: fc.constantFrom(...SERVERS),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const tried = new TriedUpstreams();
      const model = new Set<unknown>();
      for (const { what, server } of steps) {
        if (what === "clear") {
          tried.clear();
          model.clear();
        } else if (what === "remove") {
          tried.remove(server);
          model.delete(server);
        } else if (!model.has(server)) {
          tried.add(server);
          model.add(server);
        }
        expect(SERVERS.filter((one) => tried.has(one))).toEqual(SERVERS.filter((one) => model.has(one)));
        expect(tried.isEmpty).toBe(model.size === 0);
      }
    }),
  );
});
