import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { serveOptions } from "../../src/config/options.ts";

const load = (flags: Record<string, string>) =>
  loadConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value]])), {}).config;

describe("what cannot hold together", () => {
  test.each([
    [{ listen: ":53,127.0.0.1:53" }, "--listen: :53 and 127.0.0.1:53 overlap"],
    [{ listen: "[::1]:53,[::]:53" }, "--listen: [::1]:53 and [::]:53 overlap"],
    [{ listen: "127.0.0.1:9153", admin: "127.0.0.1:9153" }, "--admin: 127.0.0.1:9153 is taken by --listen"],
    [{ listen: ":9153", admin: "[::1]:9153" }, "--admin: [::1]:9153 is taken by --listen :9153"],
    [{ workers: "4", "udp-engine": "portable" }, "--workers: 4 cannot share a port with --udp-engine portable"],
  ])("%j", (flags, message) => {
    const read = () => load(flags as unknown as Record<string, string>);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });

  test.each([
    [{ listen: ":0,127.0.0.1:0", admin: "127.0.0.1:0" }],
    [{ listen: "0.0.0.0:53,[::]:53,127.0.0.1:54" }],
    [{ listen: "0.0.0.0:9153", admin: "[::1]:9153" }],
    [{ workers: "1", "udp-engine": "portable" }],
    [{ workers: "auto", "udp-engine": "portable" }],
  ])("%j can", (flags) => {
    load(flags as unknown as Record<string, string>);
  });
});

describe("whatever option a value of 100,000 octets is given to", () => {
  const garbage = `\u001b[2J${"x".repeat(99_996)}`;
  const wraps = [garbage, `127.0.0.1:${garbage}`, `1.1.1.1#${garbage}`, `1.1.1.1?${garbage}`, `10.0.0.0/${garbage}`];
  const anyPath = [serveOptions.caFile.name, serveOptions.cacheFile.name] as string[];

  test.each(
    Object.values(serveOptions)
      .map(({ name }) => name as string)
      .filter((name) => !anyPath.includes(name)),
  )("--%s shows it once, cut and escaped", (name) => {
    for (const value of wraps) {
      let message = "";
      try {
        load({ [name]: value });
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        ({ message } = error as Error);
      }
      expect(message).toContain(" octets)");
      expect(message.split("\\x1b[2J")).toHaveLength(2);
      expect(message).not.toContain("\u001b");
      expect(message.length).toBeLessThan(700);
    }
  });
});

test("words and units are read in any case", () => {
  const config = load({
    strategy: "Sticky",
    "udp-engine": "BATCHED",
    workers: "Auto",
    "log-format": "JSON",
    "log-level": "Warn",
    "ca-file": "Bundled",
    control: "OFF",
    "cache-size": "32mib",
    "query-timeout": "1500MS",
    "cache-max-ttl": "1D",
    upstream: `TLS://192.0.2.1?PIN=SHA256/${"A".repeat(43)}=`,
  });
  expect(config).toMatchObject({
    strategy: "sticky",
    udpEngine: "batched",
    workers: "auto",
    logFormat: "json",
    logLevel: "warn",
    ca: { kind: "bundled" },
    control: undefined,
    cacheOctets: 33_554_432,
    queryTimeoutMs: 1500,
    cacheMaxTtlSeconds: 86_400,
  });
  expect(config.upstreams[0]!.spkiPins).toHaveLength(1);
});
