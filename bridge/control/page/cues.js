// Cues: the looks in the order of the show, edited where they stand. GO is in the header.
import { ask, at } from "./connection.js";
import { button, element, twice } from "./elements.js";
import { attempt } from "./messages.js";

const list = element("div", { className: "cues", role: "list" });
const heads = element("div", { className: "cue heads", ariaHidden: true },
  ...["look", "number", "name", "fade", "follow"].map((name) => element("span",
    { className: name, textContent: name === "number" ? "cue" : name })));
const none = element("p", { className: "note" });
const progress = element("progress", { ariaLabel: "Loading of the next cue", hidden: true });
const badge = element("span", { className: "badge" });
const why = element("span", { className: "soft" });
const readiness = element("div", { className: "readiness", role: "status" }, badge, why, progress);
const offered = element("select", { ariaLabel: "look of a new cue",
  onchange: () => { chosen = Number(offered.value); } });
const add = button("Add a cue", () => attempt(add, async () => {
  await ask("cues", "POST", { look: Number(offered.value) });
  await refresh();
}), { disabled: true });
const KINDS = { READY: "good", "NOT READY": "warn", LOADING: "" };
let chosen = 0; // the look of a new cue; 0 for the one shown
let cues = [];
let looks = [];
let known = {};
let asked = "";

// The section's content.
export function panel() {
  showGo();
  return [heads, list, none, element("div", { className: "buttons" }, add, offered)];
}

// The state says which cue was shown, and that cues or looks were edited, here or elsewhere.
export function heard(state) {
  const before = known.look;
  known = state;
  if (known.look !== before) chosen = 0;
  const now = [known.cue, known.cue_next, known.cue_waits, known.look, known.show_edits].join();
  if (now !== asked) refresh(now);
  else mark();
  showGo();
}

async function refresh(now = asked) {
  asked = now;
  try {
    const [listed, found] = await Promise.all([ask("cues"), ask("looks")]);
    [cues, looks] = [listed, found.looks];
    draw();
  } catch {
    // The bridge is offline, as the badge shows; its state is sent again when it returns.
  }
}

function offer() {
  offered.replaceChildren(...looks.map(option));
  offered.value = chosen || known.look;
  if (offered.selectedIndex < 0) offered.selectedIndex = 0;
  add.disabled = offered.hidden = !looks.length;
}

function option({ number, name }) {
  return element("option", { value: number, textContent: `${number} ${name}` });
}

function draw() {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const { key } = focused?.dataset ?? {};
  const typing = focused && focused.value !== focused.dataset.held ? focused.value : undefined;
  list.replaceChildren(...cues.map(row));
  heads.hidden = !cues.length;
  offer();
  none.hidden = cues.length > 0;
  none.textContent = looks.length ? "A cue shows a look. Add the first one: GO and the space bar "
    + "then show them one after the other." : "A cue shows a look: save one first.";
  mark();
  showGo();
  const again = key && list.querySelector(`[data-key="${CSS.escape(key)}"]`);
  again?.focus();
  if (again && typing !== undefined) again.value = typing;
}

function mark() {
  const target = known.cue_waits || known.cue_next;
  readiness.remove();
  for (const line of list.children) {
    const { number } = line.dataset;
    const shown = number === known.cue && Number(line.dataset.look) === known.look
      && !known.look_changed; // not after another look was recalled by hand
    line.classList.toggle("on", shown);
    line.classList.toggle("next", number === target);
    line.ariaCurrent = shown;
    if (number === target) line.append(readiness);
  }
  const state = known.standby ?? "";
  if (badge.textContent !== state) badge.textContent = state;
  badge.className = `badge ${KINDS[state] ?? ""}`;
  badge.hidden = !state;
  const waits = known.cue_waits ? "It goes as soon as it is ready." : "";
  const follows = known.cue_follow ? `It goes in ${known.cue_follow.toFixed(0)} s.` : "";
  const told = [known.standby_reason, waits, follows].filter(Boolean).join(" ");
  if (why.textContent !== told) why.textContent = told;
  progress.hidden = state !== "LOADING";
  progress.value = known.standby_progress ?? 0;
}

