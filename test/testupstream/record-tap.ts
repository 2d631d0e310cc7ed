/** A TCP relay that counts the TLS records an upstream sends: how often it wrote, which a client cannot see. */

import { type AddressInfo, connect, createServer } from "node:net";

const APPLICATION_RECORD = 23;

export interface RecordTap {
  readonly port: number;
  /** Application records seen from the upstream. */
  records(): number;
  close(): Promise<void>;
}

export function tapRecords(upstreamPort: number): Promise<RecordTap> {
  let records = 0;
  const relay = createServer((near) => {
    const far = connect(upstreamPort, "127.0.0.1");
    let held = Buffer.alloc(0);
    far.on("data", (octets) => {
      held = Buffer.concat([held, octets]);
      while (held.length >= 5 && held.length >= 5 + held.readUInt16BE(3)) {
        if (held[0] === APPLICATION_RECORD) records++;
        held = held.subarray(5 + held.readUInt16BE(3));
      }
      near.write(octets);
    });
    near.on("data", (octets) => far.write(octets));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  return new Promise((resolve) => {
    relay.listen(0, "127.0.0.1", () => {
      resolve({
        port: (relay.address() as AddressInfo).port,
        records: () => records,
        close: () => new Promise((closed) => relay.close(() => closed())),
      });
    });
  });
}
