import { describe, expect, test } from "bun:test";
import type { Asked } from "../../src/cli/query/ask.ts";
import { jsonReport, shortReport, textReport } from "../../src/cli/query/report.ts";
import { parseUpstreamAddress } from "../../src/config/syntax/upstream-address.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";

/** What would move the cursor, begin a new line or turn the direction of text. */
const HOSTILE = "a\u001b[2J\r\nb\u009b\u202e";

const record = { name: "a.test.", ttlSeconds: 60, class: "IN", type: "A", text: "192.0.2.1" };

function asked(parts: Partial<Asked> = {}): Asked {
  return {
    question: { name: "a.test", type: "A", octets: new Uint8Array(0), dnssecOk: false, checkingDisabled: false },
    response: {
      rcode: 0,
      rcodeText: "NOERROR",
      flags: ["qr", "ad"],
      question: { name: "a.test.", class: "IN", type: "A" },
      answer: [record],
      authority: [],
      additional: [],
      edns: { udpPayloadSize: 1232, version: 0, dnssecOk: true },
      extendedErrors: [{ code: 0, meaning: "Other", text: HOSTILE }],
    },
    upstream: parseUpstreamAddress("192.0.2.1#dot.test"),
    connection: {
      message: new Uint8Array(0),
      address: { host: "2001:db8::1", port: 853 },
      tls: { protocol: "TLSv1.3", cipher: "any", alpn: HOSTILE, resumed: false },
      leaf: { raw: new Uint8Array(0), subjectAltName: "", notAfterMs: 1_700_000_000_000 },
      chain: [],
      session: undefined,
      connectMs: 1.26,
      handshakeMs: 20,
      answerMs: 0.04,
    },
    rejected: undefined,
    helloSize: "full",
    peer: { san: "DNS:dot.test", subjects: [`CN=${HOSTILE}`], rootsOrigin: "x", pin: undefined, daysLeft: 1 },
    again: undefined,
    hasTicket: false,
    ...parts,
  };
}

describe("what came from outside cannot steer a terminal or forge a line", () => {
  test("as text", () => {
    const text = textReport(asked(), false);
    expect(text).toMatch(/^[\x20-\x7e\n]+$/);
    expect(text).toContain(";; extended error 0 (Other): a\\x1b[2J\\x0d\\x0ab\\x9b\\u202e\n");
    expect(text.split("\n").every((line) => line === "" || line.startsWith(";") || line.startsWith("a.test."))).toBe(
      true,
    );
  });

  test("as JSON, which still holds it", () => {
    const text = jsonReport(asked().question, asked());
    expect(text).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(text)).toMatchObject({
      extendedErrors: [{ code: 0, text: HOSTILE }],
      authentication: { chain: [`CN=${HOSTILE}`], pin: null, daysLeft: 1, notAfter: "2023-11-14T22:13:20.000Z" },
      tls: { alpn: HOSTILE },
      times: { connectMs: 1.3, handshakeMs: 20, answerMs: 0 },
    });
  });
});

test("lines that depend on what there was", () => {
  const text = textReport(asked(), false);
  expect(text).toContain(";; NOERROR, flags: qr ad, EDNS 0 do\n");
  expect(text).toContain(";; upstream:   192.0.2.1#dot.test, at [2001:db8::1]:853\n");
  expect(text).toContain(";; pin:        none asked for; this key is of a kind that cannot be pinned\n");
  expect(text).toContain(";; valid:      until 2023-11-14T22:13:20.000Z, 1 day left\n");
  expect(text).toContain(";; times:      connect 1.3 ms, handshake 20.0 ms, answer 0.0 ms\n");
  expect(text).not.toContain("once more");
  const { connection } = asked();
  expect(textReport(asked({ again: connection }), false)).toContain(
    ";; once more:  no ticket was given, full handshake; connect 1.3 ms",
  );
  const failed = asked({ again: new UpstreamError("closed", "it closed the connection") });
  expect(textReport(failed, false)).toContain(";; once more:  failed: it closed the connection\n");
  expect(JSON.parse(jsonReport(failed.question, failed)).again).toEqual({
    error: { code: "closed", message: "it closed the connection" },
  });
  expect(textReport(asked({ response: { ...asked().response, edns: undefined } }), false)).toContain(", no EDNS\n");
});

test("short is the RDATA of the answer, one record a line", () => {
  const response = { ...asked().response, answer: [record, { ...record, text: "192.0.2.2" }], authority: [record] };
  expect(shortReport(asked({ response }))).toBe("192.0.2.1\n192.0.2.2\n");
});
