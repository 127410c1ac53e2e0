import { equal } from "node:assert/strict";
import { test } from "node:test";
import { isOld, pause } from "../src/freshness.js";

const GOOD = { began: 0, good: 100_000, failed: 0, why: "" };

test("the next look comes twice as late after each failure, and half a minute later at most", () => {
  equal(pause(2000, 0), 2000);
  equal(pause(2000, 1), 2000);
  equal(pause(2000, 2), 4000);
  equal(pause(2000, 3), 8000);
  equal(pause(2000, 50), 30_000);
});

test("figures are old as soon as a look has failed", () => {
  equal(isOld(GOOD, 101_000, 2000), false);
  equal(isOld({ ...GOOD, failed: 1 }, 100_001, 2000), true);
});

test("figures are old when the next answer is overdue, though nothing has failed yet", () => {
  equal(isOld(GOOD, 110_000, 2000), false);
  equal(isOld(GOOD, 110_001, 2000), true);
  equal(isOld(GOOD, 114_000, 5000), false, "three looks of five seconds");
  equal(isOld({ ...GOOD, began: 50_000, good: 0 }, 55_000, 2000), false, "the first answer may take a while");
});
