// All scopes as one JSON text, and back.
(function (kit) {
  'use strict';
  const { G, parse, stringify, keys, create, builtin, scopes, chainOf, inScopes, flatten, unflatten } = kit;

  return {
    save: () => {
      const numbers = new Map(), all = {}, implicit = {};
      for (const [number, scope] of scopes) { numbers.set(scope, number); all[number] = scope; }
      for (const name of keys(G)) if (!builtin.has(name)) implicit[name] = G[name];
      return stringify(flatten({ all, implicit }, (value) => numbers.get(value)));
    },
    // `chains`: what the functions of a scope see, by the scope's number.
    load: (text, trees, chains) => {
      const seen = parse(chains);
      const remake = (source, owner) =>
        inScopes(seen[owner] ? chainOf(stringify(seen[owner])) : [], `return (${source}\n);`, '$$nothing');
      const make = (number) => { const scope = create(null); scopes.set(number, scope); return scope; };
      const { implicit } = unflatten(parse(text), parse(trees), remake, make);
      for (const name of keys(implicit)) G[name] = implicit[name];
    },
  };
})
