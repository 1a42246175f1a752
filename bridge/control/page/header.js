// What is always in reach: undo and redo if the bridge has them, record, panic, live, the lock, and
// how the page looks.
import { ask } from "./connection.js";
import { button, element, remember, remembered, twice } from "./elements.js";
import { key, keys, sheet } from "./keys.js";
import { attempt, hush, tell } from "./messages.js";
import { fullScreen, wipeToggle } from "./stage.js";

const HERE = ["undo", "redo", "cue/back", "cue/cancel", "go", "panic", "live"]; // in this order
const NAMES = { "cue/back": "back", "cue/cancel": "cancel" };
const LOCKED = ["p", "l", "?", "k"]; // keys that a locked page obeys
const VIEWED = ["/", "w", "f", "t", "?"]; // and one that only views
const ASKED = { kill_engine: "kill it?" }; // before they are done

const lock = button("lock", () => lockTo(lock.ariaPressed !== "true"),
  { ariaPressed: "false", title: "Ignore all controls but panic and live (k)" });
const record = button("record", () => attempt(record, () =>
  ask("parameters", "PATCH", { record: record.ariaPressed !== "true" })),
{ id: "record", ariaPressed: "false", title: "Record the output to a new file" });
const theme = button("light", () => light(!document.documentElement.dataset.theme),
  { className: "quiet", title: "Light or dark (t)" });
const helps = button("?", sheet,
  { className: "quiet", ariaLabel: "Shortcuts", title: "Shortcuts (?)" });
let actions = [];
let told = ""; // of what undo left
let state = {};
let recording = ""; // the file
let lasted = 0; // seconds of it, as last seen

function locked() {
  return lock.ariaPressed === "true" || viewed();
}

function viewed() {
  return document.body.classList.contains("viewing");
}

function obeyed(name) {
  return !locked() || (viewed() ? VIEWED : LOCKED).includes(name);
}

export function header(toggle, recall) {
  light(remembered("light", false));
  key("/", "find a control", () => document.getElementById("search").focus());
  key("i", "type a prompt; Enter sends it, Esc leaves it", () => {
    const field = document.getElementById("control-prompt");
    field?.focus();
    field?.select();
  });
  key("p", "panic: fade to black and hold", () => press("panic"));
  key("l", "live: back from black, freeze and bypass", () => press("live"));
  key("b", "black", () => toggle("black"));
  key("h", "freeze", () => toggle("freeze"));
  key("y", "bypass", () => toggle("bypass"));
  key(" ", "GO: show the next cue", () => press("go"));
  key("u", "undo", () => press("undo"));
  key("U", "redo", () => press("redo"));
  for (const number of "123456789") key(number, `look ${number}`, () => recall(number));
  key("w", "wipe between input and output", wipeToggle);
  key("f", "full screen", fullScreen);
  key("k", "lock the page, and unlock it", () => lock.click());
  key("t", "light or dark", () => theme.click());
  key("?", "this list", sheet);
  keys(obeyed);
  const bar = document.querySelector("header");
  new ResizeObserver(() => {
    document.body.style.setProperty("--header", `${bar.offsetHeight}px`);
  }).observe(bar);
  document.getElementById("tools").append(theme, helps,
    element("a", { href: "docs", textContent: "API" }));
}

// Show the schema's actions: some here, the others are returned as buttons.
export function place(found) {
  actions = found;
  const named = new Map(found.map((action) => [action.name, action]));
  document.getElementById("reach").replaceChildren(
    ...HERE.filter((name) => named.has(name)).map((name) => actionButton(named.get(name))),
    record, lock);
  steps(state);
  return found.filter(({ name }) => !HERE.includes(name)).map(actionButton);
}

function actionButton({ name, help }) {
  const made = button(NAMES[name] ?? name.replaceAll(/[_/]/g, " "),
    () => attempt(made, () => ask(`actions/${name}`, "POST")), { title: help });
  made.dataset.action = name;
  if (!(name in ASKED)) return made;
  made.className = "danger";
  return twice(made, ASKED[name]);
}

// What undo and redo would do now, and what the last one left as it was.
export function steps(now) {
  state = now;
  for (const name of ["undo", "redo"]) {
    const found = document.querySelector(`[data-action="${name}"]`);
    if (!found) continue;
    found.title = state[name] ? `${name}: ${state[name]}` : `nothing to ${name}`;
    found.disabled = !state[`${name}_steps`] || locked();
  }
  for (const name of ["go", "cue/back", "cue/cancel"]) {
    const found = document.querySelector(`[data-action="${name}"]`);
    if (found) found.disabled = locked();
  }
  const note = state.undo_note ?? "";
  if (note === told) return;
  told = note;
  const place = document.getElementById("reach");
  if (note) tell(place, note);
  else hush(place);
}

// Whether the output is recorded, for how long, and at the end to which file.
export function recorded({ recording: file = "", recorded: seconds = 0 }) {
  const before = recording;
  recording = file;
  record.disabled = locked();
  record.ariaPressed = file !== "";
  lasted = file ? seconds : seconds || lasted; // a bridge that ends may know no length any more
  const time = `${Math.floor(lasted / 60)}:${String(Math.floor(lasted % 60)).padStart(2, "0")}`;
  record.textContent = file ? time : "record";
  if (before && !file) tell(record, `Recorded ${lasted ? `${time} ` : ""}to recordings/${before}`);
}

// Without the bridge its buttons do nothing, and look so.
export function online(is) {
  document.getElementById("reach").inert = !is;
}

function press(name) {
  if (!actions.some((action) => action.name === name)) return;
  document.querySelector(`[data-action="${name}"]`).click();
}

// A locked page keeps the two buttons that bring a show to safety.
function lockTo(on) {
  lock.ariaPressed = on;
  lock.textContent = on ? "unlock" : "lock";
  document.body.classList.toggle("locked", on);
  for (const part of [document.getElementById("prompt"), document.querySelector("main")]) {
    part.inert = on;
  }
  steps(state);
  record.disabled = locked();
}

function light(on) {
  if (on) document.documentElement.dataset.theme = "light";
  else delete document.documentElement.dataset.theme;
  theme.textContent = on ? "dark" : "light";
  remember("light", on);
}
