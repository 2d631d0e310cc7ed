/** One connection of the scripted upstream: reads queries, answers them as the scenario says. */

import type { Clock, StreamHandler } from "../runtime/runtime.ts";
import type { SecureStream } from "../runtime/tls/listen.ts";
import type { Agenda } from "./agenda.ts";
import type { Behaviour } from "./behaviour.ts";
import type { TestUpstreamCounters } from "./counters.ts";
import { FrameReader } from "./dns/frames.ts";
import { nameKey } from "./dns/names.ts";
import { Query } from "./dns/query.ts";
import type { Responder } from "./dns/response.ts";
import { Outbox } from "./outbox.ts";
import type { SeededRandom } from "./random.ts";
import { behaviourOfConnection, behaviourOfQuery, type Scenario } from "./scenario.ts";

/** A client that does not read its answers is not read from either, above so many octets. */
const MAX_UNSENT_OCTETS = 4 * 1024 * 1024;

/** What the connections of one upstream have in common. */
export interface Stage {
  /** May be replaced while it serves: for queries at once, for what holds for a whole connection from the next one on. */
  scenario: Scenario;
  readonly counters: TestUpstreamCounters;
  readonly responder: Responder;
  readonly random: SeededRandom;
  readonly agenda: Agenda;
  readonly clock: Clock;
  /** The last query's message. */
  lastQuery: Uint8Array | undefined;
}

interface HeldAnswer {
  readonly frame: Uint8Array;
  readonly id: number;
  readonly behaviour: Behaviour;
}

export class Connection implements StreamHandler {
  readonly #stage: Stage;
  readonly #stream: SecureStream;
  /** Counted from 1. */
  readonly #number: number;
  /** What held when it began. */
  readonly #scenario: Scenario;
  readonly #behaviour: Behaviour;
  readonly #outbox: Outbox;
  readonly #onGone: () => void;
  readonly #frames = new FrameReader();
  readonly #query = new Query();
  /** How many queries with this ID wait for their answer. */
  readonly #waiting = new Uint16Array(0x10000);
  #inFlight = 0;
  #queries = 0;
  /** Answers composed, and of those the ones sent. */
  #composed = 0;
  #sent = 0;
  #shuffled: HeldAnswer[] = [];
  #ended = false;
  #closed = false;
  #lastOctetsAtMs: number;

  constructor(stream: SecureStream, number: number, stage: Stage, onGone: () => void) {
    this.#onGone = onGone;
    this.#stream = stream;
    this.#number = number;
    this.#stage = stage;
    this.#scenario = stage.scenario;
    this.#behaviour = behaviourOfConnection(stage.scenario, number);
    this.#outbox = new Outbox(stream, stage.random, stage.clock);
    this.#lastOctetsAtMs = stage.clock.nowMs();
    const { closeIdleMs, resetIdleMs, closeAgeMs } = this.#behaviour;
    if (closeIdleMs > 0) this.#watchIdle(closeIdleMs, "fin");
    if (resetIdleMs > 0) this.#watchIdle(resetIdleMs, "rst");
    if (closeAgeMs > 0) stage.agenda.after(closeAgeMs, () => this.close());
  }

