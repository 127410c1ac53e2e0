// All variables of the application as one JSON text, and back.
(function (kit) {
  'use strict';
  const { G, globalEval, parse, stringify, keys, builtin, declare, bind, flatten, unflatten } = kit;
  const { getOwnPropertyNames } = Object;
  const remake = (text) => globalEval('(' + text + ')');
  function put(values) {
    for (const name of keys(values)) {
      if (typeof values[name] === 'function' && typeof G[name] === 'function') continue;
      declare(name);
      G[name] = values[name];
    }
  }

  return {
    save: () => {
      const values = {};
      for (const name of keys(G)) if (!builtin.has(name)) values[name] = G[name];
      return stringify(flatten(values));
    },
    load: (text, trees) => { put(unflatten(parse(text), parse(trees), remake)); },
    // All that a session had before it needed an engine.
    adopt: (text) => {
      const { system, values } = unflatten(parse(text), {}, remake);
      for (const name of keys(system)) bind(name, system[name]);
      put(values);
    },
    names: () => stringify(getOwnPropertyNames(G)),
  };
})
