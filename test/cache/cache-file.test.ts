import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { CacheFile } from "../../src/cache/file/cache-file.ts";
import { KEY_CD, KEY_DENIAL, KEY_DO } from "../../src/cache/store/store.ts";
import { files } from "../../src/runtime/files/files.ts";
import type { Files } from "../../src/runtime/kept-files.ts";
import type { Clock } from "../../src/runtime/runtime.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { CacheHost, MIB } from "../support/cache-host.ts";
import { FakeFiles } from "../support/fake-files.ts";
import { FakeLog } from "../support/fake-log.ts";
import { opt, option, question, response } from "../support/fake-messages.ts";
import { soa, timed } from "../support/timed-records.ts";
import { temporaryFolder } from "../support/toolchain.ts";

const PATH = "cache";
const EVERY_MS = 300_000;

/** One run of fdns with a cache file. */
class Run extends CacheHost {
  readonly log = new FakeLog();
  readonly file: CacheFile;
  /** How far the wall clock of this run is from that of the others. */
  wallAheadMs = 0;

  constructor(on: Files, path = PATH, octets = MIB, seed = 1) {
    super(octets, seed);
    const clock: Clock = {
      nowMs: () => this.clock.nowMs(),
      wallMs: () => this.clock.wallMs() + this.wallAheadMs,
      after: (ms, callback) => this.clock.after(ms, callback),
      eachSecond: (callback) => this.clock.eachSecond(callback),
      endOfTask: queueMicrotask,
      endOfTurn: (callback) => void setImmediate(callback),
    };
    this.file = new CacheFile({
      path,
      everyMs: EVERY_MS,
      files: on,
      clock,
      log: this.log,
      store: this.store,
      time: this.time,
      staleSeconds: 86_400,
      get limits() {
        return run.limits;
      },
    });
    const run = this;
  }
}

class SavedFiles extends FakeFiles {
  /** How long the run that wrote the file had lived. */
  livedMs = 0;
}

/** A file written by a run that held what `fill` put there. */
async function saved(fill: (run: Run) => void): Promise<SavedFiles> {
  const fake = new SavedFiles();
  const run = new Run(fake);
  const startedMs = run.clock.nowMs();
  fill(run);
  await run.file.stop();
  expect(run.log.told).toEqual([]);
  fake.livedMs = run.clock.nowMs() - startedMs;
  return fake;
}

/** A later run, so many milliseconds after the one that wrote the file, by the wall clock. */
async function restored(on: FakeFiles, laterMs = 0, seed = 2): Promise<Run> {
  const run = new Run(on, PATH, MIB, seed);
  run.wallAheadMs = laterMs + (on instanceof SavedFiles ? on.livedMs : 0);
  await run.file.start();
  return run;
}

