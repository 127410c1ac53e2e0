import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { extended, levelOf, pieces, SAMPLE_MS, stored, type Sample } from "../src/history.js";

const at = (n: number, waiting = n, level: number | null = null): Sample => ({
  at: n * SAMPLE_MS,
  queues: { "": [waiting, level], Sales: [1, 50] },
});

test("a sample is taken every quarter of a minute, however often one looks", () => {
  const one = extended([], at(1));
  equal(extended(one, at(1.5)), one);
  equal(extended(one, at(2)).length, 2);
});

test("samples of more than four hours ago are forgotten", () => {
  const hours = extended(extended([], at(0)), at(960));
  deepEqual(
    hours.map((sample) => sample.at),
    [960 * SAMPLE_MS],
  );
});

test("what cannot be read is no past", () => {
  deepEqual(stored(null), []);
  deepEqual(stored("{broken"), []);
  deepEqual(stored('{"at": 1}'), []);
  deepEqual(stored(JSON.stringify([at(1)])), [at(1)]);
});

test("a time in which nobody looked leaves a gap in the line", () => {
  const line = pieces([at(1), at(2), at(9), at(10)], "", 0);
  deepEqual(
    line.map((piece) => piece.map((point) => point.value)),
    [
      [1, 2],
      [9, 10],
    ],
  );
});

test("a service level that there was not is no point, and neither is a queue that nobody saw", () => {
  deepEqual(pieces([at(1), at(2, 2, 75)], "", 1), [[{ at: 2 * SAMPLE_MS, value: 75 }]]);
  deepEqual(pieces([at(1)], "Support", 0), []);
});

test("the service level of several queues is that of all their calls, not the mean of their levels", () => {
  equal(
    levelOf([
      { service_level: 100, rated: 1 },
      { service_level: 50, rated: 99 },
    ]),
    50.5,
  );
  equal(levelOf([{ service_level: null, rated: 0 }]), null);
  equal(
    levelOf([
      { service_level: null, rated: null },
      { service_level: 80, rated: 5 },
    ]),
    80,
  );
});
