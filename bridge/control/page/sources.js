// The sources available now, each with a thumbnail, the demo, and any film or picture: by its path,
// or uploaded.
// A click selects one as the input, or as VACE's control video or mask.
import { sendable } from "./assets.js";
import { ask, picture, upload } from "./connection.js";
import { button, element } from "./elements.js";
import { attempt, hush } from "./messages.js";
import { preview } from "./preview.js";

const BEAT = 2000; // milliseconds between two refreshes
const HERE = ["localhost", "127.0.0.1", "[::1]"]; // this page's machine is the bridge's

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
  element("button", { type: "submit", textContent: "Open" }),
  button("Choose a file…", () => file.click()));
const file = element("input", { type: "file", accept: "video/*,image/*", hidden: true });
const bar = element("progress", { max: 1, ariaLabel: "Upload" });
const arriving = element("span", { className: "soft" });
const stop = button("cancel", () => ending?.abort());
const upward = element("div", { className: "readiness", hidden: true, role: "status" }, arriving, bar,
  stop);
let ending; // of the upload that runs
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
  file.onchange = () => {
    if (file.files[0]) send(file.files[0]);
    file.value = "";
  };
  card.append(element("div", { className: "buttons" }, ...choices, none), standing, list, nothing,
    path, upward, file);
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

// A film or picture is used in the role that is chosen. Some file managers hand over its path, which
// means the same file if the bridge is on this machine; else the file itself is uploaded.
export function dropped(carried) {
  const uri = carried.getData("text/uri-list").split(/\r?\n/).find((line) => line.includes(":"))
    ?? carried.getData("text/plain").trim();
  const [dragged] = carried.files;
  if (dragged && !(uri && HERE.includes(location.hostname))) send(dragged);
  else if (uri) {
    field.value = uri.startsWith("file://") ? decodeURIComponent(new URL(uri).pathname)
      .replace(/^\/(?=[A-Za-z]:)/, "") : uri;
    take(field.value, path);
  }
}

function send(picked) {
  document.getElementById("sources").open = true;
  return attempt(path, async () => {
    if (ending) throw new Error("Another film is being uploaded; cancel it, or wait.");
    ending = new AbortController();
    const wanted = role;
    const progress = (part) => {
      bar.value = part;
      arriving.textContent = part < 1 ? `${picked.name}: ${Math.floor(100 * part)} %`
        : `${picked.name} is being opened`;
    };
    progress(0);
    hush(path);
    upward.hidden = false;
    upward.scrollIntoView({ block: "center" });
    try {
      const told = await upload(`films?name=${encodeURIComponent(sendable(picked.name))}`, picked,
        progress, ending.signal);
      if (told) await ask(wanted, "POST", { uri: told.uri });
    } finally {
      ending = undefined;
      upward.hidden = true;
    }
  });
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