describe("a warm restart", () => {
  test("leaves out what a strict client could not parse, kept by a version that did not look", async () => {
    const fake = await saved((run) => {
      run.keepAddress("good.test", 300);
      const questions = [question("bad.test")];
      const octets = response({ questions, answers: [timed("bad.test", 65_280, 300, [1, 2, 3])] });
      const layout = new ResponseLayout();
      expect(layout.scan(octets, 0, octets.length)).toBe(true);
      // An A record of three octets.
      octets.set([0, 1], layout.ttlAt[0]! - 4);
      const hash = run.store.hash(octets, 12, layout.questionOctets);
      expect(run.store.put(0, hash, octets, 0, layout, 300, run.time.nowDs, run.clock.nowMs())).toBe(true);
    });
    const run = await restored(fake);
    expect(run.look("good.test")).toBeDefined();
    expect(run.look("bad.test")).toBeUndefined();
  });

  test("gives back every answer, with its flags, its options and its age", async () => {
    const ede = option(15, [0, 18, 0x62]);
    const fake = await saved((run) => {
      run.keepAddress("old.test", 300);
      run.clock.advance(100_000);
      run.keepAddress("Young.test", 300, 2, KEY_DO | KEY_CD);
      run.keep(
        response({
          questions: [question("ede.test")],
          answers: [timed("ede.test", 1, 60, [1, 2, 3, 4])],
          additional: [timed("ns.test", 1, 60, [5, 6, 7, 8]), opt({ options: [...option(12, [0, 0]), ...ede] })],
        }),
      );
      run.keep(response({ flags: 0x81a3, questions: [question("no.test", 0)], authority: [soa()] }), KEY_DENIAL);
    });
    const run = await restored(fake, 50_000);
    expect(run.log.told).toEqual(["info 4 answers restored from the cache file cache"]);
    expect(run.look("old.test")).toMatchObject({ ageSeconds: 150, lifetimeSeconds: 300 });
    expect(run.look("young.test", 1, KEY_DO | KEY_CD)).toMatchObject({ ageSeconds: 50, lifetimeSeconds: 300 });
    expect(run.look("young.test")).toBeUndefined();
    expect(run.look("no.test", 0, KEY_DENIAL)).toMatchObject({ ageSeconds: 50, lifetimeSeconds: 900 });
    const withEde = run.look("ede.test")!.message;
    expect([...withEde.slice(-ede.length)]).toEqual(ede);
    expect([...withEde.slice(6, 12)]).toEqual([0, 1, 0, 0, 0, 2]);
    expect(run.store.counters.entries).toBe(4);
  });

  test("leaves out what is past any use, and keeps what may be served stale", async () => {
    const fake = await saved((run) => {
      run.keepAddress("short.test", 60);
      run.keepAddress("long.test", 3600);
    });
    const late = await restored(fake, 86_400_000 + 59_000);
    expect([late.look("short.test")?.ageSeconds, late.look("long.test")?.ageSeconds]).toEqual([86_459, 86_459]);
    const later = await restored(fake, 86_400_000 + 60_000);
    expect([later.look("short.test"), later.look("long.test")?.ageSeconds]).toEqual([undefined, 86_460]);
    expect(later.log.fields[0]).toMatchObject({ answers: 1, leftOut: 1 });
    const muchLater = await restored(fake, 40 * 365 * 86_400_000);
    expect(muchLater.store.counters.entries).toBe(0);
  });

  test("with a wall clock that went back makes nothing younger", async () => {
    const fake = await saved((run) => {
      run.keepAddress("a.test", 300);
      run.clock.advance(100_000);
    });
    for (const laterMs of [-1, -3_600_000, -50 * 365 * 86_400_000]) {
      expect((await restored(fake, laterMs)).look("a.test")?.ageSeconds).toBe(100);
    }
  });

  test("does not put an old answer in the place of one that came meanwhile", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 300, 1));
    const run = new Run(fake, PATH, MIB, 2);
    run.wallAheadMs = 5000;
    fake.onRead = () => run.keepAddress("a.test", 300, 2);
    await run.file.start();
    expect(run.look("a.test")).toMatchObject({ ageSeconds: 0 });
    expect(run.look("a.test")?.message.at(-1)).toBe(2);
  });

  test("brings nothing back that has ended since: by whatever query, or while the file is read", async () => {
    const fake = await saved((run) => {
      run.keepAddress("a.test", 300, 1);
      run.keepAddress("a.test", 300, 1, KEY_DO);
      run.keepAddress("b.test", 300, 2);
      run.clock.advance(100);
      run.end("a.test", KEY_CD);
    });
    const later = await restored(fake);
    for (const flags of [0, KEY_DO, KEY_CD]) expect(later.look("a.test", 1, flags)).toBeUndefined();
    expect(later.look("b.test")?.message.at(-1)).toBe(2);
    const run = new Run(fake, PATH, MIB, 2);
    run.wallAheadMs = 5000;
    fake.onRead = () => run.end("b.test", KEY_CD);
    await run.file.start();
    expect(run.look("b.test")).toBeUndefined();
  });

  test("holds to limits that are narrower now", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 3600));
    const run = new Run(fake);
    run.limits = { ...run.limits, maxSeconds: 60 };
    await run.file.start();
    const answer = run.look("a.test")!;
    expect(answer.lifetimeSeconds).toBe(60);
    expect([...answer.message.slice(-10, -6)]).toEqual([0, 0, 0, 60]);
  });

  test("keeps the order: what came first goes first", async () => {
    const fake = await saved((run) => {
      for (let i = 0; i < 100; i++) run.keepAddress(`n${i}.test`, 300);
    });
    const run = await restored(fake);
    const walk = run.store.walk();
    const order: string[] = [];
    while (walk.next()) {
      const at = walk.entry.messageStart + 13;
      order.push(Buffer.from(run.store.octets.slice(at, at + run.store.octets[at - 1]!)).toString());
    }
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => `n${i}`));
  });

  test("reads thousands of answers, however the host cuts its reads", async () => {
    const fake = await saved((run) => {
      for (let i = 0; i < 3000; i++) run.keepAddress(`n${i}.test`, 300, i & 255);
      const strings = Array.from({ length: 200 }, () => [255, ...new Array(255).fill(0x61)]).flat();
      run.keep(response({ questions: [question("large.test", 16)], answers: [timed("large.test", 16, 300, strings)] }));
    });
    for (const readOctets of [Number.POSITIVE_INFINITY, 65_535, 4999]) {
      fake.readOctets = readOctets;
      const run = await restored(fake);
      expect(run.store.counters.entries).toBe(3001);
      for (let i = 0; i < 3000; i++) expect(run.look(`n${i}.test`)?.message.at(-1)).toBe(i & 255);
      expect(run.look("large.test", 16)?.message.length).toBeGreaterThan(51_200);
    }
  });
});

