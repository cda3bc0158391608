// The reference: reads the server's own OpenAPI document and shows each operation, with a form that sends it.
//
// Everything is relative to this page, for a proxy may show the server under a path. What comes from the document, a person
// or an answer reaches the page as text only, never as markup.

const $ = (selector) => document.querySelector(selector);
const GIVE_UP_MS = 20_000;
const BASE = new URL('.', location.href).pathname.slice(0, -1);

let api;

/** An element with properties and children; strings become text nodes, nothing is left out. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.flat().filter((child) => child != null));
  return made;
}

/** What a reference stands for. */
const resolved = (value) => (value?.$ref ? value.$ref.slice(2).split('/').reduce((part, name) => part[name], api) : value);
const pretty = (value) => JSON.stringify(value, null, 2);

/** Text in which what stands between backticks is code. */
const prose = (text = '') => text.split('`').map((part, i) => (i % 2 ? element('code', {}, part) : part));

// --- Schemas in words ----------------------------------------------------------------------------------------

const LIMITS = {
  minLength: (n) => `at least ${n} characters`, maxLength: (n) => `at most ${n} characters`,
  minimum: (n) => `from ${n}`, minItems: (n) => `at least ${n}`, maxItems: (n) => `at most ${n}`,
  maximum: (n) => Number.isSafeInteger(n) && `up to ${n}`, // others are rounded when they are read, and mean no limit
  pattern: (text) => `fits ${text}`, format: (text) => text, default: (value) => `else ${value}`,
};

/** The type and limits of a schema on one line. */
function words(schema) {
  const one = resolved(schema);
  const limits = Object.keys(LIMITS).filter((name) => name in one).map((name) => LIMITS[name](one[name]));
  let kind = [one.type ?? ''].flat().join(' or ');
  if (one.enum) kind = one.enum.join(' | ');
  else if ('const' in one) kind = String(one.const);
  else if (one.anyOf) kind = one.anyOf.map(words).join(' or ');
  else if (one.type === 'array') kind = `list of ${words(one.items)}`;
  return [kind, ...limits].filter(Boolean).join(', ');
}

/** A table of names: each with whether it must be there, what it is, and what it means. */
function table(caption, rows) {
  const row = ({ name, required, schema, description }) => element('tr', {},
    element('th', { scope: 'row' }, element('code', {}, name), required ? element('span', { className: 'needed' }, ' needed') : null),
    element('td', {}, element('small', {}, words(schema)), element('p', {}, prose(description ?? resolved(schema).description))));
  return element('table', {}, element('caption', {}, caption), element('tbody', {}, rows.map(row)));
}

function fields(caption, schema) {
  const one = resolved(schema);
  if (one.anyOf) return one.anyOf.map((choice, i) => fields(`${caption}, ${i ? 'or' : 'either'}`, choice));
  const rows = Object.entries(one.properties ?? {});
  return rows.length
    ? [table(caption, rows.map(([name, field]) => ({ name, schema: field, required: one.required?.includes(name) })))] : [];
}

// --- An operation --------------------------------------------------------------------------------------------

function answers(operation) {
  const rows = Object.entries(operation.responses).map(([status, answer]) => {
    const { description, headers = {}, content = {} } = resolved(answer);
    const special = Object.keys(headers).filter((name) => !['X-Request-Id', 'Cache-Control'].includes(name));
    const [media] = Object.values(content);
    const messages = Object.values(media?.examples ?? {}).map(({ value }) => element('p', {}, element('code', {}, value.error), ` ${value.message}`));
    return element('tr', {}, element('th', { scope: 'row' }, status), element('td', {},
      messages.length ? messages : element('p', {}, prose(description)),
      special.length ? element('small', {}, `with ${special.join(', ')}`) : null));
  });
  return element('table', { className: 'answers' }, element('caption', {}, 'Answers'), element('tbody', {}, rows));
}

function example(operation) {
  const [good] = Object.entries(operation.responses).filter(([status]) => status < 300);
  const [media] = Object.values(resolved(good[1]).content ?? {});
  if (media?.example === undefined) return [];
  return [element('h4', {}, `Example of ${good[0]}`), element('pre', { tabIndex: 0 }, pretty(media.example)), ...fields(`Fields of ${good[0]}`, media.schema)];
}

const DONE = { 2: 'good', 3: 'good' };

/** Sends what a form holds, and shows the answer in `shown`. */
async function send({ method, path, operation }, form, shown) {
  const value = (name) => form.elements.namedItem(name)?.value ?? '';
  const parameters = (operation.parameters ?? []).map(resolved);
  const target = parameters.filter((one) => one.in === 'path')
    .reduce((whole, { name }) => whole.replace(`{${name}}`, encodeURIComponent(value(name))), path);
  const given = parameters.filter(({ name }) => value(name) !== '');
  const query = new URLSearchParams(given.filter((one) => one.in === 'query').map(({ name }) => [name, value(name)])).toString();
  const headers = Object.fromEntries(given.filter((one) => one.in === 'header').map(({ name }) => [name, value(name)]));
  const token = $('#token').value.trim();
  if (token && operation.security.length) headers.Authorization = `Bearer ${token}`;
  const body = value('body').trim();
  if (body) headers['Content-Type'] = mediaOf(operation);
  const status = element('strong', {}, 'Waiting…');
  shown.replaceChildren(element('p', { className: 'verdict' }, status));
  const started = performance.now();
  try {
    const url = `${BASE}${target}${query && `?${query}`}`;
    const signal = AbortSignal.timeout(GIVE_UP_MS);
    const answer = await fetch(url, { method, headers, body: body || undefined, signal, redirect: 'manual', cache: 'no-store' });
    const text = await answer.text();
    const took = Math.round(performance.now() - started);
    status.parentNode.classList.add(DONE[String(answer.status)[0]] ?? 'refused');
    status.textContent = answer.type === 'opaqueredirect' ? 'A redirect' : `${answer.status}`;
    status.after(` after ${took} ms, ${method} ${url}`);
    shown.append(element('pre', { tabIndex: 0, role: 'group', ariaLabel: 'Answer' },
      `${readable(text)}\n\n${[...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n')}`));
  } catch (error) {
    status.parentNode.classList.add('refused');
    status.textContent = error.name === 'TimeoutError' ? 'No answer in time' : 'The server cannot be reached';
  }
}

