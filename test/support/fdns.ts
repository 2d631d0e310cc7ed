/** fdns as a process of its own, in each form in which it is used. */

import { linesOf } from "./lines.ts";
import { projectRoot } from "./sources.ts";
import { bareEnvironment, bun, deno, denoPermissions, executable } from "./toolchain.ts";

/** The executable, and the sources on each runtime. */
export const forms = {
  executable: [executable],
  bun: [bun, `${projectRoot}src/main.ts`],
  deno: [deno, "run", "--quiet", ...denoPermissions, `${projectRoot}src/main.ts`],
} as const;

export type Form = keyof typeof forms;

export const engines = ["batched", "portable"] as const;

/** Every form with every UDP engine. */
export const formsAndEngines = (Object.keys(forms) as Form[]).flatMap((form) =>
  engines.map((engine) => [form, engine] as const),
);

export type LogLine = Readonly<Record<string, unknown>> & { readonly level: string; readonly message: string };

export interface RunningFdns {
  readonly pid: number;
  /** The port of its first listener. */
  readonly port: number;
  /** What it logged so far. */
  readonly log: LogLine[];
  /** Resolves to the first line, past or future, whose message has the text in it; rejects after ten seconds. */
  logged(text: string | RegExp): Promise<LogLine>;
  /** Sends SIGTERM and resolves to the exit code. */
  stop(): Promise<number>;
  /** For what stop() does not do. */
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
}

export interface FdnsOptions {
  readonly form?: Form;
  /** Run instead of a form: an executable made for another machine, in its emulator. */
  readonly command?: readonly string[];
  readonly flags: readonly string[];
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** Put before the command: ["ip", "netns", "exec", NAME]. */
  readonly within?: readonly string[];
}

/**
 * Starts `fdns serve` and waits until it listens. Rejects with what it logged if it ends before. Told to listen on port
 * 0 it takes one that is free for UDP, which now and then is not for TCP (an old connection's): then it is started again.
 */
export async function startFdns(options: FdnsOptions): Promise<RunningFdns> {
  const choosesPort = options.flags.some((flag) => /:0$/.test(flag));
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (!choosesPort || attempt === 5 || !String(error).includes("is in use")) throw error;
    }
  }
}

/** With its port: a wildcard that is in use is said to be listened on address by address before that. */
const LISTENING = /listening on (?:\[\S*\]|[^\s:]*):(\d+)/;

async function startOnce(options: FdnsOptions): Promise<RunningFdns> {
  const fdns = options.command ?? forms[options.form ?? "executable"];
  const command = [...(options.within ?? []), ...fdns, ...options.flags];
  const child = Bun.spawn(command, {
    cwd: options.cwd ?? projectRoot,
    // One fdns of a host can have the socket; whoever tests that says where.
    env: { ...bareEnvironment(), FDNS_LOG_FORMAT: "json", FDNS_CONTROL: "off", ...options.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  const reading = (async () => {
    for await (const line of linesOf(child.stderr)) {
      log.push(line.startsWith("{") ? JSON.parse(line) : { level: "raw", message: line });
      for (const look of waiting) look();
    }
  })();
  const logged = (text: string | RegExp): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        waiting.delete(look);
        clearTimeout(giveUp);
        how();
      };
      const look = () => {
        const found = log.find(({ message }) =>
          typeof text === "string" ? message.includes(text) : text.test(message),
        );
        if (found !== undefined) settle(() => resolve(found));
        else if (ended) settle(() => reject(new Error(`fdns ended: ${JSON.stringify(log)}`)));
      };
      const giveUp = setTimeout(
        () => settle(() => reject(new Error(`no line with ${text} in ${JSON.stringify(log)}`))),
        10_000,
      );
      waiting.add(look);
      look();
    });
  void Promise.all([child.exited, reading]).then(() => {
    ended = true;
    for (const look of waiting) look();
  });
  try {
    const { message } = await logged(LISTENING);
    const port = Number(LISTENING.exec(message)![1]);
    return {
      pid: child.pid,
      port,
      log,
      logged,
      exited: child.exited,
      kill: (signal) => child.kill(signal),
      async stop() {
        child.kill("SIGTERM");
        const code = await child.exited;
        await reading;
        return code;
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited;
    throw error;
  }
}