describe("a file that cannot be used is ignored with one line", () => {
  const cases: readonly (readonly [what: string, change: (octets: Buffer) => Uint8Array, told: string])[] = [
    ["empty", () => new Uint8Array(0), "it is empty"],
    ["cut within its mark", (octets) => octets.subarray(0, 5), "it is damaged"],
    ["cut right behind its mark", (octets) => octets.subarray(0, 8), "it is damaged"],
    ["the header alone", (octets) => octets.subarray(0, 20), "it is damaged"],
    ["cut in the checksum", (octets) => octets.subarray(0, -1), "it is damaged"],
    [
      "cut between two answers",
      (octets) => Buffer.concat([octets.subarray(0, 20), octets.subarray(-4)]),
      "it is damaged",
    ],
    ["longer", (octets) => Buffer.concat([octets, Buffer.from([0])]), "it is damaged"],
    ["of a newer format", (octets) => octets.fill(2, 11, 12), "it has the format 2, and this fdns reads 1"],
    ["of no time", (octets) => octets.fill(0xff, 12, 20), "it does not say when it was written"],
  ];
  test.each(cases)("%s", async (_what, change, told) => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    fake.all.set(PATH, change(Buffer.from(fake.all.get(PATH)!)));
    const run = await restored(fake);
    expect(run.log.told).toEqual([`warn cache file cache is ignored: ${told}`]);
    expect(run.store.counters.entries).toBe(0);
    // And is a good one again from the next writing on.
    run.keepAddress("b.test", 300);
    await run.file.stop();
    expect((await restored(fake)).look("b.test")).toBeDefined();
  });

  test.each([
    ["of zeros", (octets: Buffer) => octets.fill(0)],
    ["somebody else's", () => Buffer.from("root:x:0:0:root:/root:/bin/sh\n".repeat(20))],
    ["somebody else's, short", () => Buffer.from("x")],
  ])("%s: it is left as it is, too", async (_what, change) => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    fake.all.set(PATH, change(Buffer.from(fake.all.get(PATH)!)));
    const before = Buffer.from(fake.all.get(PATH)!);
    const run = await restored(fake);
    expect(run.log.told).toEqual([
      "warn cache file cache is ignored: it is no cache file of fdns",
      "warn cache file cache cannot be written: it is no cache file of fdns; the cache is kept in memory alone",
    ]);
    run.keepAddress("b.test", 300);
    await run.file.stop();
    expect(Buffer.from(fake.all.get(PATH)!)).toEqual(before);
    expect(fake.commits).toBe(1);
  });

  test("with any octet changed, or any number cut off: nothing of it is believed", async () => {
    const fake = await saved((run) => {
      for (const name of ["a.test", "b.test", "c.test"]) run.keepAddress(name, 300);
    });
    const whole = fake.all.get(PATH)!;
    const changes = fc.record({ at: fc.nat(whole.length - 1), by: fc.integer({ min: 1, max: 255 }), cut: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(changes, async ({ at, by, cut }) => {
        const octets = whole.slice(0, cut === 0 ? at : whole.length);
        if (cut > 0) octets[at]! ^= by;
        fake.all.set(PATH, octets);
        const run = await restored(fake);
        expect(run.store.counters.entries).toBe(0);
        // With its mark changed it is not fdns' to mend, either.
        const isForeign = cut > 0 && at < 8;
        expect(run.log.told).toHaveLength(isForeign ? 2 : 1);
      }),
      { numRuns: 300 },
    );
  });

  test("no file at all is not worth a line", async () => {
    const run = await restored(new FakeFiles());
    expect(run.log.lines).toEqual([]);
  });
});

