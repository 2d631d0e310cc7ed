/** Stubs that keep a number of queries outstanding until their ledger is done, over UDP and over TCP. */

import { connect } from "node:net";
import { loadLibc } from "../../src/runtime/libc.ts";
import { DATAGRAM_STRIDE, PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { batchedUdpEngine } from "../../src/runtime/udp/batched.ts";
import { FrameReader } from "../../src/wire/frame.ts";
import { type Ledger, QUERY_OCTETS } from "./volume.ts";

export interface VolumeOptions {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** The most queries outstanding. */
  readonly window: number;
  /** Ends without the rest when nothing came for so long: nothing is asked twice. */
  readonly giveUpMs?: number;
  /** Called when everything that may be outstanding has been sent for the first time. */
  readonly onFirstWindow?: () => void;
}

const GIVE_UP_MS = 6000;
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

/** The batched engine as client: it takes in what fdns can send, so nothing is lost on this side. */
export async function askOverUdp(ledger: Ledger, options: VolumeOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const peer = new Uint8Array(new ArrayBuffer(PEER_OCTETS));
  writeSockaddr(peer, 0, LOOPBACK, options.port, 0);
  const progress = watchProgress(options, resolve);
  const engine = batchedUdpEngine(await loadLibc());
  const socket = await engine.open({
    address: { host: "127.0.0.1", port: 0 },
    onFault: reject,
    onBatch({ count, octets, lengths }) {
      for (let i = 0; i < count; i++) ledger.check(octets, i * DATAGRAM_STRIDE, lengths[i]!);
      progress.seen();
      fill();
      if (ledger.done) resolve();
    },
  });
  const fill = () => {
    while (ledger.outstanding < options.window && ledger.toAsk > 0) {
      const start = socket.reserve();
      ledger.writeNext(socket.room, start);
      socket.commit(start, QUERY_OCTETS, peer, 0);
    }
  };
  fill();
  // What commit() left queued goes with the end of the turn.
  setImmediate(() => setImmediate(() => options.onFirstWindow?.()));
  try {
    await promise;
  } finally {
    progress.end();
    socket.close();
  }
}

/** One connection with pipelined queries (RFC 7766, 6.2.1.1), one write for as many as the window takes. */
export async function askOverTcp(ledger: Ledger, options: VolumeOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(options.port, "127.0.0.1");
  const frames = new FrameReader();
  const progress = watchProgress(options, resolve);
  const onFrame = (octets: Uint8Array, start: number, length: number): boolean => {
    ledger.check(octets, start, length);
    return true;
  };
  const fill = () => {
    const count = Math.min(options.window - ledger.outstanding, ledger.toAsk);
    if (count === 0) return;
    const octets = new Uint8Array(count * (2 + QUERY_OCTETS));
    for (let at = 0; at < octets.length; at += 2 + QUERY_OCTETS) {
      octets[at + 1] = QUERY_OCTETS;
      ledger.writeNext(octets, at + 2);
    }
    socket.write(octets);
  };
  socket.on("connect", () => {
    socket.setNoDelay(true);
    fill();
    options.onFirstWindow?.();
  });
  socket.on("data", (octets: Uint8Array) => {
    frames.push(octets, onFrame);
    progress.seen();
    fill();
    if (ledger.done) resolve();
  });
  socket.on("error", reject);
  socket.on("close", () => resolve());
  try {
    await promise;
  } finally {
    progress.end();
    socket.destroy();
  }
}

/** Calls back once nothing was seen for giveUpMs. */
function watchProgress({ giveUpMs = GIVE_UP_MS }: VolumeOptions, onStall: () => void) {
  let seenMs = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - seenMs > giveUpMs) onStall();
  }, 100);
  return {
    seen() {
      seenMs = performance.now();
    },
    end: () => clearInterval(timer),
  };
}