  /** Sends FIN once what was answered has left; nothing is answered any more. */
  close(): void {
    if (!this.#closed) this.#outbox.close("fin");
  }

  onOctets(octets: Uint8Array): void {
    this.#stage.counters.applicationOctets += octets.length;
    this.#lastOctetsAtMs = this.#stage.clock.nowMs();
    this.#frames.push(octets, this.#onMessage);
    if (this.#stream.unsentOctets > MAX_UNSENT_OCTETS) this.#stream.pause();
  }

  onEnd(): void {
    this.#ended = true;
    this.#closeIfAnswered();
  }

  onDrain(): void {
    this.#stream.resume();
    this.#outbox.onDrain();
  }

  onClose(): void {
    this.#closed = true;
    this.#onGone();
    this.#shuffled = [];
  }

  readonly #onMessage = (octets: Uint8Array, start: number, length: number): void => {
    const { counters, responder, scenario } = this.#stage;
    const query = this.#query;
    if (!query.read(octets, start, length)) {
      counters.malformedFrames++;
      return;
    }
    this.#count(query);
    const behaviour =
      scenario.rules.length === 0 && scenario === this.#scenario
        ? this.#behaviour
        : behaviourOfQuery(
            scenario,
            this.#number,
            counters.queries,
            nameKey(octets, query.qnameStart, query.qnameEnd),
            query.qtype,
          );
    if (this.#composed >= behaviour.silentAfter || behaviour.faults.includes("silent")) return;
    this.#composed++;
    this.#wait(responder.compose(query, behaviour), query.id, behaviour);
  };

  #count(query: Query): void {
    const { counters } = this.#stage;
    counters.queries++;
    this.#queries++;
    this.#inFlight++;
    if (this.#waiting[query.id]!++ > 0) counters.idReuses++;
    if (query.length % 128 !== 0) counters.unpaddedQueries++;
    if (this.#inFlight > counters.maxInFlight) counters.maxInFlight = this.#inFlight;
    if (this.#queries > counters.maxQueriesPerConnection) counters.maxQueriesPerConnection = this.#queries;
    this.#stage.lastQuery = query.octets.slice(query.start, query.start + query.length);
  }

  /** Sends now, or after the delay; `frame` is copied if it has to be kept. */
  #wait(frame: Uint8Array, id: number, behaviour: Behaviour): void {
    const { min, max } = behaviour.delayMs;
    const delayMs = max === 0 ? 0 : this.#stage.random.between(min, max);
    if (delayMs === 0) {
      this.#shuffle(frame, id, behaviour);
      return;
    }
    const kept = frame.slice();
    this.#stage.agenda.after(delayMs, () => this.#shuffle(kept, id, behaviour));
  }

  #shuffle(frame: Uint8Array, id: number, behaviour: Behaviour): void {
    if (this.#closed) return;
    const { shuffle, shuffleWindowMs } = this.#behaviour;
    if (shuffle === 0) {
      this.#send(frame, id, behaviour);
      return;
    }
    this.#shuffled.push({ frame: frame.slice(), id, behaviour });
    if (this.#shuffled.length >= shuffle) this.#release();
    else if (this.#shuffled.length === 1) this.#stage.agenda.after(shuffleWindowMs, () => this.#release());
  }

  #release(): void {
    const released = this.#shuffled;
    this.#shuffled = [];
    this.#stage.random.shuffle(released);
    for (const { frame, id, behaviour } of released) this.#send(frame, id, behaviour);
  }

  #send(frame: Uint8Array, id: number, behaviour: Behaviour): void {
    const { faults, split } = behaviour;
    const { closeAfter, resetAfter } = this.#behaviour;
    this.#stage.counters.responses++;
    this.#waiting[id]!--;
    this.#inFlight--;
    this.#sent++;
    if (faults.length === 0) {
      this.#outbox.send(frame, split, behaviour);
    } else if (faults.includes("fin")) {
      this.#outbox.close("fin");
    } else if (faults.includes("rst")) {
      this.#outbox.reset();
    } else if (faults.includes("cut-fin") || faults.includes("cut-rst")) {
      this.#outbox.send(frame.subarray(0, frame.length >> 1), split);
      this.#outbox.close(faults.includes("cut-fin") ? "fin" : "rst");
    } else {
      for (const octets of this.#stage.responder.surround(frame, behaviour)) this.#outbox.send(octets, split);
    }
    if (this.#sent >= resetAfter) this.#outbox.close("rst");
    if (this.#sent >= closeAfter) this.#outbox.close("fin");
    this.#closeIfAnswered();
  }

  /** A client that will ask nothing more still gets what it asked for (RFC 7766, 6.2.3); then the connection ends. */
  #closeIfAnswered(): void {
    if (this.#ended && this.#sent === this.#composed) this.#outbox.close("fin");
  }

  #watchIdle(idleMs: number, how: "fin" | "rst"): void {
    const leftMs = this.#lastOctetsAtMs + idleMs - this.#stage.clock.nowMs();
    this.#stage.agenda.after(Math.max(1, leftMs), () => {
      if (this.#closed) return;
      if (this.#stage.clock.nowMs() - this.#lastOctetsAtMs >= idleMs) this.#outbox.close(how);
      else this.#watchIdle(idleMs, how);
    });
  }
}
