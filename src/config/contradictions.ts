/** Options that are right each by itself, and cannot hold together on any host. */

import { type Config, type ListenAddress, UsageError } from "./config.ts";
import { formatListenAddress } from "./syntax/listen-address.ts";

/** @throws UsageError for the first pair */
export function refuseContradictions({ listen, admin, workers, udpEngine }: Config): void {
  listen.forEach((address, i) => {
    const other = listen.slice(0, i).find((before) => overlaps(before, address));
    if (other === undefined) return;
    const [one, two] = [formatListenAddress(other), formatListenAddress(address)];
    throw new UsageError(`--listen: ${one} and ${two} overlap; give the one that holds both`);
  });
  const taken = admin && listen.find((address) => overlaps(address, admin));
  if (taken !== undefined) {
    const [page, dns] = [formatListenAddress(admin!), formatListenAddress(taken)];
    throw new UsageError(`--admin: ${page} is taken by --listen ${dns}; give it a port of its own`);
  }
  if (udpEngine === "portable" && typeof workers === "number" && workers > 1) {
    throw new UsageError(
      `--workers: ${workers} cannot share a port with --udp-engine portable; give --workers 1, or another engine`,
    );
  }
}

/** Whether a TCP socket on one leaves no room for the other. Port 0 is another port each time. */
function overlaps(one: Pick<ListenAddress, "host" | "port">, two: Pick<ListenAddress, "host" | "port">): boolean {
  if (one.port !== two.port || one.port === 0) return false;
  return holds(one.host, two.host) || holds(two.host, one.host);
}

function holds(host: string, other: string): boolean {
  if (host === "*" || host === other) return true;
  return host === (other.includes(":") ? "::" : "0.0.0.0") && other !== "*";
}
