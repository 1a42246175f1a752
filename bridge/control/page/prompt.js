// The prompt: what a performer reaches first. Which words have an effect, words to click, what was
// played before, and the blend of up to three prompts.
import { button, element, remember, remembered } from "./elements.js";
import { pad } from "./pad.js";

const CHIPS = 12;
const STRONG = 400; // of the known words, which start with colours, moods, skies and weather
const KEPT = 30; // prompts of the history
const STILL = 2000; // milliseconds without a change until a prompt belongs to the history
const TEXTS = ["prompt", "prompt_2", "prompt_3"];
const WEIGHTS = TEXTS.map((name) => `${name}_weight`);

export const PROMPTS = new Set([...TEXTS, ...WEIGHTS, "fade"]);

let rows = new Map(); // of PROMPTS, as far as the pipeline has them
let words = []; // known to the pipeline; empty if it takes any text
let drawn = []; // words offered while nothing is typed
let field;
let blend;
let values = {};
let report = {}; // on the last block
let live = {}; // the values on the output, also while the field shows the next look's
let timer;
const understood = element("p", { className: "understood", role: "status" });
const chips = element("div", { className: "chips" });
const past = element("div", { className: "chips past" });
const history = element("details", { className: "sub" },
  element("summary", { textContent: "History" }), past);
const several = element("details", { className: "sub" });

// Fill the section for a pipeline with these rows of controls.
export function prompts(found, known) {
  [rows, words] = [found, known];
  const section = document.getElementById("prompt");
  section.hidden = !rows.has("prompt");
  if (section.hidden) return;
  field = rows.get("prompt").field;
  field.placeholder = "What should it look like?";
  field.addEventListener("input", () => {
    offer();
    mark();
  });
  field.addEventListener("blur", () => keep(field.value));
  draw();
  blend = pad(weigh);
  showBlend();
  const faders = [...TEXTS.slice(1), ...WEIGHTS].filter((name) => rows.has(name));
  several.replaceChildren(element("summary", { textContent: "Blend prompts" }),
    element("div", { className: "blend" }, element("div", {},
      ...faders.map((name) => rows.get(name))), blend.box));
  several.hidden = !rows.has("prompt_2");
  several.open ||= Boolean(values.prompt_2);
  const fade = rows.has("fade") ? [rows.get("fade")] : [];
  section.replaceChildren(rows.get("prompt"), understood, chips,
    element("div", { className: "more" }, several, history, ...fade));
  chips.onmousedown = past.onmousedown = (event) => event.preventDefault(); // the focus stays
  chips.setAttribute("aria-label", "Words for the prompt");
  chips.role = "group";
  remembering(remembered("prompts", []));
}

// The bridge's report on the last block, and the values on the output.
export function heard(notes, now) {
  [report, live] = [notes ?? {}, now];
  mark();
}

// Mark words only if the report is of what is in the field: not of the picture that stays while the
// next look is edited or a prompt was refused, nor of the text before.
function mark() {
  const told = isOfField();
  const used = told ? report.words_used ?? [] : [];
  const unused = told ? report.words_unused ?? [] : [];
  if (understood.dataset.told === JSON.stringify([used, unused])) return;
  understood.dataset.told = JSON.stringify([used, unused]);
  const marks = used.map((word) => element("mark", { textContent: word }));
  const none = unused.map((word) => element("s", { textContent: word }));
  understood.replaceChildren(
    ...(marks.length ? ["understood: ", ...marks] : []),
    ...(none.length ? [element("span", { className: "no" }, "no effect: ", ...none)] : []));
}

function isOfField() {
  if (field?.value !== live.prompt) return false;
  const texts = plain(TEXTS.map((name) => live[name]).join(" "));
  const words = [...report.words_used ?? [], ...report.words_unused ?? []];
  return plain(words.join(" ")).match(/[\p{L}\p{N}]*/gu).every((part) => texts.includes(part));
}

function plain(text) {
  return text.normalize("NFKC").toLowerCase();
}

export function show(news) {
  values = { ...values, ...news };
  mark();
  if (![...TEXTS, ...WEIGHTS].some((name) => name in news) || !blend) return;
  showBlend();
  if ("prompt" in news) {
    offer();
    clearTimeout(timer);
    timer = setTimeout(() => keep(values.prompt), STILL);
  }
}

function showBlend() {
  blend.show(WEIGHTS.map((name) => values[name] ?? 0), TEXTS.map((name) => Boolean(values[name])));
}

function weigh(weights) {
  weights.forEach((weight, at) => {
    const row = rows.get(WEIGHTS[at]);
    if (weight === undefined || !row) return;
    row.give(weight);
    row.show(weight);
  });
}

// Words that continue what is typed, else some to try.
function offer() {
  const [, before, begun] = /^(.*?)([^,\s]*)$/su.exec(field.value);
  const low = begun.toLowerCase();
  const found = low.length > 1 && document.activeElement === field
    ? words.filter((word) => word.startsWith(low) && word !== low).slice(0, CHIPS) : [];
  const shown = found.length ? found : drawn;
  chips.replaceChildren(...shown.map((word) => button(word, () => {
    const glue = before.trim() && !/[,\s]$/.test(before) ? ", " : "";
    put(found.length ? `${before}${glue}${word}` : joined(field.value, word));
  }, { className: "chip" })),
  ...(found.length || !words.length ? [] : [button("other words", () => {
    draw();
  }, { className: "chip quiet" })]));
  chips.hidden = !chips.children.length;
}

function draw() {
  const strong = words.slice(0, STRONG);
  drawn = [];
  while (drawn.length < Math.min(CHIPS, strong.length)) {
    const word = strong[Math.floor(Math.random() * strong.length)];
    if (!drawn.includes(word)) drawn.push(word);
  }
  offer();
}

function joined(text, word) {
  const start = text.trim().replace(/,$/, "");
  return start ? `${start}, ${word}` : word;
}

function put(text) {
  field.value = text;
  rows.get("prompt").give(text);
  keep(text);
  mark();
  const typing = field.closest("section").contains(document.activeElement);
  if (typing) {
    field.focus();
    field.setSelectionRange(text.length, text.length);
  }
  offer();
}

function keep(text) {
  clearTimeout(timer);
  if (!text?.trim()) return;
  const before = remembered("prompts", []);
  if (before[0] === text) return;
  remembering([text, ...before.filter((other) => other !== text)].slice(0, KEPT));
}

function remembering(all) {
  remember("prompts", all);
  history.hidden = !all.length;
  past.replaceChildren(...all.map((text) => button(text, () => put(text), { className: "chip" })),
    button("forget all", () => remembering([]), { className: "chip quiet" }));
}
