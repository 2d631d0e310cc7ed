import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/config/config.ts";
import { defaults } from "../../src/config/defaults.ts";
import { type Environment, loadConfig } from "../../src/config/load.ts";
import { serveOptions, variableOf } from "../../src/config/options.ts";
import { nearSyntax } from "./near-syntax.ts";

function load(flags: Record<string, string | string[]> = {}, environment: Environment = {}) {
  return loadConfig(new Map(Object.entries(flags).map(([name, value]) => [name, [value].flat()])), environment);
}

const texts = (upstreams: readonly { text: string }[]) => upstreams.map((upstream) => upstream.text);

test("nothing given: this host's stubs, two operators, the defaults", () => {
  const { config, warnings } = load();
  expect(warnings).toEqual([]);
  expect(config.listen).toEqual([
    { host: "127.0.0.1", port: 53, optional: true },
    { host: "::1", port: 53, optional: true },
  ]);
  expect(config.defaultUpstreams).toBe(true);
  expect(config.upstreams.map((upstream) => upstream.adn)).toEqual(["cloudflare-dns.com", "dns.google"]);
  expect(config).toMatchObject({
    bootstrap: [],
    timeServers: [],
    allow: [],
    ca: { kind: "default" },
    udpEngine: "auto",
    workers: 1,
    maxUdpOctets: 1232,
    queryTimeoutMs: 4000,
    maxInFlight: 10_000,
    tcpIdleMs: 10_000,
    tcpMaxConnections: 1024,
    tcpMaxPerClient: 64,
    shutdownMs: 3000,
    cacheOctets: 32 * 1024 * 1024,
    cacheMinTtlSeconds: 0,
    cacheMaxTtlSeconds: 86_400,
    cacheMaxNegativeTtlSeconds: 3600,
    cacheStaleSeconds: 86_400,
    cacheFile: undefined,
    control: { path: "/run/fdns/control", isNamed: false },
    admin: undefined,
    logFormat: "auto",
    logLevel: "info",
  });
});