describe("writing", () => {
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

  test("happens every so often, if something was stored since", async () => {
    const fake = new FakeFiles();
    const run = await restored(fake);
    run.keepAddress("a.test", 300);
    run.clock.advance(EVERY_MS - 1000);
    await settled();
    expect(fake.commits).toBe(0);
    for (const [stores, commits] of [
      [0, 1],
      [0, 1],
      [1, 2],
      [0, 2],
    ] as const) {
      if (stores > 0) run.keepAddress("b.test", 300);
      run.clock.advance(EVERY_MS);
      await settled();
      expect(fake.commits).toBe(commits);
    }
    // Soon after a flush: what was forgotten must not come back after a crash.
    run.store.flush();
    run.file.flushed();
    run.clock.advance(1000);
    await settled();
    expect(fake.commits).toBe(3);
    expect((await restored(fake)).store.counters.entries).toBe(0);
    await run.file.stop();
    expect(fake.begun).toBe(0);
    run.time.stop();
    expect(run.clock.timers).toBe(0);
  });

  test("happens, too, if something has ended since", async () => {
    const fake = new FakeFiles();
    const run = await restored(fake);
    run.keepAddress("a.test", 300, 1);
    run.clock.advance(EVERY_MS);
    await settled();
    run.end("a.test");
    run.clock.advance(EVERY_MS);
    await settled();
    expect(fake.commits).toBe(2);
    expect((await restored(fake)).look("a.test")).toBeUndefined();
  });

  test("a flush while the file is read ends the reading", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    const run = new Run(fake);
    fake.onRead = () => run.file.flushed();
    await run.file.start();
    expect(run.store.counters.entries).toBe(0);
  });

  test("a stop while the file is read leaves it as it is", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    const before = fake.all.get(PATH);
    const run = new Run(fake);
    const starting = run.file.start();
    await run.file.stop();
    await starting;
    expect(fake.all.get(PATH)).toBe(before!);
  });

  test("that fails is told once, at the start, and so is that it works again", async () => {
    const fake = new FakeFiles();
    fake.failure = new Error("EROFS: read-only file system");
    const run = await restored(fake);
    const failed =
      "warn cache file cache cannot be written: EROFS: read-only file system; the cache is kept in memory alone";
    expect(run.log.told).toEqual([failed]);
    run.keepAddress("a.test", 300);
    run.clock.advance(EVERY_MS);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(run.log.told).toEqual([failed]);
    fake.failure = undefined;
    await run.file.stop();
    expect(run.log.told).toEqual([failed, "info cache file cache can be written again"]);
    expect(fake.all.has(PATH)).toBe(true);
  });

  test("that fails in the middle leaves the old file", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    const before = fake.all.get(PATH);
    const run = await restored(fake);
    const { replace } = fake;
    fake.replace = async (path, kind) => {
      const file = await replace.call(fake, path, kind);
      fake.failure = new Error("ENOSPC");
      return file;
    };
    await run.file.stop();
    expect(fake.all.get(PATH)).toBe(before!);
    expect(fake.begun).toBe(0);
  });
});

