// Exchanges as they are shown, and requests as commands. Secrets are told by a click only.

import { at, bodyOf, headersOf } from './api.js';
import { $, button, code, copies, el, row } from './dom.js';
import { isOurs } from './session.js';

const SECRET = /password$|_token$|^(code|invite|key)$/;
const dots = (text) => (/^(ey|doorward_)/.test(text) ? `${text.slice(0, 10)}…` : '••••••••');

const discreet = (value) => JSON.parse(JSON.stringify(value), (name, item) => (typeof item === 'string' && item && SECRET.test(name) ? dots(item) : item));
const discreetly = ({ json, bearer, ...rest }) => ({ ...rest, json: json && discreet(json), bearer: bearer && dots(bearer) });

/** What `write(tells)` gives: without its secrets until a click. */
function secretive(write, ...buttons) {
  const texts = [write(false), write(true)];
  const pre = el('pre', { tabIndex: 0 }, texts[0]);
  const toggle = button('Show secrets', () => {
    const shows = pre.textContent === texts[0];
    pre.textContent = texts[Number(shows)];
    toggle.ariaPressed = shows;
  }, 'small');
  return [pre, row(buttons, texts[0] !== texts[1] && toggle)];
}

const url = ({ path }) => location.origin + at(path);

/** A word that the shell leaves as it is. */
const word = (text) => `'${text.replaceAll("'", "'\\''")}'`;

const SNIPPETS = {
  curl: (request) => [`curl -i ${request.method === 'GET' ? '' : `-X ${request.method} `}${word(url(request))}`,
    ...Object.entries(headersOf(request)).map(([name, value]) => `-H ${word(`${name}: ${value}`)}`),
    ...(request.json ? [`-d ${word(bodyOf(request))}`] : [])].join(' \\\n  '),
  fetch: (request) => `const response = await fetch('${url(request)}', ${JSON.stringify({ method: request.method, headers: headersOf(request),
    body: bodyOf(request) }, null, 2)});\nconsole.log(response.status, await response.text());`,
  Python: (request) => `import requests\n\nresponse = requests.request('${request.method}', '${url(request)}', headers=${JSON.stringify(headersOf(request))},
    data=${JSON.stringify(bodyOf(request) ?? '')}.encode())\nprint(response.status_code, response.text)`,
};

export const curlOf = (request) => secretive((tells) => SNIPPETS.curl(tells ? request : discreetly(request)),
  copies('Copy', () => SNIPPETS.curl(request), `Copy curl for ${request.method} ${request.path}`));

const lines = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join('\n');
const headline = ({ request, ok, line }, time) => el('span.line', code(`${request.method} ${request.path}`),
  el(ok ? 'span.status' : 'span.status.refused', line), el('span.time', time));

const asked = (request) => `${request.method} ${at(request.path)} HTTP/1.1\nhost: ${location.host}\n${lines(Object.entries(headersOf(request)))}\n
${bodyOf(request) ?? ''}`;

const got = ({ status, line, headers, body, text }) => (status ? secretive((tells) => `HTTP/1.1 ${line}\n${lines(headers)}\n
${body === undefined ? text : JSON.stringify(tells ? body : discreet(body), null, 2)}`) : []);

const TELLING = ['location', 'www-authenticate', 'retry-after', 'content-type', 'x-request-id'];

export const answered = (exchange) => [headline(exchange, `${exchange.ms} ms`),
  ...got({ ...exchange, headers: exchange.headers.filter(([name]) => TELLING.includes(name)) })];

export function remember(exchange) {
  const { request, at: time, ms } = exchange;
  const copy = Object.entries(SNIPPETS).map(([name, write]) => copies(`Copy as ${name}`, () => write(request)));
  $('#history-empty').hidden = true;
  $('#history').children[99]?.remove();
  const line = headline(exchange, `${time.toLocaleTimeString()} · ${ms} ms`);
  $('#history').prepend(el('li', isOurs(request.bearer) ? el('details', el('summary', line),
    secretive((tells) => asked(tells ? request : discreetly(request)), copy), got(exchange)) : line));
}
