/** fdns with a clock the test moves, before a scripted upstream within the test's own process. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBehaviours } from "../../src/testupstream/options.ts";
import { startTestUpstream, type TestUpstream } from "../../src/testupstream/start.ts";
import { askTcp, askUdp } from "./ask.ts";
import { type AskParts, stubQuery } from "./cache-scene.ts";
import { type FakedClocks, type FakedTime, fakeTime } from "./faked-time.ts";
import { type Form, type RunningFdns, startFdns } from "./fdns.ts";
import { type Reply, readReply } from "./reply.ts";

export interface CachedFdnsOptions {
  readonly form?: Form;
  readonly flags?: readonly string[];
  /** A master file; without one answers are made up from names. */
  readonly zone?: string;
  /** Behaviours and rules, as in a scenario file. */
  readonly behaviour?: Readonly<Record<string, unknown>>;
  readonly clocks?: FakedClocks;
}

export interface TimedReply extends Reply {
  readonly tookMs: number;
}

export class CachedFdns {
  readonly fdns: RunningFdns;
  readonly time: FakedTime;
  readonly upstream: TestUpstream;

  private constructor(fdns: RunningFdns, time: FakedTime, upstream: TestUpstream) {
    this.fdns = fdns;
    this.time = time;
    this.upstream = upstream;
  }

  /** Starts both, with files in the folder. */
  static async start(folder: string, options: CachedFdnsOptions = {}): Promise<CachedFdns> {
    const { form, flags = [], zone, behaviour = {}, clocks } = options;
    const upstream = await startTestUpstream({
      scenario: readBehaviours(JSON.stringify(behaviour), "of the test"),
      ...(zone === undefined ? {} : { zoneText: zone }),
    });
    const caFile = join(folder, `ca-${upstream.port}.pem`);
    writeFileSync(caFile, upstream.caPem);
    const time = fakeTime(folder, clocks);
    const always = [
      "--listen",
      "127.0.0.1:0",
      "--upstream",
      `127.0.0.1:${upstream.port}#dot.test`,
      "--ca-file",
      caFile,
    ];
    try {
      const fdns = await startFdns({ ...(form && { form }), flags: [...always, ...flags], env: time.env });
      return new CachedFdns(fdns, time, upstream);
    } catch (error) {
      await upstream.close();
      throw error;
    }
  }

  /** Queries the upstream has got; those that fdns asks on its own account among them. */
  get asked(): number {
    return this.upstream.counters.queries;
  }

  behave(behaviour: Readonly<Record<string, unknown>>): void {
    this.upstream.behave(readBehaviours(JSON.stringify(behaviour), "of the test"));
  }

  async ask(owner: string | readonly number[], parts: AskParts = {}): Promise<TimedReply> {
    const octets = stubQuery(owner, parts);
    const beganMs = performance.now();
    const { port } = this.fdns;
    const reply = parts.transport === "tcp" ? (await askTcp(port, [octets]))[0]! : await askUdp(port, octets);
    return { ...readReply(reply), tookMs: performance.now() - beganMs };
  }

  async stop(): Promise<void> {
    this.fdns.kill("SIGTERM");
    await this.fdns.exited;
    await this.upstream.close();
  }
}