describe("another process that writes the file", () => {
  test("is left to it, which is said once; from its end on this one does", async () => {
    const fake = await saved((run) => run.keepAddress("a.test", 300));
    const before = fake.all.get(PATH)!;
    fake.isAnothers = true;
    const run = await restored(fake);
    expect(run.look("a.test")).toBeDefined();
    const told = "info cache file cache is written by another fdns: this one only reads it, until that ends";
    expect(run.log.told.at(-1)).toBe(told);
    run.keepAddress("b.test", 300);
    run.clock.advance(EVERY_MS);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(fake.all.get(PATH)).toBe(before);
    fake.isAnothers = false;
    await run.file.stop();
    expect(run.log.told.slice(-2)).toEqual([told, "info cache file cache is written by this fdns now"]);
    expect((await restored(fake)).look("b.test")).toBeDefined();
  });
});

describe("on the host's files", () => {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true }));

  test("the file is its owner's alone, replaced as a whole, with nothing beside it", async () => {
    const path = join(folder, "cache");
    writeFileSync(path, "", { mode: 0o644 });
    // A link that somebody laid where others write first.
    const victim = join(folder, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, `${path}.new`);
    // What a killed process had begun.
    writeFileSync(`${path}.0123456789abcdef.new`, "half");
    const run = new Run(files, path);
    await run.file.start();
    expect(run.log.told).toEqual([`warn cache file ${path} is ignored: it is empty`]);
    for (let i = 0; i < 2000; i++) run.keepAddress(`n${i}.test`, 300);
    await run.file.stop();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(victim, "utf8")).toBe("untouched");
    expect(readdirSync(folder).sort()).toEqual(["cache", "cache.new", "victim"]);
    const next = new Run(files, path);
    await next.file.start();
    expect(next.store.counters.entries).toBe(2000);
  });

  const folk = "root:x:0:0\n";
  test.each([
    ["a folder", (path: string) => mkdirSync(path), "it is a folder"],
    ["a FIFO", (path: string) => void Bun.spawnSync(["mkfifo", path]), "it is no regular file"],
    ["a text", (path: string) => writeFileSync(path, folk), "it is no cache file of fdns"],
    [
      "a link",
      (path: string) => {
        writeFileSync(`${path}.target`, "");
        symlinkSync(`${path}.target`, path);
      },
      "it is a symbolic link, which fdns does not follow",
    ],
    ["a link to nothing", (path: string) => symlinkSync(`${path}.none`, path), "it is a symbolic link"],
    [
      "a hard link",
      (path: string) => {
        writeFileSync(`${path}.target`, "");
        linkSync(`${path}.target`, path);
      },
      "it has a second name (a hard link)",
    ],
  ])("%s in its place is not waited for, and left as it is", async (what, make, told) => {
    const path = join(folder, what.replaceAll(" ", "-"));
    make(path);
    const look = () => {
      const { ino, mode, nlink, size, mtimeMs } = lstatSync(path);
      return { ino, mode, nlink, size, mtimeMs, beside: readdirSync(folder).sort() };
    };
    const before = look();
    const run = new Run(files, path);
    await run.file.start();
    expect(run.log.told.at(-1)).toStartWith(`warn cache file ${path} cannot be written: ${told}`);
    run.keepAddress("a.test", 300);
    await run.file.stop();
    expect(look()).toEqual(before);
  });

  test("what takes its place while fdns runs is left as it is", async () => {
    const path = join(folder, "taken");
    const run = new Run(files, path);
    await run.file.start();
    rmSync(path);
    writeFileSync(path, folk);
    run.keepAddress("a.test", 300);
    await run.file.stop();
    expect(readFileSync(path, "utf8")).toBe(folk);
    expect(run.log.told).toHaveLength(1);
  });

  test("one that was removed is written again", async () => {
    const path = join(folder, "removed");
    const run = new Run(files, path);
    await run.file.start();
    rmSync(path);
    run.keepAddress("a.test", 300);
    await run.file.stop();
    expect(run.log.told).toEqual([]);
    expect(statSync(path).size).toBeGreaterThan(24);
  });

  test("a folder that is not there is told at the start", async () => {
    const path = join(folder, "none", "cache");
    const run = new Run(files, path);
    await run.file.start();
    expect(run.log.told).toHaveLength(1);
    expect(run.log.told[0]).toStartWith(`warn cache file ${path} cannot be written: there is no such folder`);
    await run.file.stop();
    expect(existsSync(path)).toBe(false);
  });
});
