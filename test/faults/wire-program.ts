/**
 * Carries packets between two TUN devices that it makes: each packet leaves DELAY milliseconds after it came, in order,
 * unless it is among the LOSS percent that are lost.
 *
 *   bun wire-program.ts DEVICE DEVICE DELAY LOSS
 */

import { dlopen, ptr } from "bun:ffi";

const O_RDWR_NONBLOCK = 0x2 | 0x800;
/** ioctl(2) that names the device, and its flags: layer 3, no header of its own (linux/if_tun.h). */
const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x1001;
const IFREQ_OCTETS = 40;
const LARGEST_PACKET_OCTETS = 65_536;
/** Packets a direction holds; more are dropped, as a router's queue would. */
const QUEUE = 10_000;
const TICK_MS = 1;

const { symbols: libc } = dlopen("libc.so.6", {
  open: { args: ["ptr", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i64" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
});

function openTun(device: string): number {
  const descriptor = libc.open(ptr(Buffer.from("/dev/net/tun\0")), O_RDWR_NONBLOCK);
  const request = Buffer.alloc(IFREQ_OCTETS);
  request.write(device, "latin1");
  request.writeUInt16LE(IFF_TUN_NO_PI, 16);
  if (descriptor < 0 || libc.ioctl(descriptor, TUNSETIFF, ptr(request)) < 0) {
    throw new Error(`cannot make the TUN device ${device}`);
  }
  return descriptor;
}

class Direction {
  readonly #from: number;
  readonly #to: number;
  readonly #delayMs: number;
  readonly #loss: number;
  readonly #packets: { dueMs: number; octets: Uint8Array }[] = [];
  readonly #buffer = new Uint8Array(new ArrayBuffer(LARGEST_PACKET_OCTETS));
  readonly #bufferPointer = ptr(this.#buffer);

  constructor(from: number, to: number, delayMs: number, loss: number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
    this.#loss = loss;
  }

  carry(): void {
    const nowMs = performance.now();
    for (;;) {
      const length = Number(libc.read(this.#from, this.#bufferPointer, LARGEST_PACKET_OCTETS));
      if (length <= 0) break;
      if (Math.random() < this.#loss || this.#packets.length >= QUEUE) continue;
      this.#packets.push({ dueMs: nowMs + this.#delayMs, octets: this.#buffer.slice(0, length) });
    }
    while (this.#packets.length > 0 && this.#packets[0]!.dueMs <= nowMs) {
      const { octets } = this.#packets.shift()!;
      libc.write(this.#to, ptr(octets), octets.length);
    }
  }
}

const [nearDevice, farDevice, delayText, lossText] = process.argv.slice(2) as [string, string, string, string];
const near = openTun(nearDevice);
const far = openTun(farDevice);
const delayMs = Number(delayText);
const loss = Number(lossText) / 100;
const directions = [new Direction(near, far, delayMs, loss), new Direction(far, near, delayMs, loss)];
process.stdout.write("ready\n");
setInterval(() => {
  for (const direction of directions) direction.carry();
}, TICK_MS);
