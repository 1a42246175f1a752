// The page, generated from the bridge's own schema.
import { forget } from "./assets.js";
import { ask, listen } from "./connection.js";
import { control, element } from "./controls.js";
import * as weights from "./models.js";
import { preview } from "./preview.js";
import { sources, use } from "./sources.js";
import * as status from "./status.js";

const DANGER = new Set(["kill_engine"]);
const rows = new Map();
const latest = {}; // the value of every parameter, even those without a control now
let schema;
let shown = ""; // the schema without which pipeline is active

function groups() {
  const active = schema.pipelines.find((row) => row.active) ?? schema.pipelines[0];
  const elsewhere = new Set(schema.pipelines.flatMap((row) => [...row.parameters, ...row.load]));
  const here = new Set([...active.parameters, ...active.load]);
  const pages = new Map();
  rows.clear();
  forget();
  for (const spec of schema.parameters) {
    if (elsewhere.has(spec.name) && !here.has(spec.name)) continue;
    if (!pages.has(spec.page)) pages.set(spec.page, []);
    const row = control(spec, status.complaint);
    rows.set(spec.name, row);
    pages.get(spec.page).push(row);
  }
  const cards = [...pages].map(([name, found]) => element("section", { className: "card" },
    element("h2", { textContent: name }), ...found));
  // First what a show needs in a hurry: the output's controls, then the buttons.
  document.getElementById("groups").replaceChildren(...cards.slice(0, 1), actions(),
    ...cards.slice(1));
}

function actions() {
  const buttons = schema.actions.filter((row) => !row.argument?.needed).map(({ name, help }) => {
    const button = element("button", { type: "button", title: help,
      textContent: name.replaceAll(/[_/]/g, " ") });
    button.dataset.action = name;
    if (DANGER.has(name)) button.className = "danger";
    button.onclick = () => attempt(() => ask(`actions/${name}`, "POST"));
    return button;
  });
  const note = element("p", { className: "note", textContent:
    "Kill the engine and watch: the output holds, no frame is black, and the engine restarts." });
  return element("section", { className: "card" }, element("h2", { textContent: "Actions" }),
    element("div", { className: "buttons" }, ...buttons), note);
}

function pipelines(news = {}) {
  const buttons = schema.pipelines.map((row) => {
    const title = [row.title, row.memory].filter(Boolean).join("; ");
    const button = element("button", { type: "button", title, textContent: row.id });
    button.classList.toggle("on", row.active);
    button.onclick = () => attempt(() => ask("pipeline", "POST", { pipeline: row.id }));
    return button;
  });
  const active = schema.pipelines.find((row) => row.active);
  const parts = [element("h2", { textContent: "Pipeline" }),
    element("div", { className: "buttons" }, ...buttons),
    element("p", { className: "note",
      textContent: [active?.title, active?.memory].filter(Boolean).join("; ") })];
  const phase = news.phase || (news.progress < 1 ? "starting" : "first block");
  const loads = news.loading ? `loading ${news.loading}: ${phase}` : "";
  const step = loads || (news.phase && `${news.pipeline}: ${news.phase}`); // of a warm-up
  if (step) {
    parts.push(element("p", { className: "note", textContent: step }),
      element("progress", { max: 1, value: news.progress }));
  }
  document.getElementById("pipelines").replaceChildren(...parts);
}

let known = {};

function told(news) {
  known = { ...known, ...news };
  status.show(news);
  weights.heard(news);
  use(known);
  const shown = schema.pipelines.find((row) => row.active)?.id;
  if (news.pipeline !== undefined && news.pipeline !== shown) {
    for (const row of schema.pipelines) row.active = row.id === news.pipeline;
    keepingFocus(groups);
    values(latest);
  }
  if (["pipeline", "loading", "progress", "phase"].some((name) => name in news)) pipelines(known);
}

function values(news) {
  Object.assign(latest, news);
  for (const [name, value] of Object.entries(news)) rows.get(name)?.show(value);
}

let attempts = 0;

async function attempt(work) {
  const own = ++attempts;
  try {
    await work();
    if (own === attempts) status.complaint(""); // a late answer must not clear a newer complaint
  } catch (error) {
    status.complaint(error.message);
  }
}

function heard(data) {
  const { type, values: news } = JSON.parse(data);
  if (type === "state") told(news);
  else values(news);
}

function take(found) {
  schema = found;
  shown = lasting(found);
  status.prepare(schema.state);
  groups();
}

function lasting(found) {
  const still = found.pipelines.map(({ active, ...row }) => row);
  return JSON.stringify({ ...found, pipelines: still });
}

// After an outage: the bridge may have come back with other plug-ins, or as another version.
async function again() {
  let found;
  try {
    found = await ask("schema");
  } catch {
    return; // it is offline again, and so is the socket
  }
  if (lasting(found) === shown) return;
  keepingFocus(() => take(found));
  status.show({});
  values(latest);
  pipelines(known);
  weights.refresh();
}

// Rebuild controls; the one in use stays in use, with what is typed there.
function keepingFocus(rebuild) {
  const before = document.activeElement;
  const { id, dataset, ariaLabel, value, selectionStart = null, selectionEnd } = before;
  rebuild();
  const label = ariaLabel && `[aria-label="${CSS.escape(ariaLabel)}"]`;
  const name = id ? `#${CSS.escape(id)}` : dataset.action ? `[data-action="${dataset.action}"]`
    : label;
  const after = before.isConnected || !name ? null : document.querySelector(name);
  after?.focus();
  if (!after || selectionStart === null) return;
  after.value = value;
  after.setSelectionRange(selectionStart, selectionEnd);
}

let connected = false; // at least once

function connection(alive, why) {
  if (!alive) {
    status.gone(why);
    return;
  }
  if (connected) again();
  connected = true;
}

async function begin() {
  let found;
  try {
    found = await ask("schema");
  } catch {
    status.gone();
    setTimeout(begin, 1000);
    return;
  }
  take(found);
  pipelines();
  listen("events", heard, connection, true);
  preview("input");
  preview("output");
  sources(attempt);
  weights.models(attempt);
}

begin();
