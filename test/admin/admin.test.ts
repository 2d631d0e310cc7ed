import { describe, expect, test } from "bun:test";
import { openAdmin } from "../../src/admin/admin.ts";
import type { Observed } from "../../src/admin/metrics.ts";

const broken: Observed = new Proxy({} as Observed, {
  get() {
    throw new Error("for a test");
  },
});

describe("--admin", () => {
  test("/ready is 503 until fdns listens, /health is 200 before, and a page that fails harms no other", async () => {
    let isReady = false;
    const admin = await openAdmin({ host: "127.0.0.1", port: 0 }, { observed: () => broken, isReady: () => isReady });
    try {
      const status = async (path: string) => (await fetch(`http://127.0.0.1:${admin.address.port}${path}`)).status;
      expect([await status("/ready"), await status("/health"), await status("/metrics")]).toEqual([503, 200, 500]);
      isReady = true;
      expect([await status("/ready"), await status("/health")]).toEqual([200, 200]);
    } finally {
      await admin.close();
    }
  });
});
