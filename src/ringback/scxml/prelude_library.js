// The platform's own functions for scripts: they answer from what the shell has told (`know`), and what they
// want done is taken by the shell (`asked`).
(function (kit) {
  'use strict';
  const { globalEval, parse, stringify, encode } = kit;
  const texts = Object.create(null), values = Object.create(null);
  let wishes = [];

  const platform = {
    known: (name) => {
      if (values[name] === undefined && texts[name] !== undefined) values[name] = parse(texts[name]);
      return values[name];
    },
    ask: (namespace, name, payload) => { wishes[wishes.length] = encode([namespace, name, payload]); },
  };

  return {
    library: (source) => { kit.dress = globalEval(source)(platform); },
    know: (name, text) => { texts[name] = text; values[name] = undefined; },
    asked: () => {
      if (!wishes.length) return null;
      const text = stringify(wishes);
      wishes = [];
      return text;
    },
  };
})
