import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { fitToDescriptors } from "../../src/serving/descriptor-budget.ts";

const { config } = loadConfig(new Map(), {});

describe("TCP clients are fitted to the descriptors of the process", () => {
  test("not where there are enough, or the limit is not known", () => {
    expect(fitToDescriptors(config, { limit: 20_000, inUse: 12 }, 1)).toEqual({ config, lowered: undefined });
    expect(fitToDescriptors(config, undefined, 1)).toEqual({ config, lowered: undefined });
  });

  test("to what the rest of fdns leaves, and it is said", () => {
    const fitted = fitToDescriptors(config, { limit: 1024, inUse: 12 }, 1);
    expect(fitted.config.tcpMaxConnections).toBeGreaterThan(850);
    expect(fitted.config.tcpMaxConnections).toBeLessThan(1024 - 12 - 60);
    expect(fitted.lowered).toContain(`at most ${fitted.config.tcpMaxConnections} TCP clients at once instead of 1024`);
    expect(fitted.lowered).toContain("may open 1024 descriptors");
  });

  test("of any limit clients get some and the rest some; nothing else changes, and nothing is raised", () => {
    const workers = fc.integer({ min: 1, max: 64 });
    const limit = fc.integer({ min: 16, max: 100_000 });
    fc.assert(
      fc.property(limit, fc.integer({ min: 0, max: 15 }), workers, (most, inUse, count) => {
        const fitted = fitToDescriptors(config, { limit: most, inUse }, count).config;
        const { tcpMaxConnections } = fitted;
        expect(tcpMaxConnections).toBeGreaterThanOrEqual(1);
        expect(tcpMaxConnections).toBeLessThanOrEqual(config.tcpMaxConnections);
        if (most - inUse >= 8) expect(tcpMaxConnections).toBeLessThan(most - inUse);
        expect({ ...fitted, tcpMaxConnections: 0 }).toEqual({ ...config, tcpMaxConnections: 0 });
      }),
    );
  });
});
