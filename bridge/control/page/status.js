// The bridge's status: the badge, the reason, the figures.
import { element } from "./controls.js";

const GOOD = { RUNNING: "good", FAILED: "bad", DEGRADED: "warn", RESTARTING: "warn" };
// The figures a performer needs, in this order; the API has the rest.
const FIGURES = [
  ["fps", "fps shown"], ["latency", "latency ms"], ["longest_gap", "longest gap ms"],
  ["black_frames", "black frames"], ["input_fps", "fps in"], ["output_fps", "fps out"],
  ["dropped_output", "drops"], ["restarts", "restarts"], ["engine_size", "engine size"],
  ["device", "runs on"], ["gpu_temperature", "GPU"],
];

const cells = new Map();
let known = {};
let complained = ""; // the error of the last request made here

export function prepare(specs) {
  const help = Object.fromEntries(specs.map((spec) => [spec.name, spec.help]));
  const list = document.getElementById("figures");
  list.replaceChildren(...FIGURES.map(([name, words]) => {
    const value = element("dd", { textContent: "–" });
    const cell = element("div", { title: help[name] ?? "" },
      element("dt", { textContent: words }), value);
    cells.set(name, { cell, value });
    return cell;
  }));
}

export function show(news) {
  known = { ...known, ...news };
  badge(known.state, GOOD[known.state] ?? "");
  say("reason", known.reason || words(known.notes));
  say("source", known.source);
  say("sink", known.sink);
  if (news.error !== undefined) complaint(news.error ? "" : complained);
  for (const [name, { cell, value }] of cells) value.textContent = shown(known[name]);
  showGpu(known);
  cells.get("black_frames")?.cell.classList.toggle("bad", known.black_frames > 0);
}

// All of the GPU in one figure, which only a machine that has one shows.
function showGpu({ gpu_temperature: heat, gpu_memory: megabytes, gpu_slowed_by: slowed }) {
  const { cell, value } = cells.get("gpu_temperature") ?? {};
  if (!cell) return;
  const parts = [heat && `${heat} °C`, megabytes && `${(megabytes / 1000).toFixed(1)} GB`,
    slowed && `slowed by ${slowed}`];
  value.textContent = parts.filter(Boolean).join(", ");
  cell.hidden = !value.textContent;
  cell.classList.toggle("bad", Boolean(slowed));
}

// The newer of the two: a request refused here, or a problem of the bridge.
export function complaint(text) {
  complained = text;
  const error = document.getElementById("error");
  error.textContent = complained || known.error || "";
  error.hidden = !error.textContent;
}

export function gone(why = "bridge offline") {
  badge(why, "bad");
}

function badge(text, kind) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.className = `badge ${kind}`;
}

function say(id, text) {
  document.getElementById(id).textContent = text ?? "";
}

function shown(value) {
  return typeof value === "number" && !Number.isInteger(value) ? value.toFixed(1) : value ?? "–";
}

function words(report) {
  const unused = report?.words_unused ?? [];
  const problems = report?.problems ?? [];
  const warm = report?.warm ?? "";
  if (problems.length) return [...problems, warm].filter(Boolean).join(" ");
  if (!unused.length) return warm;
  return `words used: ${report.words_used.join(", ")}; ignored: ${unused.join(", ")}`;
}
