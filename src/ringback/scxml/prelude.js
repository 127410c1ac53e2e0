// Runs once in every data model. Everything here is closed over and captured before the application
// runs, so that an application can neither see nor change it. Python holds the functions it picks.
// Compiling this is most of what a session costs to start: what not every session needs is in the
// other prelude files, which come by `extend` and get `kit`.
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

  const getters = new Map(), setters = new Map();
  function getter(source) {
    let found = getters.get(source);
    if (found === undefined) {
      found = Compile('return (' + source.replace(/[;\s]+$/, '') + '\n);');
      getters.set(source, found);
    }
    return found;
  }
  function put(location, value) {
    let found = setters.get(location);
    if (found === undefined) {
      found = Compile('$$value', '"use strict"; ' + location + ' = $$value;');
      setters.set(location, found);
    }
    found(value);
  }
  function declare(name) {
    if (getOwnPropertyDescriptor(G, name) !== undefined) return;
    Compile('var ' + name + ';');
    defineProperty(G, name, { value: undefined, writable: true, enumerable: true, configurable: true });
  }
  function bindReadOnly(name, value) {
    defineProperty(G, name, { value, writable: false, enumerable: false, configurable: true });
  }

  let active = create(null);
  const eventFields = ['name', 'type', 'sendid', 'origin', 'origintype', 'invokeid', 'data', 'raw'];
  defineProperty(G, 'In', { value: (id) => active[id] === true, enumerable: false });
  const builtin = new Set(keys(G));

  const kit = {
    get: (source) => encode(getter(source)()),
    test: (source) => !!getter(source)(),
    assign: (location, source) => { put(location, getter(source)()); },
    assignValue: (location, text) => { put(location, decode(text)); },
    system: (text) => {
      const values = decode(text);
      for (const name of keys(values)) {
        bindReadOnly(name, kit.dress ? kit.dress(name, values[name]) : values[name]);
      }
    },
    event: (text) => {
      const event = decode(text);
      for (const field of eventFields) if (!(field in event)) event[field] = undefined;
      bindReadOnly('_event', freeze(event));
    },
    active: (text) => { active = create(null); for (const id of parse(text)) active[id] = true; },
    declare, getter, put, encode, builtin, G, globalEval, parse, stringify, keys, defineProperty,
    getOwnPropertyDescriptor, isArray, ErrorOfType, Dates, Maps, Numbers, Texts,
    extend: (source) => {
      const more = globalEval(source)(kit);
      for (const name of keys(more)) kit[name] = more[name];
    },
    pick: (name) => kit[name],
  };
  return kit.pick;
})()