// GO says what it shows, or what waits; back and cancel are there while they do something.
function showGo() {
  const find = (name) => document.querySelector(`[data-action="${name}"]`);
  const [go, back, cancel] = ["go", "cue/back", "cue/cancel"].map(find);
  if (!go) return;
  const target = known.cue_waits || known.cue_next;
  go.hidden = !cues.length && !target;
  back.hidden = !cues.length || !known.cue;
  cancel.hidden = !known.cue_waits && !known.cue_follow;
  const name = cues.find(({ number }) => String(number) === target)?.name ?? "";
  const words = known.cue_waits ? `${target} waits` : target ? `${target} ${name}`.trim() : "end";
  if (go.dataset.told === words) return;
  go.dataset.told = words;
  go.classList.toggle("waits", Boolean(known.cue_waits));
  go.replaceChildren("GO", element("small", { textContent: words }));
}

function row(cue) {
  const { number } = cue;
  const line = element("div", { className: "cue", role: "listitem" });
  line.dataset.number = number;
  line.dataset.look = cue.look;
  line.dataset.key = `cue-${number}`;
  const change = (field, value) => attempt(line, async () => {
    try {
      await ask(`cues/${number}`, "PATCH", { [field]: value });
      const held = list.querySelector(`[data-key="cue-${number}-${field}"]`);
      if (held) held.dataset.held = held.value; // it is no longer being typed
    } finally {
      await refresh();
    }
  });
  const field = (name, properties, empty) => {
    const value = cue[name] ?? "";
    const made = element("input", { type: "text", autocomplete: "off", spellcheck: false,
      className: name, value, ariaLabel: `${name} of cue ${number}`, ...properties });
    made.dataset.key = `cue-${number}-${name}`;
    made.dataset.held = value;
    made.onchange = () => {
      const given = made.value.trim();
      made.dataset.held = made.value;
      change(name, given || empty === undefined ? given : empty);
    };
    made.onkeydown = (event) => {
      if (event.key === "Enter") made.blur();
      if (event.key !== "Escape") return;
      made.value = value;
      made.blur();
    };
    return made;
  };
  const play = button("", () => attempt(line,
    () => ask("actions/cue", "POST", { value: number })), { className: "play",
    ariaLabel: `Show cue ${number} now`, title: `Show cue ${number} now` });
  const look = looks.find((each) => each.number === cue.look);
  if (look) {
    play.append(element("img", { alt: "",
      src: at(`looks/${look.number}/image?saved=${encodeURIComponent(look.saved)}`) }));
  } else play.textContent = "?";
  const choice = element("select", {
    className: look ? "look" : "look problem", ariaLabel: `look of cue ${number}` },
    ...looks.map(option),
    ...(look ? [] : [element("option", { value: cue.look,
      textContent: `${cue.look} is missing` })]));
  choice.value = cue.look;
  choice.dataset.key = `cue-${number}-look`;
  choice.dataset.held = cue.look;
  choice.onchange = () => {
    choice.dataset.held = choice.value;
    change("look", Number(choice.value));
  };
  const remove = twice(button("×", () => attempt(line, async () => {
    await ask(`cues/${number}`, "DELETE");
    await refresh();
  }), { className: "small delete", ariaLabel: `Delete cue ${number}`, title: "Delete" }), "delete?");
  line.append(play, field("number", { inputMode: "decimal" }),
    field("name", { placeholder: "name" }, ""), choice,
    field("fade", { inputMode: "decimal", placeholder: "usual",
      title: "Seconds of fade; empty: as look fade says" }, null),
    field("follow", { inputMode: "decimal", placeholder: "–",
      title: "Seconds until the next cue goes by itself; empty: never" }, null), remove);
  return line;
}
