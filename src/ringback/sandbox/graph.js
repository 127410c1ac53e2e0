// Any value as one JSON value, and back.
(function (kit) {
  'use strict';
  const { keys, defineProperty, isArray, Dates, Numbers, Texts } = kit;

  // A graph of values as a flat table, so that cycles and shared references survive. `mark` names the objects
  // in which functions live (their scopes), so that a function can be made again where it was made.
  function flatten(root, mark) {
    const table = [], seen = new Map();
    let owner;
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
      const outer = owner, name = mark && mark(value);
      if (name !== undefined) owner = name;
      table[index] = entry(value, type);
      if (name !== undefined) table[index].h = name;
      owner = outer;
      return { r: index };
    }
    function entry(value, type) {
      if (type === 'function') return { f: Texts(value), w: owner };
      if (kit.XmlNode && value instanceof kit.XmlNode) return { x: value.source };
      if (value instanceof Dates) return { d: value.getTime() };
      if (value instanceof Map) return { m: Array.from(value, ([k, v]) => [walk(k), walk(v)]) };
      if (value instanceof Set) return { s: Array.from(value, walk) };
      if (isArray(value)) return { a: Array.from(value, walk) };
      return { o: keys(value).map((key) => [key, walk(value[key])]) };
    }
    return { root: walk(root), table };
  }
  // `remake` gives the function of a source text in the scope of a name, `make` the object of a name.
  function unflatten(flat, trees, remake, make) {
    const made = flat.table.map((e) => {
      if (e.f !== undefined) return undefined;
      if (e.h !== undefined) return make(e.h);
      if (e.x !== undefined) return trees[e.x] ? new kit.XmlNode(trees[e.x], e.x, null) : e.x;
      if (e.d !== undefined) return new Dates(e.d === null ? NaN : e.d);
      return e.m ? new Map() : e.s ? new Set() : e.a ? [] : {};
    });
    flat.table.forEach((e, index) => {
      if (e.f === undefined) return;
      try { made[index] = remake(e.f, e.w); } catch (_error) { made[index] = undefined; }
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

  return { flatten, unflatten };
})
