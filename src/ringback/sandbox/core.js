// Runs once in every context. Everything here is closed over and captured before the application runs, so
// that an application can neither see nor change it. Python holds the functions it picks.
// Compiling this is most of what a context costs to start: what not every session needs is in the other
// files, which come by `extend` and get `kit`.
(function () {
  'use strict';
  const G = globalThis;
  const globalEval = eval;
  const { parse, stringify } = JSON;
  const { defineProperty, keys, getOwnPropertyDescriptor, freeze, create } = Object;
  const { isArray } = Array;
  const Compile = Function, ErrorOfType = TypeError, Dates = Date, Maps = Map, Numbers = Number, Texts = String;
  for (const name of ['SharedArrayBuffer', 'Atomics']) delete G[name];

  const revive = (_key, value) =>
    value && value.$tree ? new kit.XmlNode(value.$tree, value.$xml, null) : value;
  const decode = (text) => (kit.XmlNode ? parse(text, revive) : parse(text));

  // Values that go to Python: JSON text for strings and objects, others as they are. JSON.stringify gives
  // a flat string; the engine's concatenated strings cannot be read from Python.
  function encode(value) {
    if (value === undefined || value === null) return null;
    const type = typeof value;
    if (type === 'boolean' || type === 'number') return value;
    if (type === 'bigint') return Numbers(value);
    const text = stringify(type === 'object' ? value : Texts(value));
    return loneSurrogate.test(text) ? stringify(parse(text, wellFormed)) : text;
  }
  const loneSurrogate = /\\ud[89a-f]/;
  const wellFormed = (_key, value) => (typeof value === 'string' ? value.toWellFormed() : value);

  const kit = {
    G, globalEval, parse, stringify, keys, defineProperty, getOwnPropertyDescriptor, freeze, create, isArray,
    Compile, ErrorOfType, Dates, Maps, Numbers, Texts, decode, encode,
    extend: (source) => add(globalEval(source)),
    pick: (name) => kit[name],
  };
  function add(part) {
    const more = part(kit);
    for (const name of keys(more)) kit[name] = more[name];
  }
  add(/* host */);
  return kit.pick;
})()
