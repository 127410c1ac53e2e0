// What the data model of SCXML adds to the sandbox's kit: variables, `In()`, `_event`.
(function (kit) {
  'use strict';
  const { G, keys, defineProperty, getOwnPropertyDescriptor, freeze, create, parse } = kit;
  const { Compile, decode, encode } = kit;
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

  const eventFields = ['name', 'type', 'sendid', 'origin', 'origintype', 'invokeid', 'data', 'raw'];
  function bind(name, value) {
    if (name === '_event') {
      for (const field of eventFields) if (!(field in value)) value[field] = undefined;
      freeze(value);
    }
    bindReadOnly(name, value);
  }

  let active = create(null);
  defineProperty(G, 'In', { value: (id) => active[id] === true, enumerable: false });
  const builtin = new Set(keys(G));

  return {
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
    event: (text) => { bind('_event', decode(text)); },
    active: (text) => { active = create(null); for (const id of parse(text)) active[id] = true; },
    declare, getter, put, bind, builtin,
  };
})
