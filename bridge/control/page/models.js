// Weights: the pipelines' missing files, and their download.
import { ask } from "./connection.js";
import { button, element, gigabytes } from "./elements.js";
import { attempt } from "./messages.js";

const LINE = 100e6 / 8; // bytes per second of a typical connection

const list = element("div", { className: "weights" });
const summary = element("summary");
export const box = element("details", { id: "weights", className: "sub", hidden: true }, summary,
  list);
let all = { pipelines: [], free: 0, folder: "", away: "" };
let changed = () => {};
let running = "";

export function models(told) {
  changed = told;
  refresh();
}

// Bytes that a pipeline lacks.
export function lacking(id) {
  return all.pipelines.find((row) => row.id === id)?.missing ?? 0;
}

export function room() {
  return all.away || `${gigabytes(all.free)} free in ${all.folder}`;
}

export async function download(id) {
  await ask("models/download", "POST", { pipeline: id });
  await refresh();
}

// Changes of the state: download progress; when it ends, the list is refreshed.
export function heard(news) {
  if (!("download" in news || "download_progress" in news)) return;
  const now = news.download ?? running;
  const bar = list.querySelector("progress");
  if (bar && "download_progress" in news) bar.value = news.download_progress;
  const line = list.querySelector(".how");
  if (line && "download" in news) line.textContent = now;
  if (now !== running && (!now || !running || !bar)) refresh();
  running = now;
}

export async function refresh() {
  try {
    all = await ask("models");
  } catch {
    return; // the bridge is offline, as the badge shows
  }
  const lacking = all.pipelines.filter((row) => row.missing);
  box.hidden = !lacking.length && !all.download.pipeline;
  if (all.download.pipeline) box.open = true;
  summary.textContent = lacking.length
    ? `Weights to download for ${lacking.map((row) => row.id).join(", ")}` : "Weights";
  const error = all.download.error && element("p", { className: "problem",
    textContent: all.download.error });
  list.replaceChildren(...lacking.map((row) => entry(row, all.download)),
    ...(error ? [error] : []), element("p", { className: "note", textContent: room() }));
  changed();
}

function entry(row, download_) {
  const files = row.files.filter((file) => !file.path);
  const words = `${row.id}: ${gigabytes(row.missing)} in ${files.length} file${
    files.length === 1 ? "" : "s"}, ${Math.max(1, Math.round(row.missing / LINE / 60))
    } min at 100 Mbit/s`;
  const what = element("span", { textContent: words,
    title: files.map((file) => `${file.repository}: ${file.file}, ${file.licence}`).join("\n") });
  if (download_.pipeline === row.id) {
    const stop = button("cancel", () => attempt(stop, () => ask("models/cancel", "POST")));
    return element("div", { className: "row" }, what, stop,
      element("progress", { max: 1, value: download_.progress, ariaLabel: "Download" }),
      element("p", { className: "note how", textContent: download_.text }));
  }
  const get = button("download", () => attempt(get, () => download(row.id)));
  get.disabled = Boolean(download_.pipeline);
  return element("div", { className: "row" }, what, get);
}
