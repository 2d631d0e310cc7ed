/** What a stub gets from fdns for every kind of query, over UDP and TCP, on each form and engine. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { decode } from "@leichtgewicht/dns-packet";
import { hashName, synthesizedA } from "../../src/testupstream/dns/synthesize.ts";
import { askTcp, askUdp, extendedErrors, framed, query, rcodeOf } from "../support/ask.ts";
import { formsAndEngines, type RunningFdns, startFdns } from "../support/fdns.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const folder = temporaryFolder();
const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };
const [QR, TC, RD, RA, AD, CD] = [0x8000, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010];

let upstream: ScriptedUpstream;
beforeAll(async () => {
  upstream = await startScriptedUpstream(folder, ["--ad", "--ede", "3"]);
});
afterAll(async () => {
  await upstream.stop();
  rmSync(folder, { recursive: true });
});

const flagsOf = (octets: Uint8Array) => (octets[2]! << 8) | octets[3]!;
const optOf = (octets: Uint8Array) =>
  decode(octets).additionals?.find(({ type }) => type === "OPT") as
    | { udpPayloadSize: number; flags: number; options: { code: number }[]; extendedRcode: number; ednsVersion: number }
    | undefined;

/** A query with octets changed: offset to value. */
function patched(octets: Uint8Array, changes: Record<number, number>): Uint8Array {
  const copy = Uint8Array.from(octets);
  for (const [at, octet] of Object.entries(changes)) copy[Number(at)] = octet;
  return copy;
}

