// All variables of the application as one JSON text, and back.
(function (kit) {
  'use strict';
  const { G, globalEval, parse, stringify, keys, builtin, declare, flatten, unflatten } = kit;
  const remake = (text) => globalEval('(' + text + ')');

  return {
    save: () => {
      const values = {};
      for (const name of keys(G)) if (!builtin.has(name)) values[name] = G[name];
      return stringify(flatten(values));
    },
    load: (text, trees) => {
      const values = unflatten(parse(text), parse(trees), remake);
      for (const name of keys(values)) {
        if (typeof values[name] === 'function' && typeof G[name] === 'function') continue;
        declare(name);
        G[name] = values[name];
      }
    },
  };
})
