// Sections of controls: they fold, which this browser remembers, and are searched by words.
import { element, remember, remembered } from "./elements.js";

const CLOSED = new Set(["Engine", "Video", "MIDI", "log"]); // at first

export function section(name, ...children) {
  const made = element("details", { className: "card" },
    element("summary", {}, element("h2", { textContent: name })), ...children);
  made.dataset.name = name;
  return folding(made, name);
}

// Let a `details` element remember whether it is open.
export function folding(details, name) {
  details.open = remembered("folds", {})[name] ?? !CLOSED.has(name);
  details.addEventListener("toggle", () => {
    if (details.isConnected && !searching()) {
      remember("folds", { ...remembered("folds", {}), [name]: details.open });
    }
  });
  return details;
}

const field = document.getElementById("search");

function searching() {
  return Boolean(field.value.trim());
}

export function search() {
  field.oninput = find;
  field.onkeydown = (event) => {
    if (event.key !== "Escape") return;
    field.value = "";
    find();
  };
}

// Show only the rows with all of the words, in opened sections; without words everything.
export function find() {
  const asked = field.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const card of document.querySelectorAll("#side details.card")) {
    const rows = [...card.querySelectorAll(":scope > .row, .buttons [data-action]")];
    const title = card.querySelector("h2").textContent.toLowerCase();
    let here = 0;
    for (const row of rows) {
      const text = `${title} ${row.textContent} ${row.title}`.toLowerCase();
      row.hidden = !asked.every((word) => text.includes(word));
      here += !row.hidden;
    }
    if (!rows.length) here = asked.every((word) => title.includes(word)) ? 1 : 0;
    card.hidden = !here;
    found += here;
    if (asked.length) card.open = true;
    else if (card.dataset.searched) card.open = remembered("folds", {})[nameOf(card)]
      ?? !CLOSED.has(nameOf(card));
    card.dataset.searched = asked.length ? "yes" : "";
  }
  document.getElementById("nothing").hidden = found > 0;
}

function nameOf(card) {
  return card.dataset.name ?? card.id;
}