describe.each(formsAndEngines)("%s, %s", (form, engine) => {
  let fdns: RunningFdns;
  const udp = (octets: Uint8Array) => askUdp(fdns.port, octets);
  const tcp = async (octets: Uint8Array) => (await askTcp(fdns.port, [octets]))[0]!;

  beforeAll(async () => {
    const flags = ["--listen", "127.0.0.1:0", "--upstream", upstream.address, "--ca-file", upstream.caFile];
    // With a cache, what was asked over UDP comes from there over TCP; without one, from upstream each time.
    const cache = engine === "portable" ? ["--cache-size", "0"] : [];
    fdns = await startFdns({ form, flags: [...flags, "--udp-engine", engine, ...cache] });
  });
  afterAll(async () => {
    expect(await fdns.stop()).toBe(0);
  });

  test("says which engine runs, and its receive buffer", async () => {
    const line = await fdns.logged("listening");
    expect(line.udpEngine).toBe(engine);
    if (engine === "batched") expect(line.udpReceiveBufferOctets).toBeGreaterThan(0);
  });

  for (const [transport, ask] of [
    ["UDP", udp],
    ["TCP", tcp],
  ] as const) {
    describe(transport, () => {
      test("an answer, with the client's ID and the case of its name", async () => {
        const asked = query({ name: "WwW.ExAmPlE", id: 0xbeef });
        const answer = await ask(asked);
        expect([...answer.subarray(12, 29)]).toEqual([...asked.subarray(12, 29)]);
        expect(answer.subarray(0, 2)).toEqual(asked.subarray(0, 2));
        const { answers } = decode(answer);
        expect(answers).toMatchObject([
          { type: "A", data: synthesizedA(hashName(asked, 12, asked.length - 4)).join(".") },
        ]);
      });

      test("quickly, when asked one at a time", async () => {
        const tookMs: number[] = [];
        for (let i = 0; i < 21; i++) {
          const beganMs = performance.now();
          await ask(query({ name: `${i}.quick.example` }));
          tookMs.push(performance.now() - beganMs);
        }
        expect(tookMs.sort((a, b) => a - b)[10]).toBeLessThan(100);
      });

      test("AD only for those who asked for it; RD and CD as they came; RA set", async () => {
        const flags = async (asked: number, dnssecOk = false) =>
          flagsOf(
            await ask(
              query({ name: "a.example", flags: asked, ...(dnssecOk ? { udpPayloadSize: 1232, dnssecOk } : {}) }),
            ),
          );
        expect(await flags(RD)).toBe(QR | RD | RA);
        expect(await flags(RD | AD)).toBe(QR | RD | RA | AD);
        expect(await flags(RD | CD)).toBe(QR | RD | RA | CD);
        expect(await flags(RD, true)).toBe(QR | RD | RA | AD);
      });

      test("an OPT for those who sent one, with the upstream's Extended DNS Error and nothing else of its OPT", async () => {
        expect(optOf(await ask(query({ name: "a.example" })))).toBeUndefined();
        const opt = optOf(await ask(query({ name: "a.example", udpPayloadSize: 4096, dnssecOk: true })));
        expect(opt).toMatchObject({ udpPayloadSize: 1232, flags: 0x8000, ednsVersion: 0 });
        expect(opt?.options.map(({ code }) => code)).toEqual([15]);
      });

      test("NXDOMAIN with its SOA", async () => {
        const answer = await ask(query({ name: "nx.example" }));
        expect(rcodeOf(answer)).toBe(RCODE.NXDOMAIN);
        expect(decode(answer).authorities).toMatchObject([{ type: "SOA" }]);
      });

      test("unknown types pass through unread", async () => {
        const asked = query({ name: "a.example" });
        const typeAt = asked.length - 4;
        expect(rcodeOf(await ask(patched(asked, { [typeAt]: 0xff, [typeAt + 1]: 0x20 })))).toBe(0);
      });

      test.each([
        ["class CH", { name: "version.bind", type: "TXT", klass: "CH" }, RCODE.REFUSED, 21],
        ["class HS", { name: "a.example", klass: "HS" }, RCODE.REFUSED, 21],
        ["class ANY", { name: "a.example", klass: "ANY" }, RCODE.REFUSED, 21],
        ["AXFR", { name: "example", type: "AXFR" }, RCODE.REFUSED, 21],
        ["IXFR", { name: "example", type: "IXFR" }, RCODE.REFUSED, 21],
        ["RD=0", { name: "a.example", flags: 0 }, RCODE.REFUSED, 20],
      ])("%s is refused, and not sent on", async (_name, question, rcode, ede) => {
        const answer = await ask(query({ ...question, udpPayloadSize: 1232 }));
        expect(rcodeOf(answer)).toBe(rcode);
        expect(extendedErrors(answer)).toEqual([ede]);
      });

      test("opcodes other than QUERY", async () => {
        for (const opcode of [1, 2, 4, 5, 6, 15]) {
          const answer = await ask(patched(query({ name: "a.example" }), { 2: opcode << 3 }));
          expect([rcodeOf(answer), answer[2]! >> 3]).toEqual([RCODE.NOTIMP, 16 | opcode]);
        }
      });

      test("questions: none, two, one that runs past the end, one with a pointer", async () => {
        const good = query({ name: "a.example" });
        const twice = Buffer.concat([patched(good, { 5: 2 }), good.subarray(12)]);
        for (const bad of [patched(good, { 5: 0 }), twice, good.subarray(0, 20), patched(good, { 12: 0xc0 })]) {
          expect(rcodeOf(await ask(bad))).toBe(RCODE.FORMERR);
        }
      });

      test("EDNS: version 1 gets BADVERS, two OPTs get FORMERR", async () => {
        const good = query({ name: "a.example", udpPayloadSize: 1232 });
        const opt = good.subarray(good.length - 11);
        const badVersion = await ask(patched(good, { [good.length - 5]: 1 }));
        expect(optOf(badVersion)).toMatchObject({ extendedRcode: 1, ednsVersion: 0 });
        expect(rcodeOf(await ask(Buffer.concat([patched(good, { 11: 2 }), opt])))).toBe(RCODE.FORMERR);
      });

      test("octets behind the message are ignored", async () => {
        expect(rcodeOf(await ask(Buffer.concat([query({ name: "a.example" }), Buffer.alloc(300, 0xff)])))).toBe(0);
      });

      test("responses and fragments get no answer, and cost no one else's", async () => {
        const good = query({ name: "a.example" });
        const silent = [patched(good, { 2: 0x81 }), good.subarray(0, 11), new Uint8Array(1)];
        for (const octets of silent) {
          const [first] = await Promise.race([
            transport === "TCP"
              ? askTcp(fdns.port, [octets]).catch(() => [])
              : udp(octets).then(
                  (one) => [one],
                  () => [],
                ),
            Bun.sleep(150).then(() => []),
          ]);
          expect(first).toBeUndefined();
        }
        expect(rcodeOf(await ask(good))).toBe(0);
      }, 20_000);
    });
  }

  test("a UDP answer fits what the client can take, at most 1232 octets; the rest is for TCP", async () => {
    const size = async (udpPayloadSize?: number, octets = 1000) => {
      const question = { name: `big-${octets}.example`, type: "TXT" };
      const answer = await udp(query(udpPayloadSize === undefined ? question : { ...question, udpPayloadSize }));
      return { octets: answer.length, truncated: (flagsOf(answer) & TC) !== 0, rcode: rcodeOf(answer) };
    };
    expect(await size()).toMatchObject({ truncated: true, rcode: 0 });
    expect((await size()).octets).toBeLessThanOrEqual(512);
    expect(await size(100)).toMatchObject({ truncated: true });
    expect(await size(1232)).toMatchObject({ truncated: false });
    expect(await size(4096)).toMatchObject({ truncated: false });
    expect(await size(4096, 1500)).toMatchObject({ truncated: true });
    const whole = await tcp(query({ name: "big-60000.example", type: "TXT" }));
    expect(whole.length).toBeGreaterThan(59_000);
    expect(flagsOf(whole) & TC).toBe(0);
  });

  test("pipelined TCP queries are answered out of order, each with its own ID; a half-closed client too", async () => {
    const messages = Array.from({ length: 200 }, (_, id) => query({ name: `${id}.pipe.example`, id }));
    const answers = await askTcp(fdns.port, messages, { halfClose: true });
    for (const answer of answers) {
      const id = (answer[0]! << 8) | answer[1]!;
      const { questions, answers: records } = decode(answer);
      expect(questions?.[0]?.name).toBe(`${id}.pipe.example`);
      expect(records).toMatchObject([
        { data: synthesizedA(hashName(messages[id]!, 12, messages[id]!.length - 4)).join(".") },
      ]);
    }
    expect(new Set(answers.map((one) => (one[0]! << 8) | one[1]!)).size).toBe(200);
  });

  test("one octet a segment is a query too", async () => {
    const octets = framed(query({ name: "slow.example" }));
    const { connect } = await import("node:net");
    const socket = connect(fdns.port, "127.0.0.1");
    socket.setNoDelay(true);
    const answered = new Promise<Uint8Array>((resolve) => socket.once("data", resolve));
    for (const octet of octets) {
      socket.write(Uint8Array.of(octet));
      await Bun.sleep(1);
    }
    expect(rcodeOf((await answered).subarray(2))).toBe(0);
    socket.destroy();
  });
});

test("what went to the upstream: padded, without the client's subnet, one handshake for each fdns", async () => {
  const fresh = await startScriptedUpstream(folder);
  const flags = ["--listen", "127.0.0.1:0", "--upstream", fresh.address, "--ca-file", fresh.caFile];
  const fdns = await startFdns({ flags });
  const withSubnet = query({ name: "a.example", udpPayloadSize: 1232 });
  const option = [0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];
  const asked = patched(Buffer.concat([withSubnet, Uint8Array.from(option)]), {
    [withSubnet.length - 1]: option.length,
  });
  expect(rcodeOf(await askUdp(fdns.port, asked))).toBe(0);
  for (let i = 0; i < 50; i++) await askUdp(fdns.port, query({ name: `${"x".repeat(i)}.example` }));
  await fdns.stop();
  const counters = await fresh.stop();
  expect(counters).toMatchObject({ connections: 1, handshakes: 1, queries: 51, unpaddedQueries: 0, idReuses: 0 });
  expect(counters.lastQuery).toMatchObject({ rd: true, edns: { ecs: { sourcePrefix: 0 } } });
});
