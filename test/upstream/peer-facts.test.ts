import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { matchingName, pinOf, subjectsOf } from "../../src/upstream/examine/peer-facts.ts";

const leaf = (subjectAltName: string | undefined) => ({ raw: new Uint8Array(0), subjectAltName, notAfterMs: 0 });

describe("which entry of the SAN carries the name", () => {
  test.each([
    ["DNS:a.test, DNS:dot.test", "dot.test", "DNS:dot.test"],
    ["DNS:DOT.test", "dot.TEST", "DNS:DOT.test"],
    ["DNS:*.dot.test, DNS:x", "a.dot.test", "DNS:*.dot.test"],
    ["DNS:*.dot.test", "b.a.dot.test", undefined],
    ["DNS:*.dot.test", "dot.test", undefined],
    ['URI:"x, DNS:dot.test"', "dot.test", undefined],
    ["IP Address:192.0.2.1", "192.0.2.1", undefined],
    [undefined, "dot.test", undefined],
  ])("%s for %s", (san, adn, entry) => expect(matchingName(leaf(san), adn, "192.0.2.1")).toBe(entry));

  test.each([
    ["DNS:dot.test, IP Address:192.0.2.1", "192.0.2.1", "IP Address:192.0.2.1"],
    // As Bun writes it, and as Deno does.
    ["IP Address:2001:DB8:0:0:0:0:0:1", "2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"],
    ["IP Address:2001:db8::1", "2001:db8::1", "IP Address:2001:db8::1"],
    ["DNS:192.0.2.1", "192.0.2.1", undefined],
  ])("%s for the address %s", (san, address, entry) => expect(matchingName(leaf(san), undefined, address)).toBe(entry));
});

test("subjects in one line each, and the key as a pin", async () => {
  const authority = await makeAuthority("good", ["dot.test"], Date.now);
  const { chainPem, spkiPin } = await authority.issue();
  const [certificate, root] = [chainPem, authority.caPem].map((pem) => new Uint8Array(new X509Certificate(pem).raw));
  expect(subjectsOf([certificate!, root!])).toEqual(["CN=dot.test", "CN=fdns test CA"]);
  expect(pinOf({ ...leaf("DNS:dot.test"), raw: certificate! })).toBe(spkiPin);
  expect(pinOf(leaf("DNS:dot.test"))).toBeUndefined();
});
