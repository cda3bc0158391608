// The Postman collection, run by newman against the real server: twice, because it promises to run again and again; and
// held to the document of the API, so that it has a request for every answer that can be brought about.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import newman from 'newman';
import { startServer } from './server.mjs';

const ADMIN = { username: 'boss', password: 'a keeper of the lantern' };
const collection = JSON.parse(readFileSync(new URL('../../static/postman_collection.json', import.meta.url)));

let server;
let open; // with the template's open user routes, as under `cargo run`
before(async () => {
  [server, open] = await Promise.all([startServer(['--setup-link']), startServer(['--user-routes', 'open'])]);
  const code = (await server.setupLink).split('#setup=')[1];
  const made = await fetch(`${server.origin}/setup`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, ...ADMIN }),
  });
  assert.equal(made.status, 201);
});
after(async () => { await Promise.all([server?.stop(), open?.stop()]); });

/** Every request below an item, with the folder's requests in order. */
const requests = (item) => (item.item ? item.item.flatMap(requests) : [item]);

const withAdmin = [{ key: 'admin_username', value: ADMIN.username }, { key: 'admin_password', value: ADMIN.password }];

/** Runs the collection; the names of the requests that it skipped. */
async function run(origin, variables) {
  const { run } = await promisify(newman.run)({
    collection: structuredClone(collection),
    envVar: [{ key: 'base_url', value: origin }, ...variables],
  });
  const failures = run.failures.map(({ source, error }) => `${source?.name}: ${error.test ?? error.name}: ${error.message}`);
  assert.deepEqual(failures, []);
  const all = requests(collection).map(({ name }) => name);
  const made = run.executions.map(({ item }) => item.name);
  const skipped = all.filter((name) => !made.includes(name));
  assert.deepEqual(made, all.filter((name) => made.includes(name)), 'each has a name of its own, and they run in order');
  for (const { item, response, assertions } of run.executions) {
    assert.ok(response, `${item.name} got an answer`);
    assert.ok(assertions.length > 2, `${item.name} checks its answer`); // more than the two that every request has
    assert.ok(assertions.every(({ skipped }) => !skipped), `${item.name} skips nothing`);
  }
  return { skipped, assertions: run.stats.assertions.total };
}

test('every request of the collection runs, twice, and every assertion holds', async () => {
  const { skipped, assertions } = await run(server.origin, withAdmin);
  assert.deepEqual(skipped, []);
  assert.deepEqual((await there()).map((list) => list.length), [1, 0, 0, 1], 'it takes away what it made');
  const before = await there();
  await run(server.origin, withAdmin);
  assert.deepEqual(await there(), before);
  console.log(`${requests(collection).length} requests, ${assertions} assertions`);
});

/** The ids of users, services, invites and keys. */
async function there() {
  const login = await fetch(`${server.origin}/login`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(ADMIN),
  });
  const headers = { Authorization: `Bearer ${(await login.json()).access_token}` };
  const lists = ['users', 'services', 'invites', 'keys'].map(async (noun) => {
    const list = await (await fetch(`${server.origin}/${noun}`, { headers })).json();
    return list[noun].map(({ id, kid }) => id ?? kid);
  });
  return Promise.all(lists);
}

test('what the server does not guard, and without an administrator what is theirs, is skipped', async () => {
  const { skipped } = await run(open.origin, []);
  const administration = requests(collection.item.find(({ name }) => name.endsWith('Administration'))).map(({ name }) => name);
  const others = skipped.filter((name) => !administration.includes(name));
  assert.equal(skipped.length - others.length, administration.length);
  assert.deepEqual(others, [
    'Get the user without a token → 401 authorization_required', 'Get somebody else → 403 forbidden',
    'Delete without a token → 401 authorization_required', 'Delete somebody else → 403 forbidden',
  ]);
});

// What no request can bring about on a server as it comes.
const OF_NO_REQUEST = {
  408: 'needs a client that sends slowly',
  429: 'would make whoever runs it wait',
  431: 'needs a head of more than 32 KiB, which Postman does not send',
  500: 'is a fault of the server',
  503: 'needs a server that is overloaded or cannot write',
};
// What the front or a body refuses alike at every route: one request shows it.
const SHOWN_ONCE = [413, 415];
const EXCEPTIONS = {
  'POST /register 403': 'needs a server where registration is closed',
  'POST /login 403': 'needs roles that make a token too long, which the server lets nobody give',
  'POST /refresh 403': 'the same',
  'POST /setup 201': 'needs the code that --setup-link prints',
  'POST /setup 409': 'the same',
};
// Words that no request brings about, beside those of the statuses above.
const NO_WORDS = { token_expired: 'needs a token that has expired', registration_closed: 'needs a server where it is' };

/** Method, path, status and word of a request of the collection. */
function told({ name, request }) {
  const [, status, word] = / → (\d{3})(?: ([a-z_]+))?$/.exec(name);
  return { method: request.method, path: request.url.replace('{{base_url}}', '').split('?')[0], status, word };
}

/** Whether a path is one of a template such as /user/{id}. */
function fits(template, path) {
  const [want, have] = [template.split('/'), path.split('/')];
  return want.length === have.length && want.every((part, index) => part === have[index] || (part.startsWith('{') && have[index] !== ''));
}

/** The words that an answer of the document may have. */
function words(document, answer) {
  const { content } = answer.$ref ? document.components.responses[answer.$ref.split('/').pop()] : answer;
  return Object.values(content ?? {}).flatMap(({ schema }) => schema?.allOf?.[1]?.properties?.error?.enum ?? []);
}

test('the collection has a request for each answer in the document of the API', async () => {
  const document = await (await fetch(`${server.origin}/openapi.json`)).json();
  const shown = requests(collection).map(told);
  const missing = [];
  const unused = new Set(Object.keys(EXCEPTIONS));
  for (const [path, operations] of Object.entries(document.paths)) {
    if (path.startsWith('/page/')) continue; // the page's modules, served as its app.js is
    for (const [method, { responses }] of Object.entries(operations)) {
      for (const [status, answer] of Object.entries(responses)) {
        const name = `${method.toUpperCase()} ${path} ${status}`;
        // 400 without malformed_json is the front's alone.
        const isOfAny = SHOWN_ONCE.includes(Number(status)) || (status === '400' && !words(document, answer).includes('malformed_json'));
        const isShown = shown.some((one) => one.status === status && (isOfAny || (one.method === method.toUpperCase() && fits(path, one.path))));
        if (!isShown && !OF_NO_REQUEST[status] && !unused.delete(name)) missing.push(name);
      }
    }
  }
  assert.deepEqual(missing, []);
  assert.deepEqual([...unused], [], 'exceptions that are none');
  const answers = Object.values(document.components.responses);
  const ofNoRequest = answers.filter((answer) => OF_NO_REQUEST[codeOf(answer)]).flatMap((answer) => words(document, answer));
  const shownOrNot = [...shown.map(({ word }) => word), ...ofNoRequest, ...Object.keys(NO_WORDS)];
  assert.deepEqual(document.components.schemas.ErrorWord.enum.filter((word) => !shownOrNot.includes(word)), []);
});

/** The status that an answer of the document says in its body. */
const codeOf = (answer) => Object.values(answer.content)[0].schema.allOf[1].properties.code.const;

test('the server hands out this very collection', async () => {
  const served = await fetch(`${server.origin}/postman_collection.json`);
  assert.equal(served.status, 200);
  assert.deepEqual(await served.json(), collection);
});
