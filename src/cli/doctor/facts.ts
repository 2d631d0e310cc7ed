/** What `fdns doctor` finds out, before anybody judges it. */

import type { ShownExtendedError } from "../../presentation/message.ts";
import type { TlsOutcome } from "../../runtime/runtime.ts";
import type { RejectedForm } from "../../upstream/examine/ask-accepted.ts";
import type { UpstreamErrorCode } from "../../upstream/exchange.ts";

export interface DoctorFacts {
  readonly host: HostFacts;
  readonly upstreams: readonly UpstreamFacts[];
}

export interface HostFacts {
  /** Milliseconds since 1970, as the host believes. */
  readonly wallMs: number;
  /** When this fdns was built; undefined for one that runs from source. */
  readonly builtMs: number | undefined;
  readonly ipv4: Reach;
  readonly ipv6: Reach;
}

/** The widest-reaching address of a family that the host has; "local": none that works on the Internet by itself. */
export type Reach = "global" | "local" | "none";

export interface UpstreamFacts {
  /** As the operator wrote it. */
  readonly text: string;
  /** Why its addresses are not known. */
  readonly failure: Failure | undefined;
  readonly addresses: readonly AddressFacts[];
}

/** One address of an upstream: why it cannot be used, or what it showed. */
export interface AddressFacts {
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly failure: Failure | undefined;
  readonly seen: Seen | undefined;
}

export interface Failure {
  readonly code: UpstreamErrorCode;
  /** In the words of the log. */
  readonly message: string;
  /** How far it came: no connection, no handshake, no answer. */
  readonly stage: "connect" | "handshake" | "answer";
  /** The code of the TLS library or of the system, where there is one. */
  readonly cause: string | undefined;
}

export interface Seen {
  readonly connectMs: number;
  readonly handshakeMs: number;
  readonly answerMs: number;
  readonly certificate: CertificateFacts;
  readonly tls: TlsOutcome;
  /** A ClientHello with a post-quantum key share led nowhere, and one without did. */
  readonly onlySmallHello: boolean;
  /** A second connection with the ticket of the first; a Failure if there was none. */
  readonly again: Again | Failure;
  /** Whether a ticket was given; undefined where the runtime does not show them. */
  readonly ticket: boolean | undefined;
  /** What it rejected, and was examined without; undefined if it took the question as fdns asks it. */
  readonly rejected: RejectedForm | undefined;
  readonly rcode: number;
  readonly rcodeText: string;
  /** Of the root's keys, asked for with DO. */
  readonly signatures: boolean;
  readonly authenticData: boolean;
  readonly extendedErrors: readonly ShownExtendedError[];
  readonly keepaliveMs: number | undefined;
  readonly padded: boolean;
  readonly order: OrderFacts;
  /** With --deep only. */
  readonly idle: IdleFacts | undefined;
}

export interface CertificateFacts {
  /** The name or address it had to carry, and the entry of the SAN that does. */
  readonly name: string;
  readonly san: string | undefined;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** "sha256/BASE64"; undefined for a key that cannot be pinned. */
  readonly pin: string | undefined;
  readonly pinAskedFor: boolean;
}

export interface Again {
  readonly connectMs: number;
  readonly handshakeMs: number;
  /** undefined where the runtime does not say. */
  readonly resumed: boolean | undefined;
}

/** Whether a quick answer overtakes a slow one on the same connection. */
export interface OrderFacts {
  readonly outOfOrder: "yes" | "no" | "unknown";
  /** Why it could not be told, in words. */
  readonly reason: string | undefined;
}

export interface IdleFacts {
  /** How long it was idle when it ended, or until fdns looked no longer. */
  readonly keptMs: number;
  readonly closedByServer: boolean;
}

const DAY_MS = 86_400_000;

/** Whole days until it ends; negative when it has. */
export function daysLeft({ notAfterMs }: Pick<CertificateFacts, "notAfterMs">, wallMs: number): number {
  return Math.floor((notAfterMs - wallMs) / DAY_MS);
}

export function isFailure(fact: Again | Failure): fact is Failure {
  return "message" in fact;
}
