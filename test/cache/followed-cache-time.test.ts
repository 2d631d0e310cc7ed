import { expect, test } from "bun:test";
import { CacheTime, FollowedCacheTime } from "../../src/cache/cache-time.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("another thread's time is the first one's, also after the host was suspended or its clock stepped", () => {
  const clock = new FakeClock();
  let sleptMs = 0;
  let stepMs = 0;
  const moved = { nowMs: () => clock.nowMs() + stepMs, eachSecond: clock.eachSecond.bind(clock) };
  const shift = new Float64Array(new SharedArrayBuffer(8));
  const first = new CacheTime({ clock: moved, uptimeMs: () => moved.nowMs() + sleptMs, shift });
  const follower = new FollowedCacheTime(moved, shift);
  const same = () => expect(Math.abs(follower.nowDs - first.nowDs)).toBeLessThanOrEqual(1);
  const startDs = first.nowDs;
  same();
  clock.advance(12_345);
  same();
  sleptMs = 3_600_000;
  clock.advance(2000);
  same();
  expect(follower.nowDs - startDs).toBeGreaterThan(36_000);
  stepMs = -50_000;
  expect(first.nowDs - startDs).toBeGreaterThan(36_000);
  same();
  first.stop();
});
