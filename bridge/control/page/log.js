// The newest log lines, filtered by words and by level, while the section is open.
import { ask } from "./connection.js";
import { element } from "./elements.js";

const BEAT = 2000; // milliseconds between two requests
const KEPT = 500; // lines

const card = document.getElementById("log");
const words = element("input", { type: "search", placeholder: "filter", autocomplete: "off",
  ariaLabel: "Filter the log by words", oninput: draw });
const level = element("select", { ariaLabel: "Least level of the log", onchange: draw },
  ...["all", "warnings", "errors"].map((name) => element("option", { textContent: name })));
const list = element("ol", { className: "log" });
const none = element("p", { className: "note", textContent: "No line." });
const ERRORS = ["ERROR", "CRITICAL"];
const LEVELS = { all: [], warnings: ["WARNING", ...ERRORS], errors: ERRORS };
let lines = [];
let asking = false;

export function log() {
  card.append(element("div", { className: "path" }, words, level), list, none);
  card.addEventListener("toggle", look);
  setInterval(look, BEAT);
}

async function look() {
  if (!card.open || card.hidden || asking || document.visibilityState !== "visible") return;
  asking = true;
  try {
    const after = lines.at(-1)?.number ?? 0;
    const news = await ask(`log?after=${after}`);
    // Fewer than before: another bridge answers.
    if (news.newest < after) lines = [];
    if (news.lines.length || news.newest < after) {
      lines = [...lines, ...news.lines].slice(-KEPT);
      draw();
    }
  } catch {
    // The bridge is offline, as the badge shows; the next request may find it again.
  } finally {
    asking = false;
  }
}

function draw() {
  const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = LEVELS[level.value];
  const shown = lines.filter((line) => (!wanted.length || wanted.includes(line.level))
    && asked.every((word) => line.text.toLowerCase().includes(word)));
  const below = list.scrollHeight - list.scrollTop - list.clientHeight < 30;
  list.replaceChildren(...shown.map((line) => element("li", { className: line.level.toLowerCase() },
    element("time", { textContent: new Date(line.time * 1000).toLocaleTimeString() }),
    ` ${line.text}`)));
  none.hidden = shown.length > 0;
  if (below) list.scrollTop = list.scrollHeight;
}