describe("where a value comes from", () => {
  test("flags win over FDNS_ variables, those over DNSSERVER", () => {
    const environment = { FDNS_UPSTREAM: "9.9.9.9", DNSSERVER: "8.8.8.8" };
    expect(texts(load({ upstream: "1.1.1.1" }, environment).config.upstreams)).toEqual(["1.1.1.1"]);
    expect(texts(load({}, environment).config.upstreams)).toEqual(["9.9.9.9"]);
    const { config } = load({}, { DNSSERVER: "8.8.8.8" });
    expect(config.upstreams).toMatchObject([{ text: "8.8.8.8", adn: "dns.google" }]);
    expect(config.defaultUpstreams).toBe(false);
  });

  test("every option has its variable", () => {
    const environment = {
      FDNS_LISTEN: ":53",
      FDNS_UPSTREAM: `dot.example.net?pin=sha256/${"A".repeat(43)}=`,
      FDNS_STRATEGY: "sticky",
      FDNS_BOOTSTRAP: "1.1.1.1",
      FDNS_UPSTREAM_ALLOW: "dot.example.net 1.1.1.1",
      FDNS_TIME_SERVER: "0.Pool.NTP.org. time.example.net",
      FDNS_CA_FILE: "/etc/roots.pem",
      FDNS_TLS_HELLO: "small",
      FDNS_ALLOW: "198.51.100.0/24",
      FDNS_UDP_ENGINE: "portable",
      FDNS_WORKERS: "auto",
      FDNS_MAX_UDP_SIZE: "1400",
      FDNS_QUERY_TIMEOUT: "1500ms",
      FDNS_MAX_IN_FLIGHT: "7",
      FDNS_TCP_IDLE: "1m",
      FDNS_TCP_CONNECTIONS: "5",
      FDNS_TCP_CONNECTIONS_PER_CLIENT: "3",
      FDNS_SHUTDOWN_TIMEOUT: "0s",
      FDNS_CACHE_SIZE: "64M",
      FDNS_CACHE_MIN_TTL: "5s",
      FDNS_CACHE_MAX_TTL: "2h",
      FDNS_CACHE_MAX_NEGATIVE_TTL: "1m",
      FDNS_CACHE_STALE: "3d",
      FDNS_CACHE_FILE: "/var/cache/fdns/cache",
      FDNS_CONTROL: "/run/other/control",
      FDNS_ADMIN: "[::1]:9153",
      FDNS_LOG_FORMAT: "json",
      FDNS_LOG_LEVEL: "debug",
    };
    expect(Object.values(serveOptions).map((option) => variableOf(option.name))).toEqual(Object.keys(environment));
    const { config, warnings } = load({}, environment);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      listen: [{ host: "*", port: 53, optional: false }],
      upstreams: [{ hostName: "dot.example.net" }],
      bootstrap: [{ addresses: ["1.1.1.1"] }],
      strategy: "sticky",
      timeServers: ["0.pool.ntp.org", "time.example.net"],
      ca: { kind: "file", path: "/etc/roots.pem" },
      tlsHello: "small",
      allow: [{ bits: 24 }],
      udpEngine: "portable",
      workers: "auto",
      maxUdpOctets: 1400,
      queryTimeoutMs: 1500,
      maxInFlight: 7,
      tcpIdleMs: 60_000,
      tcpMaxConnections: 5,
      tcpMaxPerClient: 3,
      shutdownMs: 0,
      cacheOctets: 64 * 1024 * 1024,
      cacheMinTtlSeconds: 5,
      cacheMaxTtlSeconds: 7200,
      cacheMaxNegativeTtlSeconds: 60,
      cacheStaleSeconds: 259_200,
      cacheFile: "/var/cache/fdns/cache",
      control: { path: "/run/other/control", isNamed: true },
      admin: { host: "::1", port: 9153 },
      logFormat: "json",
      logLevel: "debug",
    });
  });

  test("time servers are host names, and of use only beside a pin", () => {
    const given = load({ "time-server": "a.test, A.test." });
    expect(given.config.timeServers).toEqual(["a.test"]);
    expect(given.warnings).toEqual([
      expect.stringContaining("--time-server has no effect while no upstream has a pin"),
    ]);
    for (const text of ["*.pool.ntp.org", "192.0.2.1", "a..b"]) {
      expect(() => load({ "time-server": text })).toThrow(/^--time-server: ".*" is not a host name; .* is allowed/);
    }
  });

  test("lists add up over repeated flags, commas and spaces, each item once", () => {
    expect(texts(load({ upstream: ["1.1.1.1, 9.9.9.9", "8.8.8.8 1.1.1.1"] }).config.upstreams)).toEqual([
      "1.1.1.1",
      "9.9.9.9",
      "8.8.8.8",
    ]);
  });

  test("an error names its source, the value and what is allowed", () => {
    expect(() => load({ listen: "53" })).toThrow(/^--listen: "53" .*:53/);
    expect(() => load({}, { FDNS_LISTEN: "53" })).toThrow(/^FDNS_LISTEN: "53" .*:53/);
    expect(() => load({}, { DNSSERVER: "dns.google/x" })).toThrow(/^DNSSERVER: "dns.google\/x"/);
    expect(() => load({ "query-timeout": "4" })).toThrow(/^--query-timeout: "4" .*100ms to 1m/);
    expect(() => load({ "query-timeout": "99ms" })).toThrow("100ms to 1m");
    expect(() => load({ "max-udp-size": "511" })).toThrow("512 to 4096");
    expect(() => load({ "max-udp-size": "1e3" })).toThrow("512 to 4096");
    expect(() => load({ "udp-engine": "fast" })).toThrow("auto, batched or portable");
    expect(load({ workers: "4" }).config.workers).toBe(4);
    expect(() => load({ workers: "0" })).toThrow(
      '--workers: "0" is not allowed; a whole number from 1 to 64 is, and auto',
    );
    expect(() => load({ upstream: " , " })).toThrow("one or more");
  });

  test("an unknown FDNS_ variable only warns, an empty one counts as not set", () => {
    const { config, warnings } = load(
      {},
      { FDNS_PORT: "tcp://10.0.0.1:53", FDNS_LISTN: ":53", FDNS_LISTEN: "", OTHER: "x" },
    );
    expect(warnings).toHaveLength(3);
    expect(warnings.join("\n")).toMatch(/FDNS_LISTN .*did you mean FDNS_LISTEN\?\nFDNS_PORT .*\nFDNS_LISTEN is empty/);
    expect(config.listen).toHaveLength(2);
  });
});

