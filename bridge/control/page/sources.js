// The sources available now, each with a thumbnail, the demo, and any film or picture by its path.
// A click selects one as the input, or as VACE's control video or mask.
import { ask, picture } from "./connection.js";
import { button, element } from "./elements.js";
import { attempt, tell } from "./messages.js";
import { preview } from "./preview.js";

const BEAT = 2000; // milliseconds between two refreshes

const ROLES = {
  source: { words: "input", help: "" },
  control: { words: "control",
    help: "Control video for VACE beside the input: depth, pose, edges." },
  mask: { words: "mask", help: "White where VACE may change the image; black is kept." },
};

const tiles = new Map(); // by URI
const list = element("div", { className: "tiles" });
const nothing = element("p", { className: "note", hidden: true,
  textContent: "No sender found." });
const choices = Object.entries(ROLES).map(([name, { words, help }]) => {
  const made = button(words, () => choose(name), { title: help });
  made.dataset.role = name;
  return made;
});
const standing = element("p", { className: "note" });
const none = button("none", () => take("none", none));
const field = element("input", { type: "text", spellcheck: false, autocomplete: "off",
  placeholder: "path of a film or picture, or a URI", ariaLabel: "Path or URI of a source" });
const path = element("form", { className: "path" }, field,
  element("button", { type: "submit", textContent: "Open" }));
let known = {};
let role = "source";
let onScreen = false;
let looking = false;
const demo = tile("demo:");
demo.button.classList.add("demo");
demo.show({ text: "a scene that moves, without a sender", problem: "" });

export function sources() {
  const card = document.getElementById("sources");
  path.onsubmit = (event) => {
    event.preventDefault();
    if (field.value.trim()) take(field.value.trim(), path);
  };
  card.append(element("div", { className: "buttons" }, ...choices, none), standing, list, nothing,
    path);
  card.ondragover = (event) => {
    event.preventDefault();
    card.classList.add("over");
  };
  card.ondragleave = () => card.classList.remove("over");
  card.ondrop = (event) => {
    event.preventDefault();
    card.classList.remove("over");
    dropped(event.dataTransfer);
  };
  draw([]);
  choose(role);
  new IntersectionObserver((seen) => {
    onScreen = seen.at(-1).isIntersecting;
    look();
  }).observe(card);
  document.addEventListener("visibilitychange", look);
  setInterval(look, BEAT);
}

export function use(state) {
  known = state;
  for (const button of choices) {
    const { role: name } = button.dataset;
    button.classList.toggle("on", name === role);
    button.setAttribute("aria-pressed", name === role);
    if (name !== "source") guide(name, button);
  }
  none.hidden = role === "source" || !known[role];
  standing.textContent = [known[role] && role !== "source" ? known[`${role}_input`] : "",
    (role !== "source" && known[role]) || ROLES[role].help].filter(Boolean).join(": ");
  standing.hidden = !standing.textContent;
  for (const tile of [demo, ...tiles.values()]) tile.mark();
}

function guide(name, button) {
  const used = known[name] ? `: ${known[name].split(" · ")[0]}` : "";
  button.textContent = ROLES[name].words + used;
  document.getElementById(`${name}_at`).textContent = known[name] ?? "";
  preview(name, Boolean(known[name]));
}

function choose(name) {
  role = name;
  use(known);
}

function take(uri, place) {
  return attempt(place, () => ask(role, "POST", { uri }));
}

// Some file managers hand over the path; browsers keep it from a page otherwise.
function dropped(carried) {
  const uri = carried.getData("text/uri-list").split(/\r?\n/).find((line) => line.includes(":"))
    ?? carried.getData("text/plain").trim();
  const [file] = carried.files;
  if (uri) {
    field.value = uri.startsWith("file://") ? decodeURIComponent(new URL(uri).pathname)
      .replace(/^\/(?=[A-Za-z]:)/, "") : uri;
    take(field.value, path);
  } else if (file) {
    field.focus();
    tell(path, `A browser does not say where ${file.name} is: copy its path in the file manager `
      + "(Windows: Shift, right click, Copy as path) and paste it here.");
  }
}

async function look() {
  if (looking || !onScreen || document.visibilityState !== "visible") return;
  looking = true;
  try {
    const rows = (await ask("sources")).filter((row) => row.live);
    draw(rows);
    // One after the other: the browser's few connections are needed for the controls.
    for (const row of rows) if (!row.problem) await tiles.get(row.uri).look();
  } catch {
    // The bridge is offline, as the badge shows; the next refresh may find it again.
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
  const buttons = [demo.button, ...uris.filter((uri) => uri !== "demo:")
    .map((uri) => tiles.get(uri).button)];
  const before = [...list.children];
  // Only if something changed: replaced elements lose the keyboard focus.
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
  const button = element("button", { type: "button", onclick: () => take(uri, button) },
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

// For `spout:` without a name, the status begins with the sender's name instead.
function isUsed(uri) {
  const inUse = known[role] ?? "";
  return inUse.startsWith(`${uri} · `) || inUse.startsWith(`${uri.replace(":", ": · ")}, `);
}
