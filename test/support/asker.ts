/**
 * A stub in a network namespace: this file is both the program that runs inside and the way to talk to it, one JSON
 * object a line. A namespace belongs to a process, so asking from another one takes another process.
 */

import { askTcp, askUdp } from "./ask.ts";
import { linesOf } from "./lines.ts";
import type { Namespace } from "./namespace.ts";
import { bareEnvironment, bun } from "./toolchain.ts";

export type Transport = "udp" | "tcp";

interface Order {
  readonly transport: Transport;
  readonly host: string;
  readonly port: number;
  /** The query in hexadecimal. */
  readonly query: string;
  readonly giveUpMs: number;
}

type Outcome = { readonly answer: string } | { readonly error: string };

export interface Asker {
  /** Resolves to the answer; rejects if none comes in time, or if it comes from another address than was asked. */
  ask(transport: Transport, host: string, port: number, query: Uint8Array, giveUpMs?: number): Promise<Uint8Array>;
  stop(): Promise<void>;
}

/** Starts a stub inside. It answers one question after the other. */
export function startAsker(namespace: Namespace): Asker {
  const child = Bun.spawn([...namespace.within, bun, import.meta.path], {
    env: bareEnvironment(),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  let last: Promise<unknown> = Promise.resolve();
  const exchange = async (order: Order): Promise<Uint8Array> => {
    child.stdin.write(`${JSON.stringify(order)}\n`);
    child.stdin.flush();
    const outcome: Outcome = JSON.parse((await lines.next()).value ?? '{"error":"the asker ended"}');
    if ("error" in outcome) throw new Error(outcome.error);
    return Buffer.from(outcome.answer, "hex");
  };
  return {
    ask(transport, host, port, query, giveUpMs = 3000) {
      const order: Order = { transport, host, port, query: Buffer.from(query).toString("hex"), giveUpMs };
      const turn = last.then(() => exchange(order));
      last = turn.catch(() => {});
      return turn;
    },
    async stop() {
      child.stdin.end();
      await child.exited;
    },
  };
}

async function obey({ transport, host, port, query, giveUpMs }: Order): Promise<Uint8Array> {
  const octets = Buffer.from(query, "hex");
  if (transport === "udp") return askUdp(port, octets, host, giveUpMs);
  return (await askTcp(port, [octets], { host, giveUpMs }))[0]!;
}

if (import.meta.main) {
  for await (const line of linesOf(Bun.stdin.stream())) {
    const outcome: Outcome = await obey(JSON.parse(line)).then(
      (answer) => ({ answer: Buffer.from(answer).toString("hex") }),
      (error) => ({ error: String(error.message) }),
    );
    console.log(JSON.stringify(outcome));
  }
}
