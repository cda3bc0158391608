// A Node server that accepts Doorward's access tokens without asking for each, and still learns of a logout.
//
//   npm install jose
//   DOORWARD_URL=http://localhost:5000 DOORWARD_SERVICE_KEY=dws_… PORT=8001 node node_app.mjs
//
// The key: doorward service add node-app --scope revocations
// Where the server has a public_url, or an issuer or audience of its own: DOORWARD_ISSUER, DOORWARD_AUDIENCE, as they are there.

import { createServer } from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const url = process.env.DOORWARD_URL ?? 'http://localhost:5000';
const headers = { Authorization: `Bearer ${process.env.DOORWARD_SERVICE_KEY}` };
const issuer = process.env.DOORWARD_ISSUER ?? 'doorward';
const audience = process.env.DOORWARD_AUDIENCE;
const POLL_MS = 1000;

// Asks again for an unknown key, which anybody can name, every 30 s at most.
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', url));
const revoked = new Map(); // id → until when it matters
let cursor = '';
let complete = false;

// Asks for what is new. After a restart of the server the whole list comes again, with `reset`; adding it does no harm.
async function follow() {
  for (let more = true; more;) {
    const answer = await fetch(`${url}/revocations?since=${cursor}`, { headers, signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const news = await answer.json();
    for (const { id, exp } of news.revoked) revoked.set(id, exp);
    ({ cursor, more } = news);
  }
  complete = true;
  for (const [id, exp] of revoked) if (exp < Date.now() / 1000 - 60) revoked.delete(id);
}

async function followAlways() {
  // What was revoked stays so; what is new comes with the next answer.
  await follow().catch((error) => console.error(`cannot ask ${url}: ${error.message}`));
  setTimeout(followAlways, POLL_MS);
}

async function identify(request) {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', algorithms: ['ES256'] });
  if (!complete) throw new Error('it is not known yet what was revoked');
  if (revoked.has(payload.jti) || revoked.has(payload.sid)) throw new Error('it was revoked');
  return payload;
}

const server = createServer(async (request, response) => {
  const [status, body] = await identify(request).then(
    ({ username, sub }) => [200, { hello: username, id: sub }],
    (error) => {
      console.error(`refused a token: ${error.message}`); // says why, and nothing of the token
      return [401, { message: 'Log in first.' }];
    },
  );
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
});

followAlways();
server.listen(process.env.PORT ?? 8001, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
