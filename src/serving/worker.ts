/** A further worker: the module its thread runs. It serves as the main thread does, and leaves to it what is the process'. */

import { FollowedCacheTime } from "../cache/cache-time.ts";
import { uncaughtReporter } from "../observe/uncaught.ts";
import { onUncaught } from "../runtime/process.ts";
import { threadRuntime } from "../runtime/select.ts";
import { thisThread } from "../runtime/threads.ts";
import { SharedFigures } from "./figures.ts";
import type { Boot, FromWorker, ToWorker } from "./messages.ts";
import { SentLog } from "./sent-log.ts";
import { makeServing, type Serving } from "./serving.ts";

let serving: Serving | undefined;
let wakeAll = () => {};

const thread = await thisThread((message) => obey(message as ToWorker));
const post = (message: FromWorker) => thread.post(message);

await serve(thread.boot as Boot);

async function serve(boot: Boot): Promise<void> {
  const { worker, workers, config, sockets } = boot;
  const figures = new SharedFigures(boot.figures, workers, config.upstreams.length);
  const sentLog = new SentLog(post, figures.workers[worker]!);
  const { log } = sentLog;
  const { runtime, ...relayed } = await threadRuntime(thread.clock, boot.places);
  wakeAll = relayed.wakeAll;
  const { engine } = await runtime.udpEngine("batched");
  const made = makeServing(config, {
    runtime,
    log,
    engine,
    roots: boot.roots,
    memory: boot.memory,
    cacheTime: new FollowedCacheTime(runtime.clock, boot.shift),
    share: { worker, workers, figures },
  });
  await made.listeners.join(sockets);
  made.warm();
  serving = made;
  // From here on as on the main thread: what nobody expected is told, and the worker goes on.
  onUncaught(uncaughtReporter(log));
  // Shows that it lives, and what its upstreams are like.
  const beat = () => {
    sentLog.tellLost();
    const own = figures.workers[worker]!;
    own.beats[0]!++;
    for (const [i, server] of made.upstreams.members.entries()) own.gauges[i]!.write(server.gauges());
  };
  beat();
  runtime.clock.eachSecond(beat);
  await runtime.boundGarbage();
  post("serving");
}

function obey(message: ToWorker): void {
  if (message === "wake") wakeAll();
  else if (message === "renew") serving?.renew();
  else if (message === "forget") serving?.resolver.forgetFailures();
  else void stop();
}

async function stop(): Promise<void> {
  await serving?.stop();
  post("stopped");
}
