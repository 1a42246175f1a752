// Where pictures come from: what there is now, each with a small picture. A click takes it.
import { ask, picture } from "./connection.js";
import { element } from "./controls.js";

const BEAT = 2000; // milliseconds between two looks around

const tiles = new Map(); // by URI
const list = element("div", { className: "tiles" });
const nothing = element("p", { className: "note", hidden: true,
  textContent: "No sender is there now." });
let attempt;
let inUse = "";
let onScreen = false;
let looking = false;

export function sources(attempting) {
  attempt = attempting;
  const card = document.getElementById("sources");
  const field = element("input", { type: "text", spellcheck: false, autocomplete: "off",
    placeholder: "or type one: file:clip.mp4, demo:" });
  field.setAttribute("aria-label", "another source, by its URI");
  field.onkeydown = (event) => {
    if (event.key === "Enter") take(field.value.trim());
  };
  card.append(list, nothing, field);
  new IntersectionObserver((seen) => {
    onScreen = seen.at(-1).isIntersecting;
    look();
  }).observe(card);
  document.addEventListener("visibilitychange", look);
  setInterval(look, BEAT);
}

export function use(source) {
  inUse = source ?? "";
  for (const tile of tiles.values()) tile.mark();
}

function take(uri) {
  attempt(() => ask("source", "POST", { uri }));
}

async function look() {
  if (looking || !onScreen || document.visibilityState !== "visible") return;
  looking = true;
  try {
    const rows = (await ask("sources")).filter((row) => row.live);
    draw(rows);
    // One after the other: the browser's few connections are there for the controls.
    for (const row of rows) if (!row.problem) await tiles.get(row.uri).look();
  } catch {
    // The bridge is gone, which the badge says; the next look may find it again.
  } finally {
    looking = false;
  }
}

function draw(rows) {
  const uris = rows.map((row) => row.uri);
  for (const uri of tiles.keys()) if (!uris.includes(uri)) tiles.delete(uri);
  for (const row of rows) {
    if (!tiles.has(row.uri)) tiles.set(row.uri, tile(row.uri));
    tiles.get(row.uri).show(row);
  }
  const buttons = uris.map((uri) => tiles.get(uri).button);
  const before = [...list.children];
  // Only where something changed: what is put in anew loses the keyboard.
  if (buttons.length !== before.length || buttons.some((button, at) => button !== before[at])) {
    list.replaceChildren(...buttons);
  }
  nothing.hidden = uris.length > 0;
}

function tile(uri) {
  const image = element("img", { alt: "", hidden: true });
  const text = element("span", { className: "soft" });
  const problem = element("span", { className: "problem" });
  const missing = element("span", { className: "soft" });
  const button = element("button", { type: "button", onclick: () => take(uri) },
    element("div", { className: "paper" }, image), element("b", { textContent: uri }), text,
    problem, missing);
  image.onload = () => URL.revokeObjectURL(image.src);
  const mark = () => {
    button.classList.toggle("on", isUsed(uri));
    button.setAttribute("aria-pressed", isUsed(uri));
  };
  const show = (row) => {
    text.textContent = row.text;
    problem.textContent = row.problem;
    if (row.problem) missing.textContent = "";
  };
  const look = async () => {
    try {
      image.src = URL.createObjectURL(await picture(`thumbnail?uri=${encodeURIComponent(uri)}`));
      image.hidden = false;
      missing.textContent = "";
    } catch (error) {
      missing.textContent = error.message;
    }
    image.classList.toggle("old", missing.textContent !== "");
  };
  mark();
  return { button, mark, show, look };
}

// Where Spout takes what comes, the URI has no name, and its status begins with the sender's.
function isUsed(uri) {
  return inUse.startsWith(`${uri} · `) || inUse.startsWith(`${uri.replace(":", ": · ")}, `);
}
