/**
 * What changes in the certificates of one upstream that passed authentication: a key not seen before, with the pin to
 * paste, and days that run out. Said once each, however many handshakes there are.
 */

import { X509Certificate } from "node:crypto";
import type { Log } from "../../observe/log.ts";
import type { Clock, PeerLeaf } from "../../runtime/runtime.ts";
import { pinOf } from "../examine/peer-facts.ts";

const DAY_MS = 86_400_000;

/** Days left below which a warning is due. */
const WARNING_DAYS = [14, 7, 3, 1];

/** Certificates remembered: the machines behind one address may have several, each with a key of its own, in turn. */
const MAX_KNOWN = 8;

interface Known {
  /** undefined for a kind of key that cannot be pinned. */
  readonly pin: string | undefined;
  readonly notAfterMs: number;
  /** The days of WARNING_DAYS that apply and were not warned of yet, the most first. */
  readonly warnings: number[];
}

export class CertificateWatch {
  readonly #upstream: string;
  readonly #clock: Clock;
  readonly #log: Log;
  /** By the certificate's octets; the one seen last is the last. */
  readonly #known = new Map<string, Known>();

  constructor(upstream: string, clock: Clock, log: Log) {
    this.#upstream = upstream;
    this.#clock = clock;
    this.#log = log;
  }

  /** The leaf of a handshake that passed, full or resumed. */
  saw(leaf: PeerLeaf): void {
    const octets = Buffer.from(leaf.raw).toString("latin1");
    let known = this.#known.get(octets);
    if (known === undefined) {
      known = { pin: pinOf(leaf), notAfterMs: leaf.notAfterMs, warnings: warningsFor(leaf) };
      this.#reportKey(known);
    }
    this.#remember(octets, known);
    this.#reportDays(known);
  }

  #remember(octets: string, known: Known): void {
    this.#known.delete(octets);
    this.#known.set(octets, known);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
  }

  /** A renewed certificate may keep its key; only a new one is news. */
  #reportKey({ pin, notAfterMs }: Known): void {
    if (pin === undefined || this.#known.size === 0) return;
    for (const known of this.#known.values()) if (known.pin === pin) return;
    this.#log.info(`upstream ${this.#upstream}: its certificate has another key than before; it is pin=${pin}`, {
      upstream: this.#upstream,
      pin,
      notAfter: new Date(notAfterMs).toISOString(),
    });
  }

  #reportDays({ notAfterMs, warnings }: Known): void {
    const daysLeft = (notAfterMs - this.#clock.wallMs()) / DAY_MS;
    if (warnings.length === 0 || daysLeft >= warnings[0]!) return;
    while (warnings.length > 0 && daysLeft < warnings[0]!) warnings.shift();
    const rounded = Math.max(0, Math.floor(daysLeft));
    const left = rounded === 0 ? "less than a day" : rounded === 1 ? "1 day" : `${rounded} days`;
    const notAfter = new Date(notAfterMs).toISOString();
    this.#log.warn(`upstream ${this.#upstream}: its certificate ends in ${left}, on ${notAfter}`, {
      upstream: this.#upstream,
      daysLeft: rounded,
      notAfter,
    });
  }
}

/** Only those below half of the certificate's life: those that live for a week are renewed every few days. */
function warningsFor({ raw, notAfterMs }: PeerLeaf): number[] {
  let beganMs: number;
  try {
    beganMs = Date.parse(new X509Certificate(raw).validFrom);
  } catch {
    return [...WARNING_DAYS];
  }
  return WARNING_DAYS.filter((days) => days * DAY_MS < (notAfterMs - beganMs) / 2);
}
