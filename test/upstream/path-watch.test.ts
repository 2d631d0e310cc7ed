import { expect, test } from "bun:test";
import { PathWatch } from "../../src/upstream/path-watch.ts";
import { FakeClock } from "../support/fake-clock.ts";

function scene() {
  const clock = new FakeClock();
  const host = { path: "192.0.2.1", changes: [] as string[], sleptMs: 0, looks: 0, atStake: true };
  const wallMs = clock.wallMs.bind(clock);
  clock.wallMs = () => wallMs() + host.sleptMs;
  const watch = new PathWatch(
    clock,
    () => host.atStake,
    () => {
      host.looks++;
      return host.path;
    },
    (what) => host.changes.push(what),
  );
  return { clock, host, watch };
}

test("an address or route that changes is told once, within a second", () => {
  const { clock, host } = scene();
  clock.advance(10_500);
  expect(host.changes).toEqual([]);
  host.path = "198.51.100.1";
  clock.advance(1000);
  expect(host.changes).toEqual(["the addresses or routes of this host changed"]);
  clock.advance(10_000);
  expect(host.changes).toHaveLength(1);
});

test("while nothing is at stake it is not looked for, and noticed once something is", () => {
  const { clock, host } = scene();
  clock.advance(5000);
  host.atStake = false;
  const { looks } = host;
  host.path = "198.51.100.1";
  clock.advance(60_000);
  expect(host).toMatchObject({ looks, changes: [] });
  host.atStake = true;
  clock.advance(1000);
  expect(host.changes).toEqual(["the addresses or routes of this host changed"]);
  clock.advance(10_000);
  expect(host.changes).toHaveLength(1);
});

test("a host that slept while its clock of the day went on", () => {
  const { clock, host } = scene();
  clock.advance(1500);
  host.sleptMs = 60_000;
  clock.advance(1000);
  expect(host.changes).toEqual(["this host slept, stood still, or had its clock set"]);
  clock.advance(10_000);
  expect(host.changes).toHaveLength(1);
});

test("a clock that is set back is no sleep", () => {
  const { clock, host } = scene();
  host.sleptMs = -3_600_000;
  clock.advance(5000);
  expect(host.changes).toEqual([]);
});

test("stopped, it looks no more", () => {
  const { clock, watch } = scene();
  watch.stop();
  expect(clock.timers).toBe(0);
});
