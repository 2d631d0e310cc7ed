/** What to do about an address that could not be bound. */

import type { BindError } from "../runtime.ts";

/** The error in one line, with what an operator can do about it. */
export function bindAdvice(error: BindError): string {
  switch (error.reason) {
    case "in-use":
      return `${error.message}; see what holds it with: ss -lntup`;
    case "not-permitted":
      return `${error.message}; ${LOW_PORT_ADVICE}`;
    case "no-such-address":
      return `${error.message}; see which it has with: ip address`;
    default:
      return error.message;
  }
}

/** In the order of what is safe: a file capability on this executable would be everyone's (it can be run as an interpreter). */
const LOW_PORT_ADVICE =
  "ports below 1024 require a privilege: run it by systemd with AmbientCapabilities=CAP_NET_BIND_SERVICE, " +
  "or allow them to all with: sysctl net.ipv4.ip_unprivileged_port_start=53, " +
  "or last: setcap cap_net_bind_service=ep FILE, which hands the privilege to every local user, " +
  "since with BUN_BE_BUN=1 the file runs any program";