describe("the cache", () => {
  test.each([
    ["0", 0],
    ["0GiB", 0],
    ["1048576", 1_048_576],
    ["2048k", 2 * 1024 * 1024],
    ["32MiB", 32 * 1024 * 1024],
    ["4g", 4 * 1024 ** 3],
  ])("--cache-size %s", (text, octets) => expect(load({ "cache-size": text }).config.cacheOctets).toBe(octets));

  test.each(["1", "1023KiB", "5GiB", "32MB", "1.5G", "-1", "M", "32 MiB", ""])("not --cache-size %j", (text) =>
    expect(() => load({ "cache-size": text })).toThrow(/^--cache-size: ".*" is not allowed; 0, or 1MiB to 4GiB is/),
  );

  test("TTLs and the time of stale answers are whole seconds with a unit, up to days", () => {
    expect(load({ "cache-stale": "0" }).config.cacheStaleSeconds).toBe(0);
    expect(load({ "cache-stale": "36h" }).config.cacheStaleSeconds).toBe(129_600);
    expect(load({ "cache-max-ttl": "2000ms" }).config.cacheMaxTtlSeconds).toBe(2);
    for (const text of ["500ms", "8d", "30", "1w", ""]) {
      expect(() => load({ "cache-stale": text })).toThrow(/^--cache-stale: ".*" is not allowed; 0s to 7d is/);
    }
    expect(() => load({ "cache-min-ttl": "2h" })).toThrow("0s to 1h");
    expect(() => load({ "cache-max-ttl": "0" })).toThrow("1s to 7d");
  });

  test("a floor above the ceiling is a mistake", () => {
    expect(() => load({ "cache-min-ttl": "1m" }, { FDNS_CACHE_MAX_TTL: "30s" })).toThrow(
      "--cache-min-ttl 1m is above --cache-max-ttl 30s; at most that is allowed",
    );
    expect(() => load({ "cache-min-ttl": "1m", "cache-max-ttl": "60s" })).not.toThrow();
  });

  test("a file for a cache that is off is warned of", () => {
    const { config, warnings } = load({ "cache-file": "c", "cache-size": "0" });
    expect(config.cacheFile).toBe("c");
    expect(warnings).toEqual(["--cache-file has no effect while --cache-size is 0"]);
    expect(() => load({ "cache-file": "" })).toThrow('--cache-file: "" is not a path');
  });
});

describe("--control", () => {
  const of = (flags: Record<string, string>, environment: Environment = {}) => load(flags, environment).config.control;

  test("is in the folder systemd made, unless it is named", () => {
    expect(of({}, { RUNTIME_DIRECTORY: "/run/a" })).toEqual({ path: "/run/a/control", isNamed: false });
    expect(of({}, { RUNTIME_DIRECTORY: "/run/a:/run/b" })?.path).toBe("/run/a/control");
    expect(of({}, { RUNTIME_DIRECTORY: "" })?.path).toBe("/run/fdns/control");
    expect(of({ control: "c" }, { RUNTIME_DIRECTORY: "/run/a" })).toEqual({ path: "c", isNamed: true });
  });

  test("off", () => {
    expect(of({ control: "off" })).toBeUndefined();
    expect(of({}, { FDNS_CONTROL: "off" })).toBeUndefined();
  });

  test("is a path that fits in a socket's address, in octets", () => {
    expect(of({ control: "ä".repeat(53) })?.path).toHaveLength(53);
    for (const text of ["", "a\0b", "a".repeat(108), "ä".repeat(54)]) {
      expect(() => load({ control: text })).toThrow(
        /^--control: ".*" is not a path of a Unix socket; one of 1 to 107 octets/s,
      );
    }
  });
});

