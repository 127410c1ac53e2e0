// The lists that `<foreach>` walks through: copies, by handle.
(function (kit) {
  'use strict';
  const { stringify, isArray, getter, put, declare, ErrorOfType, Maps } = kit;
  const lists = new Maps();
  let nextList = 1;

  return {
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
  };
})
