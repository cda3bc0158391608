// Elements, forms and tables, from data. What comes from a server or a person becomes text, never markup.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element with properties, attributes (names with a dash) and children; strings become text nodes. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-')) made.setAttribute(name, value);
    else if (value !== undefined) made[name] = value;
  }
  made.append(...children.flat(Infinity).filter((child) => child != null));
  return made;
}

export const code = (value) => el('code', {}, typeof value === 'string' ? value : JSON.stringify(value));
export const button = (text, onclick, className = '') => el('button', { type: 'button', onclick, className }, text);
export const row = (...children) => el('div', { className: 'buttons' }, children);

/** Says something for a moment; screen readers speak it. */
export function announce(text) {
  $('#announce').replaceChildren(text); // anew, so that the same words are spoken again
  setTimeout(() => $('#announce').replaceChildren(), 4000);
}

export const CODE = { name: 'code', label: 'Code', autocomplete: 'off', hint: 'Good once' };
export const PASSWORD = { name: 'password', label: 'Password', kind: 'password', autocomplete: 'current-password' };
export const CHOSEN = { ...PASSWORD, autocomplete: 'new-password', hint: 'At least 8 characters, and not a common one' };

function field(prefix, { name, label, kind = 'text', hint, choices = [], ...rest }) {
  const id = `${prefix}-${name}`;
  const input = el(/area|select/.test(kind) ? kind : 'input', { id, name, 'aria-describedby': `${id}-hint ${id}-fault`, autocapitalize: 'none', spellcheck: false, ...rest }, choices);
  if (input.matches('input')) input.type = kind;
  const reveal = ({ target }) => { input.type = target.checked ? 'text' : 'password'; };
  return el('div', { className: 'field' },
    kind === 'checkbox' ? el('label', {}, input, label) : [el('label', { htmlFor: id }, label), input],
    el('p', { className: 'hint', id: `${id}-hint` }, hint), el('p', { className: 'fault', id: `${id}-fault` }),
    kind === 'password' ? el('label', { className: 'reveal' }, el('input', { type: 'checkbox', onchange: reveal }), 'Show password') : null);
}

export function form(id, fields, verb, send) {
  const made = el('form', { id: `${id}-form`, noValidate: true }, fields.map((one) => field(id, one)), el('button', {}, verb));
  made.onreset = () => $$('.reveal :checked', made).forEach((box) => box.click());
  made.onsubmit = (event) => {
    event.preventDefault();
    send(typed(made), made);
  };
  return made;
}

/** What was typed, by name, without boxes that have no tick. */
export const typed = (form) => Object.fromEntries($$('.field [name]', form)
  .filter(({ type, checked }) => type !== 'checkbox' || checked).map(({ name, type, value }) => [name, type === 'checkbox' || value]));

/** A table of objects; a column is a member's name, or a heading and what it shows. */
export function table(caption, columns, rows, shown) {
  const pairs = columns.map((column) => (Array.isArray(column) ? column : [column.replace('_', ' '), (one) => shown(one[column], column)]));
  return el('table', { className: 'rows' }, el('caption', { className: 'unseen' }, caption),
    el('thead', {}, el('tr', {}, pairs.map(([heading]) => el('th', { scope: 'col' }, heading)))),
    el('tbody', {}, rows.map((one) => el('tr', {}, pairs.map(([heading, show]) => el('td', { 'data-heading': heading }, show(one)))))));
}

/** Asks before something that cannot be undone; resolves to whether to go on. */
export function confirmed(question, explanation, verb) {
  const dialog = el('dialog', { className: 'card', 'aria-label': question }, el('form', { method: 'dialog' }, el('h2', {}, question),
    el('p', {}, explanation), row(el('button', {}, 'Cancel'), el('button', { className: 'danger', value: 'yes' }, verb))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((decide) => {
    dialog.onclose = () => {
      dialog.remove();
      decide(dialog.returnValue === 'yes');
    };
  });
}

/** A button that copies what `text()` gives. */
export function copies(label, text, spoken = label) {
  const made = button(label, () => {
    // The old way: browsers give navigator.clipboard only to https and localhost.
    const source = el('textarea', { className: 'unseen', value: text() });
    made.after(source);
    source.select();
    announce(document.execCommand('copy') ? 'Copied.' : 'This browser does not let a page copy.');
    source.remove();
    made.focus();
  }, 'small');
  made.ariaLabel = spoken;
  return made;
}
