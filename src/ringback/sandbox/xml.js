// The DOM of XML values (SCXML B.2.8.1): a tree `[name, attributes, children]` and its source.
(function (kit) {
  'use strict';
  const { defineProperty, getOwnPropertyDescriptor } = kit;

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

  return { XmlNode };
})
