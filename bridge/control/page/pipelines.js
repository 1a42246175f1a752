// The pipelines: what this machine can run comes first, a click asks before it downloads, and the
// controls of any can be set before it runs.
import { ask } from "./connection.js";
import { button, element, gigabytes } from "./elements.js";
import { attempt, tell } from "./messages.js";
import * as weights from "./models.js";

const box = element("div");
let schema = { pipelines: [] };
let known = {};
let values = {};
let look = () => {}; // show the controls of a pipeline
let looked = ""; // the one whose controls are shown though it does not run

export function pipelines(lookAt) {
  look = lookAt;
  document.getElementById("pipelines").append(box, weights.box);
  weights.models(draw);
}

export function take(found) {
  schema = found;
  draw();
}

export function show(state, parameters, looking) {
  [known, values, looked] = [state, parameters, looking];
  draw();
}

function draw() {
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  const rows = schema.pipelines.map((row, at) => ({ row, rank: rank(row), at }))
    .sort((one, other) => one.rank - other.rank || one.at - other.at);
  const notes = box.querySelectorAll(".message");
  const kept = new Map([...notes].map((note) =>
    [note.previousElementSibling.dataset.pipeline, note]));
  box.replaceChildren(...rows.flatMap(({ row }) =>
    [entry(row), ...(kept.has(row.id) && !answered(row, kept.get(row.id))
      ? [kept.get(row.id)] : [])]),
  ...loading(), ...machinery());
  if (focused) box.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// What this machine can run, what a download would add, and what it lacks programs for.
function rank(row) {
  return row.missing ? 2 : weights.lacking(row.id) && !demo(row) ? 1 : 0;
}

// Whether what is said about a pipeline is no longer true.
function answered(row, note) {
  return row.active || (note.classList.contains("question") && !weights.lacking(row.id));
}

function demo(row) {
  return row.load.includes("weights") && values.weights === "demo";
}

function entry(row) {
  const lacks = weights.lacking(row.id);
  const start = button(row.id, () => ask_(start, row), { title: row.title });
  start.dataset.key = `run-${row.id}`;
  start.ariaPressed = row.active;
  start.classList.toggle("on", row.active);
  const settings = button("settings", () => look(row.id), { className: "small",
    ariaLabel: `Settings of ${row.id}`, ariaPressed: looked === row.id });
  settings.dataset.key = `settings-${row.id}`;
  settings.hidden = row.active || !(row.parameters.length + row.load.length);
  const words = [row.title, row.memory, lacks && !demo(row) && `${gigabytes(lacks)} to download`,
    demo(row) && "demo weights"].filter(Boolean).join("; ");
  const made = element("div", { className: "pipeline" }, start,
    element("span", { className: "soft", textContent: words }), settings);
  made.dataset.pipeline = row.id;
  return made;
}

// A pipeline without its weights is not asked of the bridge: the question says what it would take.
async function ask_(place, row) {
  const lacks = weights.lacking(row.id);
  if (!lacks || demo(row) || row.missing) {
    await attempt(place, () => ask("pipeline", "POST", { pipeline: row.id }));
    return;
  }
  tell(place, `${row.id} needs ${gigabytes(lacks)} of weights; ${weights.room()}${
    row.memory ? `; it ${row.memory}` : ""}.`,
  button(`Download ${gigabytes(lacks)}`, (event) => attempt(event.target,
    () => weights.download(row.id).then(() => event.target.closest(".message").remove()))));
  place.closest(".pipeline").nextElementSibling.classList.add("question");
}

function loading() {
  const phase = known.phase || (known.progress < 1 ? "starting" : "first block");
  const loads = known.loading ? `loading ${known.loading}: ${phase}` : "";
  const step = loads || (known.phase && `${known.pipeline}: ${known.phase}`); // of a warm-up
  return step ? [element("p", { className: "note", textContent: step }),
    element("progress", { max: 1, value: known.progress, ariaLabel: "Loading" })] : [];
}

const tests = element("div", { className: "buttons" });
const bench = element("details", { className: "sub", id: "machinery" },
  element("summary", { textContent: "Test the machinery: noise on purpose" }),
  element("p", { className: "note", textContent: "Small random weights: the picture is abstract "
    + "noise, and shows only that everything runs." }), tests);

function machinery() {
  const rows = schema.pipelines.filter((row) => row.load.includes("weights"));
  if (!rows.length) return [];
  tests.replaceChildren(...rows.map((row) => {
    const start = button(`${row.id} with demo weights`, () => attempt(start, () => ask("pipeline",
      "POST", { pipeline: row.id, weights: "demo" })));
    start.dataset.key = `demo-${row.id}`;
    return start;
  }), ...(values.weights === "demo" ? [button("real weights again", (event) => attempt(
    event.target, () => ask("parameters", "PATCH", { weights: "real" })))] : []));
  return [bench];
}