describe("names that have to be resolved", () => {
  test("need a bootstrap server, which must itself need none", () => {
    expect(() => load({ upstream: "dot.example.net" })).toThrow("--bootstrap");
    expect(() => load({ upstream: "dot.example.net", bootstrap: "b.example.net" })).toThrow(
      /^--bootstrap: "b.example.net"/,
    );
    const { config } = load({ upstream: "dot.example.net", bootstrap: "dns.google" });
    expect(config.bootstrap[0]?.addresses).toContain("8.8.8.8");
  });
});

describe("--upstream-allow", () => {
  test("permits by authenticated name or by every address", () => {
    expect(() => load({ upstream: "8.8.8.8", "upstream-allow": "dns.google" })).not.toThrow();
    expect(() => load({ upstream: "192.0.2.1#a.test", "upstream-allow": "A.test." })).not.toThrow();
    expect(() => load({ upstream: "192.0.2.1", "upstream-allow": "192.0.2.1,dns.google" })).not.toThrow();
    expect(() => load({ upstream: "::ffff:192.0.2.1", "upstream-allow": "192.0.2.1" })).not.toThrow();
    expect(() => load({ upstream: "2001:db8::1", "upstream-allow": "[2001:DB8::1]" })).not.toThrow();
  });

  test("refuses any other, however it is given, naming both", () => {
    const only = { "upstream-allow": "8.8.8.8" };
    expect(() => load({ ...only, upstream: "9.9.9.9" })).toThrow(/^--upstream: "9.9.9.9" .* 8\.8\.8\.8 is allowed/);
    expect(() => load(only, { FDNS_UPSTREAM: "9.9.9.9" })).toThrow(/^FDNS_UPSTREAM: "9.9.9.9"/);
    expect(() => load(only, { DNSSERVER: "9.9.9.9" })).toThrow(/^DNSSERVER: "9.9.9.9"/);
    expect(() => load(only)).toThrow(/^the default upstream: "cloudflare-dns.com"/);
    expect(() => load({ ...only, upstream: "dns.google" })).toThrow('"dns.google" is not in');
    expect(() => load({ ...only, upstream: "8.8.8.8", bootstrap: "1.1.1.1" })).toThrow(/^--bootstrap: "1.1.1.1"/);
    expect(() =>
      load({ upstream: "x.test#evil.test", bootstrap: "8.8.8.8", "upstream-allow": "x.test 8.8.8.8" }),
    ).toThrow("x.test#evil.test");
  });

  test("set to nothing it is an error, not a lifted restriction", () => {
    expect(() => load({}, { FDNS_UPSTREAM_ALLOW: " " })).toThrow("FDNS_UPSTREAM_ALLOW");
    expect(() => load({ "upstream-allow": "" })).toThrow("--upstream-allow");
    expect(() => load({ "upstream-allow": "8.8.8.8:853" })).toThrow("without port");
  });
});

test("verification turned off in the environment is refused", () => {
  expect(() => load({}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toThrow(UsageError);
  expect(() => load({}, { NODE_TLS_REJECT_UNAUTHORIZED: "1" })).not.toThrow();
});

test("no option is called port, and every default lies in its range", () => {
  const names: string[] = Object.values(serveOptions).map((option) => option.name);
  expect(names).not.toContain("port");
  for (const { value, min, max } of Object.values(defaults)) {
    expect(min <= value && value <= max).toBe(true);
  }
  expect(defaults.upstreamConnectMs.value).toBeLessThan(defaults.queryTimeoutMs.value);
});

test("garbage anywhere is a UsageError or a configuration", () => {
  const names = Object.values(serveOptions).map((option) => option.name);
  const given = fc.dictionary(fc.constantFrom(...names), fc.array(nearSyntax, { minLength: 1, maxLength: 3 }), {
    maxKeys: 2,
  });
  const variables = fc.dictionary(fc.constantFrom(...names.map(variableOf), "DNSSERVER", "FDNS_X"), nearSyntax, {
    maxKeys: 2,
  });
  fc.assert(
    fc.property(given, variables, (flags, environment) => {
      try {
        load(flags, environment);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
  );
});
