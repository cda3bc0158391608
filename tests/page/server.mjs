// Starts the real server on a free port with an empty data directory, for one test file.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = resolve(process.env.DOORWARD_BIN ?? fileURLToPath(new URL('../../target/debug/doorward', import.meta.url)));

/**
 * Resolves to `{ origin, setupLink, stop }` once the server says that it listens; rejects with its last words if it ends before.
 * `setupLink` is a promise of the link that `--setup-link` asks for. `settings` are by their names, in capitals.
 */
export async function startServer(flags = [], settings = {}) {
  const home = mkdtempSync(join(tmpdir(), 'doorward-page-'));
  // The built-in settings: no Rocket.toml in the working directory, and nothing from our own environment
  // (DOORWARD_BIN itself would be an unknown setting).
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(DOORWARD|ROCKET|JWT)_/.test(name)));
  const named = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`DOORWARD_${name}`, value]));
  const env = { ...own, ...named, CHEAP_PASSWORDS_FOR_TESTS: '1' };
  const server = spawn(BINARY, ['serve', ...flags, '--address', '127.0.0.1', '--port', '0', '--data-dir', join(home, 'data')], {
    cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  server.stderr.on('data', (chunk) => { words = (words + chunk).slice(-4000); });

  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise((done) => server.once('close', done));

  let offered;
  const setupLink = new Promise((link) => { offered = link; });
  const origin = await new Promise((listening, failed) => {
    server.once('error', failed);
    server.once('close', (code) => failed(new Error(`${BINARY} ended with ${code} before it listened\n${words}`)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = /^listening on (http:\/\/\S+)/.exec(line);
      if (found) listening(found[1]);
      const link = /^set up .* (http:\/\/\S+#setup=\w+)$/.exec(line);
      if (link) offered(link[1]);
    });
  });

  return {
    origin,
    setupLink,
    async stop() {
      server.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
