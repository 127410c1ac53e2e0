// What scripts may ask of the platform in the midst of an expression: `_genesys.session.timeInZone(…)` and so on.
// Nothing here waits: the answers are in `platform.known`, told by the node that runs the session.
(function (platform) {
  'use strict';
  const MODULES = 'www.genesyslab.com/modules/';
  const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  const own = Object.prototype.hasOwnProperty;
  const has = (object, name) => object !== undefined && object !== null && own.call(object, name);
  const two = (number) => (number < 10 ? '0' : '') + number;

  // Time

  function wall(zone) {
    const zones = platform.known('zones');
    if (!has(zones, zone)) throw new RangeError("no time zone named '" + zone + "'");
    return new Date((platform.known('now') + zones[zone]) * 1000);
  }
  const clock = (d) => two(d.getUTCHours()) + ':' + two(d.getUTCMinutes()) + ':' + two(d.getUTCSeconds());
  const calendar = (d) => d.getUTCFullYear() + '-' + two(d.getUTCMonth() + 1) + '-' + two(d.getUTCDate());

  function office(name) {
    const offices = platform.known('offices');
    if (!has(offices, name)) throw new RangeError("no business hours named '" + name + "'");
    return offices[name];
  }
  const time = {
    timeInZone: (zone) => clock(wall(zone)),
    dateInZone: (zone) => calendar(wall(zone)),
    dayInZone: (zone) => wall(zone).getUTCDay(),
    isOpen: (hours) => office(hours).open,
    opening: (hours) => ({ open: office(hours).open, closes: office(hours).closes, opens: office(hours).opens }),
    isSpecialDay: (hours, day) => (day ? office(hours).days.indexOf(day) >= 0 : office(hours).days.length > 0),
    day: Object.freeze(DAYS.reduce((found, name, number) => ({ ...found, [name]: number }), {})),
  };

  // Tables

  function rowsOf(list) {
    const tables = platform.known('tables');
    if (!has(tables, list)) throw new RangeError("no published table '" + list + "' is named in the application");
    return tables[list];
  }
  function listLookupValue(list, item, key) {
    const rows = rowsOf(list);
    if (!has(rows, item)) return undefined;
    if (key === undefined || key === null) return { ...rows[item] };
    return has(rows[item], key) ? rows[item][key] : undefined;
  }
  const lists = {
    listLookupValue,
    getListItemValue: listLookupValue,
    listItems: (list) => Object.keys(rowsOf(list)),
  };

  // Statistics: one that is not known yet is asked for; `statistic.sdata.done` tells it, and the next call has it.

  const wanted = new Set();
  function sData(object, statistic) {
    const name = object + ' ' + statistic;
    const figures = platform.known('figures');
    if (has(figures, name)) return figures[name];
    if (!wanted.has(name)) {
      wanted.add(name);
      platform.ask(MODULES + 'statistic', 'sdata', { object: String(object), statistic: String(statistic) });
    }
    return undefined;
  }

  // User data: what is set is there at once; the call gets it by the action.

  function interactionsOf(about, tenant) {
    if (!about) return {};
    const voice = { connid: about.connid, ani: about.ani || about.number, dnis: about.dnis };
    return { [about.id]: Object.freeze({ ...about, tenant, voice: Object.freeze(voice) }) };
  }
  function userData(interactions) {
    const of = (id) => {
      const found = id === undefined || id === null ? Object.keys(interactions)[0] : id;
      if (!has(interactions, found)) throw new RangeError("no interaction '" + found + "' in this session");
      return interactions[found].udata;
    };
    const ask = (element, payload) => platform.ask(MODULES + 'interaction', element, payload);
    return {
      interactions,
      getuData: (key, id) => (has(of(id), key) ? of(id)[key] : undefined),
      setuData: (data, id) => {
        if (typeof data !== 'object' || data === null) throw new TypeError('setuData wants an object');
        Object.assign(of(id), data);
        ask('udata', { user_data: data });
      },
      deleteuData: (key, id) => {
        const kept = of(id);
        const keys = key === undefined || key === null ? [] : [String(key)];
        for (const name of keys.length ? keys : Object.keys(kept)) delete kept[name];
        ask('detach', { keys });
      },
    };
  }

  return function (name, value) {
    if (name !== '_genesys') return value;
    const id = String(value.session);
    const session = { id, tenant: value.tenant, toString: () => id, toJSON: () => id };
    value.session = Object.freeze({ ...session, ...time, ...lists });
    value.ixn = Object.freeze(userData(interactionsOf(value.interaction || value.callback, value.tenant)));
    value.statistic = Object.freeze({ sData });
    return value;
  };
})
