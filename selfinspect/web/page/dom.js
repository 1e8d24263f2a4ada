// Elements from data. Data is only ever text: nothing here parses HTML.

import { UNKNOWN } from "./words.js";

const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g;

/** An element with attributes and children: text stays text, nothing stands for what is empty. */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value ?? false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0)
    .map((child) => typeof child === "string" ? plain(child) : child));
  return element;
}

/** A text without a terminal's colours; what else would hide text or turn its direction is spelt out. */
export function plain(text) {
  return text.replace(ESCAPES, "").replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function byId(id) {
  return document.getElementById(id);
}

/**
 * Show children in a place; nothing is touched where the data they are made of is the same.
 * What was unfolded stays so, by its `data-key`.
 */
export function show(place, data, make) {
  const key = JSON.stringify(data);
  if (place.shown === key) return;
  place.shown = key;
  const open = [...place.querySelectorAll("details[open][data-key]")].map(({ dataset }) => dataset.key);
  place.replaceChildren(...[make(data)].flat(Infinity).filter(Boolean));
  for (const details of place.querySelectorAll("details[data-key]")) {
    if (open.includes(details.dataset.key)) details.open = true;
  }
}

export function code(text) {
  return el("span", { class: "code" }, text);
}

/** A word or two with the colour of what they mean. */
export function mark(text, tone) {
  return el("span", { class: `mark ${tone}` }, text);
}

/** Names and values, those that there are; null is unknown. */
export function pairs(entries, kind = "") {
  return el("dl", { class: `pairs ${kind}`.trim() }, entries.filter(Boolean).flatMap(([name, value]) => [
    el("dt", null, name),
    el("dd", null, value ?? el("span", { class: "quiet" }, UNKNOWN)),
  ]));
}

/** A table whose caption says what it lists. */
export function table(caption, heads, rows, kind = "") {
  return el("div", { class: `scroll ${kind}`.trim(), tabindex: "0", role: "group", "aria-label": caption },
    el("table", null,
      el("caption", { class: "unseen" }, caption),
      el("thead", null, el("tr", null, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", null, rows.map((row) => el("tr", null, row.map((cell) => el("td", null, cell))))),
    ));
}

export function quiet(text) {
  return el("p", { class: "quiet" }, text);
}
