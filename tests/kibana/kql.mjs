// The part of Kibana's query language that schemas/kibana/ uses, as Elasticsearch's: FIELD: VALUE, FIELD: (A or B), FIELD: *part*, FIELD >= N, and, or, not, ( ).
const TOKEN = /\s*(?:([()])|"([^"]*)"|(>=|<=|:|>|<)|([^\s()":<>]+))/y;

function tokensOf(text) {
  const tokens = [];
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.trimEnd().length;) {
    const at = TOKEN.lastIndex, match = TOKEN.exec(text);
    if (!match) throw new Error(`KQL: "${text.slice(at)}" is not understood`);
    const [, bracket, quoted, sign, word] = match;
    tokens.push(bracket ?? sign ?? (quoted === undefined ? word : { quoted }));
  }
  return tokens;
}

/** The query, and the fields that it names: { query, fields }. */
export function readKql(text) {
  const tokens = tokensOf(text), fields = new Set();
  let at = 0;
  const peek = () => tokens[at], next = () => tokens[at++];
  const want = (token) => { if (next() !== token) throw new Error(`KQL: ${token} is expected in "${text}"`); };

  function value(field) {
    const token = next();
    if (token === '(') {
      const list = [value(field)];
      while (peek() === 'or') { next(); list.push(value(field)); }
      want(')');
      return { bool: { should: list, minimum_should_match: 1 } };
    }
    if (token === undefined || [')', ':', 'and', 'or', 'not'].includes(token)) throw new Error(`KQL: a value is expected in "${text}"`);
    if (token === '*') return { exists: { field } };
    if (token.quoted !== undefined) return { match_phrase: { [field]: token.quoted } };
    return token.includes('*') ? { query_string: { fields: [field], query: token } } : { match: { [field]: token } };
  }
  function term() {
    if (peek() === 'not') { next(); return { bool: { must_not: term() } }; }
    if (peek() === '(') { next(); const inner = either(); want(')'); return inner; }
    const field = next(), sign = next();
    if (typeof field !== 'string' || !/^[a-z@][\w.@]*$/.test(field)) throw new Error(`KQL: a field is expected in "${text}"`);
    fields.add(field);
    if (sign === ':') return value(field);
    const how = { '>=': 'gte', '<=': 'lte', '>': 'gt', '<': 'lt' }[sign];
    if (!how) throw new Error(`KQL: : or a comparison is expected behind ${field} in "${text}"`);
    return { range: { [field]: { [how]: Number(next()) } } };
  }
  function both() {
    const list = [term()];
    while (peek() === 'and') { next(); list.push(term()); }
    return list.length === 1 ? list[0] : { bool: { filter: list } };
  }
  function either() {
    const list = [both()];
    while (peek() === 'or') { next(); list.push(both()); }
    return list.length === 1 ? list[0] : { bool: { should: list, minimum_should_match: 1 } };
  }
  if (!tokens.length) return { query: { match_all: {} }, fields };
  const query = either();
  if (at !== tokens.length) throw new Error(`KQL: nothing is expected behind "${tokens[at - 1]}" in "${text}"`);
  return { query, fields };
}
