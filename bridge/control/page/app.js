// The page, generated from the bridge's own schema.
import { forget } from "./assets.js";
import * as blind from "./blind.js";
import { ask, fetched, listen, PAUSED } from "./connection.js";
import { control } from "./controls.js";
import * as cues from "./cues.js";
import { button, element } from "./elements.js";
import { header, online, place, recorded, steps } from "./header.js";
import * as looks from "./looks.js";
import { log } from "./log.js";
import { hushAll } from "./messages.js";
import * as midi from "./midi.js";
import * as weights from "./models.js";
import * as pipelines from "./pipelines.js";
import * as prompt from "./prompt.js";
import { find, folding, search, section } from "./sections.js";
import * as showFile from "./showfile.js";
import { dropped, sources, use } from "./sources.js";
import { onlyOutput, stage } from "./stage.js";
import * as status from "./status.js";
import * as tempo from "./tempo.js";

const FIRST = ["Show", "Generate"]; // pages above source and pipeline
const ELSEWHERE = new Set(["tap", "beat", "blind", "blind/take", "blind/discard", "look/save",
  "ref/snap", "learn/cancel"]); // actions that have a place of their own
const rows = new Map();
const latest = {}; // the value of every parameter, even those without a control now
const hands = {}; // who moved it last
let schema;
let played = false; // there are looks
let shown = ""; // the schema without which pipeline is active
let looked = ""; // the pipeline whose controls are shown though it does not run

function groups() {
  const active = schema.pipelines.find((row) => row.active) ?? schema.pipelines[0];
  if (looked === active.id) looked = "";
  const seen = schema.pipelines.find((row) => row.id === looked) ?? active;
  const elsewhere = new Set(schema.pipelines.flatMap((row) => [...row.parameters, ...row.load]));
  const here = new Set([...seen.parameters, ...seen.load]);
  const pages = new Map(FIRST.map((name) => [name, []]));
  const words = new Map(); // the prompt's rows
  const beats = []; // the tempo's
  rows.clear();
  forget();
  for (const spec of schema.parameters) {
    if (elsewhere.has(spec.name) && !here.has(spec.name)) continue;
    const row = control(spec);
    rows.set(spec.name, row);
    if (prompt.PROMPTS.has(spec.name)) words.set(spec.name, row);
    else if (tempo.ROWS.has(spec.name)) beats.push(row);
    else pages.set(spec.page, [...(pages.get(spec.page) ?? []), row]);
  }
  prompt.prompts(words, seen.words ?? []);
  const pressed = schema.actions.filter(({ argument, name }) => !argument?.needed
    && !ELSEWHERE.has(name));
  const made = place(pressed);
  const danger = made.filter((each) => each.className === "danger");
  const buttons = section("Actions", element("div", { className: "buttons" },
    ...made.filter((each) => !danger.includes(each))),
  element("p", { className: "note", textContent: "Kill the engine and watch: the output holds, "
    + "no frame is black, and the engine restarts." }),
  element("div", { className: "buttons" }, ...danger));
  const cards = [...pages].filter(([, found]) => found.length)
    .map(([name, found]) => [name, section(name, ...found)]);
  const first = cards.filter(([name]) => FIRST.includes(name)).map(([, card]) => card);
  const others = cards.filter(([name]) => !FIRST.includes(name)).map(([, card]) => card);
  played = schema.actions.some(({ name }) => name === "look");
  document.getElementById("first").replaceChildren(...elsewhereNote(),
    ...(played ? [section("Cues", ...cues.panel()), section("Looks", ...looks.panel()),
      section("Show file", ...showFile.panel())] : []),
    ...first, section("Tempo", ...tempo.panel(beats)));
  blind.panel();
  document.getElementById("groups").replaceChildren(...others, buttons,
    section("MIDI", ...midi.panel(schema.parameters)));
  find();
}

// Whose controls these are, while another pipeline runs.
function elsewhereNote() {
  if (!looked) return [];
  return [element("div", { className: "message", role: "status" },
    element("span", { textContent: `These are the settings of ${looked}, which is not running.` }),
    button("Back", () => look("")))];
}

function look(id) {
  looked = id === looked ? "" : id;
  keepingFocus(groups);
  values(latest);
  pipelines.show(known, latest, looked);
}

let known = {};

function told(news) {
  known = { ...known, ...news };
  status.show(news);
  weights.heard(news);
  use(known);
  prompt.heard(known.notes, latest);
  steps(known);
  recorded(known);
  if (played) {
    looks.heard(known);
    cues.heard(known);
  }
  showFile.heard(known);
  tempo.heard(known);
  midi.heard(known);
  if ("blind" in news || "blind_values" in news) draw(blind.heard(known));
  const active = schema.pipelines.find((row) => row.active)?.id;
  if (news.pipeline !== undefined && news.pipeline !== active) {
    for (const row of schema.pipelines) row.active = row.id === news.pipeline;
    keepingFocus(groups);
    values(latest);
  }
  if (["pipeline", "loading", "progress", "phase"].some((name) => name in news)) {
    pipelines.show(known, latest, looked);
  }
}

function values(news) {
  Object.assign(latest, news);
  draw(Object.keys(news));
  status.showValues(news);
  if ("weights" in news) pipelines.show(known, latest, looked);
}

// Show the values of these names: those of the next look while it is edited blind.
function draw(names) {
  const set = blind.blindValues();
  const now = {};
  for (const name of names) {
    now[name] = set[name] ?? latest[name];
    const row = rows.get(name);
    row?.show(now[name]);
    row?.classList.toggle("unseen", name in set);
    if (name in hands) row?.movedBy(hands[name]);
  }
  prompt.show(now);
}

function heard(data) {
  const { type, values: news, who = {} } = JSON.parse(data);
  if (type === "state") told(news);
  else {
    Object.assign(hands, who);
    values(news);
  }
}

function take(found) {
  schema = found;
  shown = lasting(found);
  status.prepare(schema.state);
  groups();
  pipelines.take(schema);
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
  pipelines.show(known, latest, looked);
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
  if (connected) hushAll(); // what was refused before an outage need not be true after it
  online(alive || why === PAUSED);
  if (!alive) {
    status.gone(why);
    return;
  }
  status.back();
  if (connected) again();
  connected = true;
}

// A file may be dropped anywhere: where it is not taken, it is a show, or else a source.
function drops() {
  document.ondragover = (event) => event.preventDefault();
  document.ondrop = (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    if (document.getElementById("sources").closest("[inert]")) return; // locked, or only viewed
    const [file] = event.dataTransfer.files;
    if (file?.name.toLowerCase().endsWith(".show")) showFile.offer(file);
    else dropped(event.dataTransfer);
  };
}

async function begin() {
  let found;
  try {
    const answer = await fetched("schema");
    status.viewing(answer.headers.has("x-view-only"));
    found = await answer.json();
  } catch {
    status.gone();
    setTimeout(begin, 1000);
    return;
  }
  for (const id of ["sources", "pipelines", "log"]) folding(document.getElementById(id), id);
  header((name) => rows.get(name)?.give(!latest[name]), looks.recall);
  search();
  pipelines.pipelines(look);
  take(found);
  listen("events", heard, connection, true);
  sources();
  drops();
  log();
}

stage();
if (!onlyOutput) begin();
