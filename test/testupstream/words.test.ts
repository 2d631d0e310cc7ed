import { expect, test } from "bun:test";
import { readBehaviours, readTestUpstreamOptions } from "../../src/testupstream/options.ts";

const plan = (flags: Record<string, string>) =>
  readTestUpstreamOptions(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), () => "").upstream;

test("words of flags are read in any case", () => {
  const { certificate, alpn, scenario } = plan({
    rcode: "SERVFAIL",
    fault: "TC,Duplicate",
    split: "Octets",
    handshake: "HOLD",
    ad: "FALSE",
    certificate: "Expired",
    alpn: "None",
  });
  expect(scenario!.base).toMatchObject({ rcode: 2, split: "octets", handshake: "hold", ad: false });
  expect(scenario!.base.faults).toEqual(["tc", "duplicate"]);
  expect([certificate, alpn]).toEqual(["expired", "none"]);
});

test("and those of a scenario", () => {
  const { base, rules } = readBehaviours('{"rcode": "NXDomain", "rules": [{"query": "Every 2", "ad": "True"}]}', "s");
  expect(base.rcode).toBe(3);
  expect(rules[0]).toMatchObject({ query: { every: 2 }, behaviour: { ad: true } });
});
