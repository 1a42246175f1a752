// The bridge's status: the badges, the reason, the figures and their last minute.
import { element } from "./elements.js";
import { cures } from "./messages.js";

const GOOD = { RUNNING: "good", FAILED: "bad", DEGRADED: "warn", RESTARTING: "warn", RECONNECTING: "warn" };
const LATE = 1; // seconds without a new image, or three blocks, until HOLD is shown
// The figures a performer needs, in this order; the API has the rest.
const FIGURES = [
  ["fps", "fps shown"], ["latency", "latency ms"], ["longest_gap", "longest gap ms"],
  ["black_frames", "black frames"], ["input_fps", "fps in"], ["output_fps", "fps out"],
  ["dropped_output", "drops"], ["restarts", "restarts"], ["memory", "memory MB"],
  ["engine_size", "engine size"], ["device", "runs on"], ["gpu_temperature", "GPU"],
];
const UNKNOWN_AT_FIRST = new Set(["engine_size", "device"]); // hidden until there is a value
const DRAWN = new Set(["fps", "latency", "memory"]); // with a line of the last minute
const MINUTE = 60; // samples, one a second
const SVG = "http://www.w3.org/2000/svg";

// What the output shows instead of new images, from the parameters `p` and the state `s`.
const BADGES = [
  ["BLIND", "blind", (p, s) => s.blind],
  ["BLACK", "black", (p) => p.black],
  ["FREEZE", "warn", (p) => p.freeze],
  ["BYPASS", "warn", (p) => p.bypass],
  ["MIX 0", "warn", (p) => p.mix === 0],
  ["HOLD", "warn", (p, s) => s.shown === "hold" && !p.freeze && s.picture_age > late(s)],
  ["FALLBACK", "warn", (p, s) => s.shown === "fallback"],
  ["INPUT", "warn", (p, s) => s.shown === "pass" && !p.bypass],
  ["TEST CARD", "warn", (p, s) => s.shown === "card"],
  ["DEMO WEIGHTS", "warn", (p, s) => (s.reason ?? "").includes("DEMO WEIGHTS")],
  ["VIEW ONLY", "quiet", () => viewer],
  ["STANDBY READY", "good", (p, s) => s.standby === "READY"],
  ["STANDBY LOADING", "quiet", (p, s) => s.standby === "LOADING"],
  ["STANDBY NOT READY", "warn", (p, s) => s.standby === "NOT READY"],
];

const cells = new Map();
const past = new Map([...DRAWN].map((name) => [name, []]));
let known = {};
let values = {};
let viewer = false; // the page was opened with a link for viewing
let away = ""; // why the bridge cannot be seen

export function prepare(specs) {
  const help = Object.fromEntries(specs.map((spec) => [spec.name, spec.help]));
  const list = document.getElementById("figures");
  list.replaceChildren(...FIGURES.map(([name, words]) => {
    const value = element("dd", { textContent: "–" });
    const cell = element("div", { title: help[name] ?? "", hidden: UNKNOWN_AT_FIRST.has(name) },
      element("dt", { textContent: words }), value, ...(DRAWN.has(name) ? [sparkline()] : []));
    cells.set(name, { cell, value });
    return cell;
  }));
}

export function show(news) {
  known = { ...known, ...news };
  badges();
  say("reason", known.reason || words(known.notes));
  say("source", known.source);
  say("sink", known.sink);
  if (news.error !== undefined) complain(known.error);
  for (const [name, { cell, value }] of cells) {
    value.textContent = shown(known[name]);
    if (UNKNOWN_AT_FIRST.has(name)) cell.hidden = !known[name];
  }
  showGpu(known);
  cells.get("black_frames")?.cell.classList.toggle("bad", known.black_frames > 0);
}

export function showValues(news) {
  values = { ...values, ...news };
  badges();
}

// The first badge is BLACK while the audience sees nothing, whatever the engine does.
function badges() {
  const on = BADGES.filter(([, , is]) => is(values, known)).map(([text, kind]) => [text, kind]);
  const state = [known.state ?? "connecting", GOOD[known.state] ?? ""];
  const black = on.find(([text]) => text === "BLACK");
  const all = away ? [[away, "bad"]]
    : black ? [black, ...on.filter((row) => row !== black), [state[0], "quiet"]] : [state, ...on];
  const [[text, kind], ...others] = all;
  const first = document.getElementById("state");
  if (first.textContent !== text) first.textContent = text;
  first.className = `badge ${kind}`;
  const list = document.getElementById("badges");
  const told = others.map((row) => row.join()).join(";");
  if (list.dataset.told === told) return; // a screen reader would read it again
  list.dataset.told = told;
  list.replaceChildren(...others.map(([text, kind]) => element("span",
    { className: `badge ${kind}`, textContent: text,
      title: text.startsWith("STANDBY") ? known.standby_reason ?? "" : "" })));
}

function late({ block_time: block }) {
  return Math.max(LATE, 3e-3 * (block ?? 0));
}

// All of the GPU in one figure, shown while the engine computes on one.
function showGpu({ device, gpu_temperature: heat, gpu_memory: megabytes, gpu_slowed_by: slowed }) {
  const { cell, value } = cells.get("gpu_temperature") ?? {};
  if (!cell) return;
  const parts = [heat && `${heat} °C`, megabytes && `${(megabytes / 1000).toFixed(1)} GB`,
    slowed && `slowed by ${slowed}`];
  value.textContent = parts.filter(Boolean).join(", ");
  cell.hidden = !value.textContent || !device || device === "CPU";
  cell.classList.toggle("bad", Boolean(slowed));
}

// The bridge's own problem, as long as it lasts.
function complain(text) {
  const error = document.getElementById("error");
  error.replaceChildren(text ?? "", ...cures(text ?? ""));
  error.hidden = !text;
}

// A link for viewing: everything is shown and can be searched, and nothing can be changed.
export function viewing(only) {
  viewer = only;
  document.body.classList.toggle("viewing", only);
  for (const part of document.querySelectorAll("#prompt, #side > :not(#tools, #nothing)")) {
    part.inert = only;
  }
}

export function gone(why = "bridge offline") {
  away = why;
  document.body.classList.add("gone");
  complain("");
  badges();
}

export function back() {
  away = "";
  document.body.classList.remove("gone"); // the first news have the error, if it still lasts
  badges();
}

function say(id, text) {
  document.getElementById(id).textContent = text ?? "";
}

function shown(value) {
  if (typeof value === "number") return Number.isInteger(value) ? value : value.toFixed(1);
  return value || "–";
}

function words(report) {
  return [...(report?.problems ?? []), report?.warm ?? ""].filter(Boolean).join(" ");
}

function sparkline() {
  const line = document.createElementNS(SVG, "polyline");
  const graph = document.createElementNS(SVG, "svg");
  graph.setAttribute("viewBox", `0 0 ${MINUTE - 1} 16`);
  graph.setAttribute("preserveAspectRatio", "none");
  graph.setAttribute("aria-hidden", "true");
  graph.append(line);
  return graph;
}

function sample() {
  if (away) return;
  for (const [name, samples] of past) {
    if (typeof known[name] !== "number") continue;
    samples.push(known[name]);
    samples.splice(0, samples.length - MINUTE);
    const top = Math.max(...samples) || 1;
    const points = samples.map((value, at) =>
      `${MINUTE - samples.length + at},${(15 - 14 * value / top).toFixed(1)}`);
    cells.get(name)?.cell.querySelector("polyline").setAttribute("points", points.join(" "));
  }
}

setInterval(sample, 1000);
