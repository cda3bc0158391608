// The Postman collection, run by newman against the real server: twice, because it promises to run again and again.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import newman from 'newman';
import { startServer } from './server.mjs';

let server;
before(async () => { server = await startServer(); });
after(async () => { await server?.stop(); });

/** Every request below an item, with the folder's requests in order. */
const requests = (item) => (item.item ? item.item.flatMap(requests) : [item]);

async function runsClean(collection) {
  const { run } = await promisify(newman.run)({
    collection,
    envVar: [{ key: 'base_url', value: server.origin }],
  });
  const failures = run.failures.map(({ source, error }) => `${source?.name}: ${error.test ?? error.name}: ${error.message}`);
  assert.deepEqual(failures, []);

  const all = requests(collection);
  assert.deepEqual(run.executions.map(({ item }) => item.name), all.map(({ name }) => name));
  for (const { item, response, assertions } of run.executions) {
    assert.ok(response, `${item.name} got an answer`);
    assert.ok(assertions.length > 2, `${item.name} checks its answer`); // more than the two that every request has
    assert.ok(assertions.every(({ skipped }) => !skipped), `${item.name} skips nothing`);
  }
  return { requests: all.length, assertions: run.stats.assertions.total };
}

test('every request of the collection runs, twice, and every assertion holds', async () => {
  const collection = JSON.parse(readFileSync(new URL('../../static/postman_collection.json', import.meta.url)));
  const { requests, assertions } = await runsClean(structuredClone(collection));
  await runsClean(structuredClone(collection));
  console.log(`${requests} requests, ${assertions} assertions`);
});

test('the server hands out this very collection', async () => {
  const served = await fetch(`${server.origin}/postman_collection.json`);
  assert.equal(served.status, 200);
  assert.deepEqual(await served.json(), JSON.parse(readFileSync(new URL('../../static/postman_collection.json', import.meta.url))));
});
