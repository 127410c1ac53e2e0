// The variables of VoiceXML (5.1): scopes by number, and the chain of them that expressions see.
(function (kit) {
  'use strict';
  const { G, keys, create, Compile, Maps, encode, decode, parse, ErrorOfType } = kit;
  const scopes = new Maps(), compiled = new Maps(), builtin = new Set(keys(G));
  let chain = [];

  const open = (depth) => Array.from({ length: depth }, (_, n) => `with($$scopes[${n}])`).join('');
  function inScopes(objects, body, given, value) {
    const key = `${objects.length}:${given}:${body}`;
    let found = compiled.get(key);
    if (found === undefined) {
      found = Compile('$$scopes', given, `${open(objects.length)}{${body}\n}`);
      compiled.set(key, found);
    }
    return found(objects, value);
  }
  const bare = (source) => source.replace(/[;\s]+$/, '');
  const value = (source) => inScopes(chain, `return (${bare(source)}\n);`, '$$nothing');
  const own = (scope, name) => kit.getOwnPropertyDescriptor(scope, name) !== undefined;
  const chainOf = (text) => parse(text).map((number) => scopes.get(number));

  function put(location, given) {
    const name = /^\s*([\p{L}_$][\p{L}\p{N}_$]*)/u.exec(location);
    if (name === null) throw new ErrorOfType('not a variable: ' + location);
    if (!chain.some((scope) => name[1] in scope)) throw new ReferenceError(name[1] + ' is not declared');
    inScopes(chain, `${location} = $$value;`, '$$value', given);
  }

  // The names that a script declares outside of its functions; `var` in them is the scope's own variable.
  const token = /\/\/[^\n]*|\/\*[^]*?\*\/|'(?:\\[^]|[^'\\])*'|"(?:\\[^]|[^"\\])*"|`(?:\\[^]|[^`\\])*`|[\p{L}_$][\p{L}\p{N}_$]*|=>|[^]/gu;
  const regex = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^\/\\\n[])+\/[a-z]*/y;
  const operator = /^(?:[=(,:?[!&|+\-*\/%<>^~{};]|=>|return|typeof|case|in|of|void|delete)$/;
  const expression = /^(?:[=(,:?[!&|+\-*\/%<>^~]|=>|return|typeof|case|in|of|void|delete|new)$/;
  function declarations(source) {
    const vars = new Set(), others = new Set(), braces = [];
    let before = ';', body = false, brackets = 0, list = null;
    token.lastIndex = 0;
    for (let found; (found = token.exec(source)) !== null;) {
      let word = found[0];
      if (/^\s$/.test(word) || word.startsWith('//') || word.startsWith('/*')) continue;
      if (word === '/' && operator.test(before)) {
        regex.lastIndex = found.index;
        const literal = regex.exec(source);
        if (literal !== null) { token.lastIndex = regex.lastIndex; before = 'regex'; continue; }
      }
      const inFunction = braces.includes(true);
      if (word === '{') { braces.push(body || inFunction); body = false; brackets++; }
      else if (word === '}') { braces.pop(); brackets--; }
      else if (word === '(' || word === '[') brackets++;
      else if (word === ')' || word === ']') brackets--;
      if (list && (word === ';' || brackets < list.brackets)) list = null;
      else if (list && word === ',' && brackets === list.brackets) list.expected = true;
      else if (list && list.expected && /^[\p{L}_$]/u.test(word)) { list.into.add(word); list.expected = false; }
      if (word === '=>') body = true;
      if (word === 'function' || word === 'class') {
        const declared = /^\s*\*?\s*([\p{L}_$][\p{L}\p{N}_$]*)/u.exec(source.slice(token.lastIndex));
        if (declared && braces.length === 0 && !expression.test(before)) others.add(declared[1]);
        body = true;
      }
      if (!inFunction && word === 'var') list = { into: vars, expected: true, brackets };
      if (braces.length === 0 && brackets === 0 && (word === 'let' || word === 'const')) {
        list = { into: others, expected: true, brackets };
      }
      before = word;
    }
    return { vars, others };
  }
  function run(number, source) {
    const scope = scopes.get(number), { vars, others } = declarations(source);
    for (const name of vars) if (!own(scope, name)) scope[name] = undefined;
    const kept = Array.from(others, (name) => `$$own.${name} = ${name};`).join('');
    inScopes(chain, `${source}\n;${kept}`, '$$own', scope);
  }

  return {
    scopes, builtin, own, inScopes,
    open: (number) => { scopes.set(number, create(null)); },
    drop: (number) => { scopes.delete(number); },
    link: (number, name, target) => { scopes.get(number)[name] = scopes.get(target); },
    use: (text) => { chain = chainOf(text); },
    chainOf,
    get: (source) => encode(value(source)),
    text: (source) => encode(String(value(source))),
    test: (source) => !!value(source),
    declare: (number, name) => { const scope = scopes.get(number); if (!own(scope, name)) scope[name] = undefined; },
    define: (number, name, source) => { scopes.get(number)[name] = value(source); },
    set: (number, name, text) => { scopes.get(number)[name] = text === null ? undefined : decode(text); },
    isSet: (number, name) => scopes.get(number)[name] !== undefined,
    has: (number, name) => own(scopes.get(number), name),
    known: (name) => chain.some((scope) => name in scope),
    assign: (location, source) => { put(location, value(source)); },
    put: (location, text) => { put(location, text === null ? undefined : decode(text)); },
    clear: (location) => { put(location, undefined); },
    list: (number, source) => {
      const found = value(source);
      if (!kit.isArray(found)) throw new ErrorOfType('not a list: ' + source);
      scopes.get(number).$list = found.slice();
      return found.length;
    },
    item: (number, position, name) => { put(name, scopes.get(number).$list[position]); },
    run,
  };
})
