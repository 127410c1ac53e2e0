// Runs once in every data model. Everything here is closed over and captured before the application
// runs, so that an application can neither see nor change it. Python holds the functions returned.
(function () {
  'use strict';
  const G = globalThis;
  const globalEval = eval;
  const { parse, stringify } = JSON;
  const { defineProperty, keys, getOwnPropertyDescriptor, freeze, create } = Object;
  const { isArray } = Array;
  const Compile = Function, ErrorOfType = TypeError, Dates = Date, Numbers = Number, Texts = String;
  for (const name of ['SharedArrayBuffer', 'Atomics']) delete G[name];

  class XmlNode {
    constructor(tree, source, parent) {
      if (typeof tree === 'string') {
        this.nodeType = 3; this.nodeName = '#text'; this.nodeValue = tree;
        this.childNodes = []; this.attributes = {};
      } else {
        this.nodeType = 1; this.nodeName = tree[0]; this.tagName = tree[0]; this.nodeValue = null;
        this.attributes = tree[1];
        this.childNodes = tree[2].map((child) => new XmlNode(child, '', this));
      }
      defineProperty(this, 'parentNode', { value: parent || null });
      defineProperty(this, 'source', { value: source });
    }
    get documentElement() { return this; }
    get firstChild() { return this.childNodes[0] || null; }
    get children() { return this.childNodes.filter((child) => child.nodeType === 1); }
    get textContent() {
      return this.nodeType === 3 ? this.nodeValue : this.childNodes.map((c) => c.textContent).join('');
    }
    hasAttribute(name) { return getOwnPropertyDescriptor(this.attributes, name) !== undefined; }
    getAttribute(name) { return this.hasAttribute(name) ? this.attributes[name] : null; }
    getElementsByTagName(name) {
      const found = [];
      for (const child of this.childNodes) {
        if (child.nodeType !== 1) continue;
        if (name === '*' || child.tagName === name) found.push(child);
        found.push(...child.getElementsByTagName(name));
      }
      return found;
    }
    toString() { return this.source; }
    toJSON() { return { $xml: this.source }; }
  }

  function revive(_key, value) {
    return value && value.$tree ? new XmlNode(value.$tree, value.$xml, null) : value;
  }
  const decode = (text) => parse(text, revive);

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

  let active = create(null), nextList = 1;
  const lists = new Map();
  const eventFields = ['name', 'type', 'sendid', 'origin', 'origintype', 'invokeid', 'data', 'raw'];
  defineProperty(G, 'In', { value: (id) => active[id] === true, enumerable: false });
  const builtin = new Set(keys(G));

  // A graph of values as a flat table, so that cycles and shared references survive.
  function flatten(root) {
    const table = [], seen = new Map();
    function walk(value) {
      const type = typeof value;
      if (value === undefined) return { u: 1 };
      if (type === 'number') return value !== value || value - value !== 0 ? { n: Texts(value) } : value;
      if (value === null || type === 'boolean' || type === 'string') return value;
      if (type === 'bigint') return { b: Texts(value) };
      if (type === 'symbol') return { u: 1 };
      if (seen.has(value)) return { r: seen.get(value) };
      const index = table.length;
      seen.set(value, index);
      table.push(null);
      table[index] = entry(value, type);
      return { r: index };
    }
    function entry(value, type) {
      if (type === 'function') return { f: Texts(value) };
      if (value instanceof XmlNode) return { x: value.source };
      if (value instanceof Dates) return { d: value.getTime() };
      if (value instanceof Map) return { m: Array.from(value, ([k, v]) => [walk(k), walk(v)]) };
      if (value instanceof Set) return { s: Array.from(value, walk) };
      if (isArray(value)) return { a: Array.from(value, walk) };
      return { o: keys(value).map((key) => [key, walk(value[key])]) };
    }
    return { root: walk(root), table };
  }
  function unflatten(flat, trees) {
    const made = flat.table.map((e) => {
      if (e.f !== undefined) { try { return globalEval('(' + e.f + ')'); } catch (_error) { return undefined; } }
      if (e.x !== undefined) return trees[e.x] ? new XmlNode(trees[e.x], e.x, null) : e.x;
      if (e.d !== undefined) return new Dates(e.d === null ? NaN : e.d);
      return e.m ? new Map() : e.s ? new Set() : e.a ? [] : {};
    });
    function value(v) {
      if (v === null || typeof v !== 'object') return v;
      if (v.u) return undefined;
      if (v.n) return Numbers(v.n);
      if (v.b) return BigInt(v.b);
      return made[v.r];
    }
    flat.table.forEach((e, index) => {
      const target = made[index];
      if (e.a) for (const item of e.a) target.push(value(item));
      if (e.s) for (const item of e.s) target.add(value(item));
      if (e.m) for (const [k, v] of e.m) target.set(value(k), value(v));
      if (e.o) {
        for (const [k, v] of e.o) {
          defineProperty(target, k, { value: value(v), writable: true, enumerable: true, configurable: true });
        }
      }
    });
    return value(flat.root);
  }

  return {
    get: (source) => encode(getter(source)()),
    test: (source) => !!getter(source)(),
    assign: (location, source) => { put(location, getter(source)()); },
    assignValue: (location, text) => { put(location, decode(text)); },
    declare,
    system: (text) => {
      const values = decode(text);
      for (const name of keys(values)) bindReadOnly(name, values[name]);
    },
    event: (text) => {
      const event = decode(text);
      for (const field of eventFields) if (!(field in event)) event[field] = undefined;
      bindReadOnly('_event', freeze(event));
    },
    active: (text) => { active = create(null); for (const id of parse(text)) active[id] = true; },
    openList: (source) => {
      const value = getter(source)();
      if (!isArray(value)) throw new ErrorOfType('not a list: ' + source);
      lists.set(nextList, value.slice());
      return stringify([nextList++, value.length]);
    },
    bindItem: (handle, position, item, index) => {
      declare(item);
      put(item, lists.get(handle)[position]);
      if (index !== null) { declare(index); put(index, position); }
    },
    closeList: (handle) => { lists.delete(handle); },
    save: () => {
      const values = {};
      for (const name of keys(G)) if (!builtin.has(name)) values[name] = G[name];
      return stringify(flatten(values));
    },
    load: (text, trees) => {
      const values = unflatten(parse(text), parse(trees));
      for (const name of keys(values)) {
        if (typeof values[name] === 'function' && typeof G[name] === 'function') continue;
        declare(name);
        G[name] = values[name];
      }
    },
  };
})()
