// Elements, forms and tables, from data. What comes from a server or a person becomes text, never markup.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element, 'tag.class': properties and attributes (names with a dash), if any, and children. */
export function el(name, ...children) {
  const [tag, ...classes] = name.split('.');
  const made = document.createElement(tag);
  made.classList.add(...classes);
  const properties = children[0]?.constructor === Object ? children.shift() : {};
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-')) made.setAttribute(name, value);
    else if (value !== undefined) made[name] = value;
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

export const code = (value) => el('code', typeof value === 'string' ? value : JSON.stringify(value));
export const button = (text, onclick, className = '') => el('button', { type: 'button', onclick, className }, text);
export const row = (...children) => el('div.buttons', children);

export function announce(text) {
  $('#announce').replaceChildren(text); // anew, so that it is spoken again
  setTimeout(() => $('#announce').replaceChildren(), 4000);
}

export const CODE = { name: 'code', hint: 'Good once' };
export const PASSWORD = { name: 'password', kind: 'password', autocomplete: 'current-password' };
export const CHOSEN = { ...PASSWORD, autocomplete: 'new-password', hint: 'At least 8 characters, not a common one' };

function field(prefix, { name, label = name[0].toUpperCase() + name.slice(1).replace('_', ' '), kind = 'text', hint, choices = [], ...rest }) {
  const id = `${prefix}-${name}`;
  const input = el(/area|select/.test(kind) ? kind : 'input', { id, name, 'aria-describedby': `${id}-hint ${id}-fault`, autocapitalize: 'none', autocomplete: 'off',
    spellcheck: false, ...rest }, choices);
  if (input.matches('input')) input.type = kind;
  const reveal = ({ target }) => { input.type = target.checked ? 'text' : 'password'; };
  return el('div.field',
    kind === 'checkbox' ? el('label', input, label) : [el('label', { htmlFor: id }, label), input],
    el('p.hint', { id: `${id}-hint` }, hint), el('p.fault', { id: `${id}-fault` }),
    kind === 'password' && el('label.reveal', el('input', { type: 'checkbox', onchange: reveal }), 'Show password'));
}

export function form(id, fields, verb, send) {
  const made = el('form', { id: `${id}-form`, noValidate: true }, fields.map((one) => field(id, one)), el('button', verb));
  made.onreset = () => $$('.reveal :checked', made).forEach((box) => box.click());
  made.onsubmit = (event) => {
    event.preventDefault();
    send(typed(made), made);
  };
  return made;
}

/** What was typed or ticked, by name. */
export const typed = (form) => Object.fromEntries($$('.field [name]', form)
  .filter(({ type, checked }) => type !== 'checkbox' || checked).map(({ name, type, value }) => [name, type === 'checkbox' || value]));

/** A table of objects; a column is a member's name, or a heading and what it shows. */
export function table(caption, columns, rows, shown) {
  const pairs = columns.map((column) => (Array.isArray(column) ? column : [column.replace('_', ' '), (one) => shown(one[column], column)]));
  return el('table.rows', el('caption.unseen', caption),
    el('thead', el('tr', pairs.map(([heading]) => el('th', { scope: 'col' }, heading)))),
    el('tbody', rows.map((one) => el('tr', pairs.map(([heading, show]) => el('td', { 'data-heading': heading }, show(one)))))));
}

/** Asks back; resolves to whether to go on. */
export function confirmed(question, explanation, verb) {
  const dialog = el('dialog.card', { 'aria-label': question }, el('form', { method: 'dialog' }, el('h2', question),
    el('p', explanation), row(el('button', 'Cancel'), el('button.danger', { value: 'yes' }, verb))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((decide) => {
    dialog.onclose = () => {
      dialog.remove();
      decide(dialog.returnValue === 'yes');
    };
  });
}

export function copies(label, text, spoken = label) {
  const made = button(label, () => {
    // The old way: only https and localhost have navigator.clipboard.
    const source = el('textarea.unseen', { value: text() });
    made.after(source);
    source.select();
    announce(document.execCommand('copy') ? 'Copied.' : 'This browser lets no page copy.');
    source.remove();
    made.focus();
  }, 'small');
  made.ariaLabel = spoken;
  return made;
}
