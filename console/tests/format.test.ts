import { equal } from "node:assert/strict";
import { test } from "node:test";
import { city, elsewhere, isZone, share, span, timer, when, words, zoneName } from "../src/format.js";

const NOON = new Date("2026-11-22T12:00:00Z");

test("a time that nobody knows is said to be unknown, not zero", () => {
  equal(span(null), "unknown");
  equal(span(-1), "unknown");
  equal(span(undefined, "–"), "–");
  equal(span(0), "0 s");
});

test("a time is said in its two largest units", () => {
  equal(span(59.6), "1 min 0 s");
  equal(span(3599), "59 min 59 s");
  equal(span(3661), "1 h 1 min");
  equal(span(90_000), "1 d 1 h");
});

test("a clock that runs has two digits behind each colon", () => {
  equal(timer(7), "0:07");
  equal(timer(760.9), "12:40");
  equal(timer(3723), "1:02:03");
  equal(timer(-1), "–");
});

test("a share of nothing is a dash", () => {
  equal(share(0, 0), "–");
  equal(share(1, 8), "12.5 %");
});

test("a moment of today has no date, and today is the zone's", () => {
  equal(when("2026-11-22T11:30:00Z", NOON, "Europe/Berlin", "en-GB"), "12:30:00");
  equal(when("2026-11-22T23:30:00Z", NOON, "Europe/Berlin", "en-GB"), "23 Nov 2026, 00:30");
  equal(when(null, NOON), "–");
});

test("the customer's time is told where it differs from ours, and only there", () => {
  equal(elsewhere("2026-11-22T11:30:00Z", NOON, "America/New_York", "Europe/Berlin", "en-GB"), "06:30:00 in New York");
  equal(elsewhere("2026-11-22T11:30:00Z", NOON, "Europe/Rome", "Europe/Berlin", "en-GB"), "");
  equal(elsewhere("2026-11-22T11:30:00Z", NOON, "", "Europe/Berlin", "en-GB"), "");
  equal(elsewhere("2026-11-22T11:30:00Z", NOON, "No/Where", "Europe/Berlin", "en-GB"), "");
});

test("zones are named as people know them", () => {
  equal(city("America/Argentina/Buenos_Aires"), "Buenos Aires");
  equal(zoneName("America/New_York", NOON), "America/New_York, UTC−05:00");
  equal(zoneName("UTC", NOON), "UTC, UTC+00:00");
  equal(isZone("Europe/Berlin"), true);
  equal(isZone("nonsense"), false);
});

test("slugs are read as words", () => {
  equal(words("NO_ANSWER"), "no answer");
  equal(words(null), "");
});
