import { afterEach, describe, expect, test } from "bun:test";
import { createSocket, type Socket } from "node:dgram";
import { askUdp } from "../../src/runtime/udp/ask-udp.ts";

const open: Socket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

/** A socket that sends back each answer to whatever comes. */
async function answering(...answers: string[]) {
  const socket = createSocket("udp4");
  open.push(socket);
  socket.on("message", (_octets, peer) => {
    for (const answer of answers) socket.send(answer, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { host: "127.0.0.1", port: socket.address().port };
}

/** A port that was free a moment ago. */
async function deaf() {
  const address = await answering();
  const socket = open.pop()!;
  await new Promise<void>((resolve) => socket.close(resolve));
  return address;
}

const question = Uint8Array.of(1);
const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

describe("asking over UDP", () => {
  test("the first answer that is accepted", async () => {
    const address = await answering("no", "yes", "later");
    expect(text(await askUdp([address], question, 2000, (octets) => text(octets) !== "no"))).toBe("yes");
  });

  test("one of several addresses is enough, whatever is wrong with the others", async () => {
    const others = [await deaf(), { host: "::1", port: 1 }, { host: "2001:db8::1", port: 1 }];
    expect(text(await askUdp([...others, await answering("yes")], question, 2000, () => true))).toBe("yes");
  });

  test("an address where nobody listens is known at once", async () => {
    const startedMs = performance.now();
    await expect(askUdp([await deaf()], question, 20_000, () => true)).rejects.toThrow("nothing listens there");
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  test("silence has a bound", async () => {
    await expect(askUdp([await answering()], question, 30, () => true)).rejects.toThrow("no response in 30 ms");
  });

  test("an answer of someone else is not heard", async () => {
    const address = await answering();
    const stranger = createSocket("udp4");
    open.push(stranger);
    open[0]!.on("message", (_octets, peer) => stranger.send("yes", peer.port, peer.address));
    await expect(askUdp([address], question, 100, () => true)).rejects.toThrow("no response in 100 ms");
  });
});