function readable(text) {
  try {
    return pretty(JSON.parse(text));
  } catch {
    return text;
  }
}

const mediaOf = (operation) => Object.keys(operation.requestBody?.content ?? {})[0];

/** The form that sends an operation. */
function sender(entry) {
  const { operation } = entry;
  const id = (name) => `${operation.operationId}-${name}`;
  const inputs = (operation.parameters ?? []).map(resolved).map(({ name, in: where, required }) => element('div', { className: 'field' },
    element('label', { htmlFor: id(name) }, `${name} (${where})`),
    element('input', { id: id(name), name, required: Boolean(required), autocomplete: 'off', spellcheck: false })));
  const media = operation.requestBody?.content[mediaOf(operation)];
  if (media) {
    const text = mediaOf(operation).includes('json') ? pretty(media.example) : new URLSearchParams(media.example).toString();
    inputs.push(element('div', { className: 'field' }, element('label', { htmlFor: id('body') }, `Body (${mediaOf(operation)})`),
      element('textarea', { id: id('body'), name: 'body', value: text, spellcheck: false })));
  }
  const shown = element('div', { role: 'status' });
  const button = element('button', {}, `Send ${entry.method} ${entry.path}`);
  const form = element('form', {}, inputs, button);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send(entry, form, shown);
    button.disabled = false;
  });
  return [element('h4', {}, 'Send it'), form, shown];
}

/** An operation, folded; what is inside is made when somebody first looks. */
function shownOperation(entry) {
  const { method, path, operation } = entry;
  const told = element('div', { className: 'told' });
  const details = element('details', { className: 'operation', id: operation.operationId },
    element('summary', {}, element('h3', {}, element('span', { className: `method ${method.toLowerCase()}` }, method), ' ',
      element('code', { className: 'path' }, path)), ' ', element('span', { className: 'about' }, operation.summary)), told);
  details.addEventListener('toggle', () => {
    if (!details.open || told.hasChildNodes()) return;
    const parameters = (operation.parameters ?? []).map(resolved).map((one) => ({ ...one, name: `${one.name} (${one.in})` }));
    const media = operation.requestBody?.content[mediaOf(operation)];
    told.append(element('p', {}, prose(operation.description)));
    if (parameters.length) told.append(table('Parameters', parameters));
    if (media) told.append(...fields(operation.requestBody.required ? 'Body' : 'Body, if any', media.schema).flat(2));
    told.append(...example(operation).flat(2), answers(operation), ...sender(entry));
  });
  return details;
}

// --- The whole -----------------------------------------------------------------------------------------------

/** What a search looks through: everything that the document says of an operation. */
const searched = ({ method, path, operation }) => [method, path, operation.operationId, operation.summary, operation.description,
  ...Object.entries(operation.responses).flatMap(([status, answer]) => [status, answer.$ref ?? '', resolved(answer).description]),
  ...(operation.parameters ?? []).map((one) => resolved(one).name)].join(' ').toLowerCase();

function search(entries) {
  const wanted = $('#search').value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const entry of entries) {
    entry.details.hidden = !wanted.every((word) => entry.text.includes(word));
    found += entry.details.hidden ? 0 : 1;
  }
  for (const noun of document.querySelectorAll('.noun')) {
    noun.hidden = [...noun.querySelectorAll('.operation')].every((details) => details.hidden);
  }
  $('#found').textContent = wanted.length ? `${found} of ${entries.length} routes` : `${entries.length} routes`;
}

async function logIn(event) {
  event.preventDefault();
  const body = JSON.stringify({ username: $('#username').value, password: $('#password').value });
  const said = $('#logged-in');
  try {
    const answer = await fetch(`${BASE}/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    const told = await answer.json();
    if (answer.ok) [$('#token').value, $('#password').value] = [told.access_token, ''];
    said.textContent = answer.ok ? `Logged in; the token is good for ${Math.round(told.expires_in / 60)} minutes.` : told.message;
  } catch {
    said.textContent = 'The server cannot be reached.';
  }
}

/** Opens the operation that the address names. */
function follow() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.classList.contains('operation')) {
    named.open = true;
    named.scrollIntoView();
  }
}

async function start() {
  api = await (await fetch('openapi.json')).json();
  const entries = Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => {
    const entry = { method: method.toUpperCase(), path, operation };
    return Object.assign(entry, { details: shownOperation(entry), text: searched(entry) });
  }));
  for (const { name, description } of api.tags) {
    const own = entries.filter(({ operation }) => operation.tags.includes(name));
    const id = `noun-${name}`;
    $('#nouns').append(element('li', {}, element('a', { href: `#${id}` }, name)));
    const section = element('section', { className: 'noun' }, element('h2', { id }, name), element('p', {}, description),
      own.map(({ details }) => details));
    section.setAttribute('aria-labelledby', id);
    $('#operations').append(section);
  }
  $('#about').append(' ', `Version ${api.info.version}.`);
  $('#search').addEventListener('input', () => search(entries));
  $('#login').addEventListener('submit', logIn);
  addEventListener('hashchange', follow);
  search(entries);
  follow();
}

start().catch(() => { $('#found').textContent = 'The document cannot be read; reload the page.'; });
