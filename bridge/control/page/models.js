// Weights: the pipelines' missing files, and their download.
import { ask } from "./connection.js";
import { element } from "./controls.js";

const LINE = 100e6 / 8; // bytes per second of a typical connection

const list = element("div", { className: "weights" });
const summary = element("summary");
const box = element("details", { id: "weights", hidden: true }, summary, list);
let attempt;
let running = "";

export function models(attempting) {
  attempt = attempting;
  document.getElementById("models").replaceChildren(box);
  refresh();
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
  let all;
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
  const room = element("p", { className: "note",
    textContent: all.away || `${gigabytes(all.free)} free in ${all.folder}` });
  list.replaceChildren(...lacking.map((row) => entry(row, all.download)),
    ...(error ? [error] : []), room);
}

function entry(row, download) {
  const files = row.files.filter((file) => !file.path);
  const words = `${row.id}: ${gigabytes(row.missing)} in ${files.length} file${
    files.length === 1 ? "" : "s"}, ${Math.max(1, Math.round(row.missing / LINE / 60))
    } min at 100 Mbit/s`;
  const what = element("span", { textContent: words,
    title: files.map((file) => `${file.repository}: ${file.file}, ${file.licence}`).join("\n") });
  if (download.pipeline === row.id) {
    const stop = element("button", { type: "button", textContent: "cancel" });
    stop.onclick = () => attempt(() => ask("models/cancel", "POST"));
    return element("div", { className: "row" }, what, stop,
      element("progress", { max: 1, value: download.progress }),
      element("p", { className: "note how", textContent: download.text }));
  }
  const get = element("button", { type: "button", textContent: "download" });
  get.disabled = Boolean(download.pipeline);
  get.onclick = () => attempt(async () => {
    await ask("models/download", "POST", { pipeline: row.id });
    await refresh();
  });
  return element("div", { className: "row" }, what, get);
}

function gigabytes(bytes) {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}
