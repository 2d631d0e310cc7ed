import { expect, test } from "bun:test";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { openRouteNews } from "../../src/runtime/host/route-news.ts";
import { EAGAIN, type Libc } from "../../src/runtime/libc.ts";
import { makeNamespace, makeWiredPair, type Namespace } from "../support/namespace.ts";

const ENOBUFS = 105;
const EPERM = 1;

/** `reads`: octets of the message that is there, or the errno, negative; then there is nothing. */
function fakeLibc({ reads = [], bind = 0, socket = 7 }: { reads?: number[]; bind?: number; socket?: number }) {
  let errno = EPERM;
  const closed: number[] = [];
  const libc = {
    socket: () => socket,
    bind: () => bind,
    read: () => {
      const next = reads.shift() ?? -EAGAIN;
      errno = -next;
      return next < 0 ? -1 : next;
    },
    errno: () => errno,
    close: (descriptor: number) => closed.push(descriptor),
  };
  return { libc: libc as unknown as Libc, closed, reads };
}

test("no news where the kernel has nothing to tell", () => {
  const { libc, closed } = fakeLibc({});
  const news = openRouteNews(libc)!;
  expect(news.came()).toBe(false);
  news.close();
  expect(closed).toEqual([7]);
});

test.each([
  ["a message", [64]],
  ["many", [64, 20, 64]],
  ["that some were lost", [-ENOBUFS]],
])("news: %s, once", (_, reads) => {
  const news = openRouteNews(fakeLibc({ reads }).libc)!;
  expect([news.came(), news.came()]).toEqual([true, false]);
});

test("a flood of messages is not read to its end at one look", () => {
  const { libc, reads } = fakeLibc({ reads: Array(250).fill(64) });
  const news = openRouteNews(libc)!;
  expect([news.came(), reads.length]).toEqual([true, 150]);
  expect([news.came(), news.came(), news.came()]).toEqual([true, true, false]);
});

test("where it may not be listened to there is none, and no descriptor stays open", () => {
  expect(openRouteNews(fakeLibc({ socket: -1 }).libc)).toBeUndefined();
  const { libc, closed } = fakeLibc({ bind: -1 });
  expect(openRouteNews(libc)).toBeUndefined();
  expect(closed).toEqual([7]);
});

/** Whether what the kernel told gives the same path as looking, before and after each change; and the paths. */
async function pathsThrough(host: Namespace, changes: readonly string[]): Promise<string[]> {
  const program = Bun.spawn([...host.within, process.execPath, `${import.meta.dir}/network-path-program.ts`], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const lines = createInterface({ input: Readable.fromWeb(program.stdout as never) })[Symbol.asyncIterator]();
  const paths: string[] = [];
  const look = async () => {
    program.stdin.write("\n");
    program.stdin.flush();
    const { told, looked } = JSON.parse((await lines.next()).value);
    expect(told).toBe(looked);
    paths.push(told);
  };
  try {
    await look();
    for (const change of changes) {
      await host.ip(change);
      await look();
    }
  } finally {
    program.kill();
    await program.exited;
  }
  return paths;
}

test("what the kernel tells of is every change that looking would find", async () => {
  const [one, other] = await makeWiredPair([["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.2/24"]]);
  const paths = await pathsThrough(one, [
    "addr add 192.0.2.3/24 dev wire",
    "addr add 2001:db8::3/64 dev wire nodad",
    "route add default via 192.0.2.2",
    "route replace default via 192.0.2.9",
    "-6 route add default via 2001:db8::2",
    "addr del 192.0.2.3/24 dev wire",
    "link set wire down",
  ]);
  expect(new Set(paths).size).toBe(8);
  await Promise.all([one.remove(), other.remove()]);
});

test("a link that goes down, without IPv6: its routes are gone, and no word of them", async () => {
  const host = await makeNamespace({ ipv6: false });
  await host.ip("link add wire type veth peer name other");
  for (const device of ["wire", "other"]) await host.ip(`link set ${device} up`);
  await host.ip("addr add 192.0.2.1/24 dev wire");
  await host.ip("route add default via 192.0.2.2");
  expect(new Set(await pathsThrough(host, ["link set wire down"])).size).toBe(2);
  await host.remove();
});
