import { describe, expect, test } from "bun:test";
import { UsageError } from "../../src/config/config.ts";
import { parseAdminAddress } from "../../src/config/syntax/admin-address.ts";

describe("--admin", () => {
  test.each([
    ["127.0.0.1:9153", "127.0.0.1", 9153],
    ["127.8.9.1:0", "127.8.9.1", 0],
    ["[::1]:65535", "::1", 65_535],
    ["[0:0::1]:1", "::1", 1],
  ])("%s", (text, host, port) => expect(parseAdminAddress(text)).toEqual({ host, port }));

  test.each([
    ["", "127.0.0.1:9153 or [::1]:9153"],
    [":9153", "127.0.0.1:9153 or [::1]:9153"],
    ["9153", "127.0.0.1:9153 or [::1]:9153"],
    ["localhost:9153", "127.0.0.1:9153 or [::1]:9153"],
    ["127.0.0.1", "127.0.0.1:9153 or [::1]:9153"],
    ["127.1:9153", "127.0.0.1:9153 or [::1]:9153"],
    ["::1:9153", "127.0.0.1:9153 or [::1]:9153"],
    ["[127.0.0.1]:9153", "127.0.0.1:9153 or [::1]:9153"],
    ["http://127.0.0.1:9153", "127.0.0.1:9153 or [::1]:9153"],
    ["0.0.0.0:9153", "not on loopback"],
    ["192.168.1.1:9153", "not on loopback"],
    ["[::]:9153", "not on loopback"],
    ["[::ffff:127.0.0.1]:9153", "not on loopback"],
    ["127.0.0.1:", "0 to 65535"],
    ["127.0.0.1:65536", "0 to 65535"],
    ["127.0.0.1:9153x", "0 to 65535"],
  ])('"%s" is an error that names it and what is allowed', (text, allowed) => {
    expect(() => parseAdminAddress(text)).toThrow(UsageError);
    expect(() => parseAdminAddress(text)).toThrow(allowed);
    expect(() => parseAdminAddress(text)).toThrow(`"${text}"`);
  });
});
