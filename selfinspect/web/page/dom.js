// Elements from data. Data is only ever text: nothing here parses HTML.

import { UNKNOWN } from "./words.js";

const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g;

/**
 * An element of a tag and its classes, as `p.quiet`, with attributes, if any, and children: text stays
 * text, nothing stands for what is empty.
 */
export function el(kind, ...children) {
  const [tag, ...classes] = kind.split(".").filter(Boolean);
  const element = document.createElement(tag);
  const attributes = children[0]?.constructor === Object ? children.shift() : {};
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value ?? false) element.setAttribute(name, value === true ? "" : value);
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
  return el("span.code", text);
}

/** A word or two with the colour of what they mean. */
export function mark(text, tone) {
  return el(`span.mark.${tone}`, text);
}

/** Names and values, those that there are; null is unknown. */
export function pairs(entries, kind = "") {
  return el(`dl.pairs.${kind}`, entries.filter(Boolean).flatMap(([name, value]) => [
    el("dt", name),
    el("dd", value ?? el("span.quiet", UNKNOWN)),
  ]));
}

/** The attributes of what the keyboard can scroll. */
export function scrolls(label) {
  return { tabindex: "0", role: "group", "aria-label": label };
}

/** A table whose caption says what it lists. */
export function table(caption, heads, rows, kind = "") {
  return el(`div.scroll.${kind}`, scrolls(caption),
    el("table",
      el("caption.unseen", caption),
      el("thead", el("tr", heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", rows.map((row) => el("tr", row.map((cell) => el("td", cell))))),
    ));
}

export function quiet(text) {
  return el("p.quiet", text);
}
