// MIDI: the ports of this browser, learning by touching a control of the page, and the maps.
import { ask, listen } from "./connection.js";
import { button, element, remember, remembered, twice } from "./elements.js";
import { attempt } from "./messages.js";

const BEHIND = 1024; // unsent bytes from which on a socket is behind
const AGAIN = 20; // milliseconds between two looks at one that is
const PRESSES = 256; // messages kept meanwhile, but for the newest of each fader
const FADERS = new Set(["cc", "cc14", "pitch"]); // kinds that may pick up
const RANGED = new Set(["float", "int"]); // kinds of parameters that have a range
const SHOWN = /^(look|cue)-([\d.]+)$/; // the keys of looks and cues
const DENIED = new Set(["NotAllowedError", "SecurityError"]);

const use = button("Use this browser's MIDI", () => attempt(use, begin), { id: "midi-use" });
const learn = button("MIDI learn", () => (learning ? stop() : start()), { id: "midi-learn",
  ariaPressed: "false", title: "Touch a control on the page, then move one of the controller" });
const lines = element("div", { className: "ports" });
const noPort = element("p", { className: "note", hidden: true,
  textContent: "This browser has no MIDI port: plug a controller in." });
const others = element("p", { className: "note" });
const list = element("div", { className: "maps", role: "list", ariaLabel: "MIDI maps" });
const none = element("p", { className: "note", textContent: "No control is mapped. Press MIDI "
  + "learn, touch a control on the page, and move one of your controller." });
const told = element("span", { role: "status" });
const bar = element("div", { id: "learning", hidden: true }, told,
  button("Done (Esc)", () => stop()));
document.body.append(bar);

const ports = new Map(); // by the browser's id of the input
let access;
let maps = [];
let specs = new Map();
let known = {};
let asked; // the state for which maps and ports were read
let learning = false;
let waits = ""; // what the bridge said when the last touched control began to wait

// The section's content.
export function panel(parameters) {
  specs = new Map(parameters.map((spec) => [spec.name, spec]));
  draw();
  return [element("div", { className: "buttons" }, use, learn), lines, noPort, others, list, none];
}

export function heard(state) {
  const news = state.midi_learn !== known.midi_learn;
  known = state;
  if (learning && news && known.midi_learn) {
    say(known.midi_learn);
    if (known.midi_learn !== waits) mark();
  }
  const now = [known.midi, known.midi_learn].join("\n");
  if (now !== asked) refresh(now);
}

// Another page or program may have changed the maps meanwhile.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && asked !== undefined) refresh();
});

async function refresh(now = asked) {
  asked = now;
  try {
    const found = await ask("midi");
    maps = found.maps;
    const here = new Set([...ports.values()].map(({ name }) => name));
    const open = found.ports.filter((name) => !here.has(name));
    others.textContent = open.length ? `Open by --midi at the bridge, or on another page: ${
      open.join(", ")}.` : "";
    draw();
  } catch {
    // The bridge is offline, as the badge shows; its state is sent again when it returns.
  }
}

// The ports of this browser.

async function begin() {
  access = await allowed();
  access.onstatechange = look;
  use.hidden = true;
  look();
}

async function allowed() {
  const instead = "open the port at the bridge: `spout-bridge run --midi NAME`";
  if (!isSecureContext) {
    throw new Error("A browser gives MIDI to pages over https and to those of its own machine: "
      + `on the bridge's machine open http://localhost:${location.port || 80}, or ${instead}`);
  }
  if (!navigator.requestMIDIAccess) {
    throw new Error(`This browser has no MIDI: take Chrome, Edge or Firefox, or ${instead}`);
  }
  try {
    return await navigator.requestMIDIAccess();
  } catch (error) {
    throw new Error(DENIED.has(error.name) ? "This browser lets this page use no MIDI: allow it in "
      + "the site settings, beside the address, and press again."
      : `This browser's MIDI does not start (${error.message}): ${instead}`, { cause: error });
  }
}

// Ports were found, plugged in or unplugged.
function look() {
  for (const { id, name } of access.inputs.values()) {
    if (ports.has(id)) continue;
    const found = port(unlike(name || "MIDI"));
    ports.set(id, found);
    lines.append(found.line);
  }
  for (const [id, each] of ports) each.plugged(access.inputs.get(id));
  noPort.hidden = ports.size > 0;
  refresh();
}

// A second controller of the same make gets a number.
function unlike(name) {
  const same = [...ports.values()].filter((each) => each.called === name).length;
  return { called: name, name: same ? `${name} ${same + 1}` : name };
}

function port({ called, name }) {
  const toggle = element("input", { type: "checkbox", role: "switch", ariaLabel: `Use ${name}`,
    checked: remembered("midi", []).includes(name) });
  const state = element("span", { className: "soft", role: "status" });
  const line = element("div", { className: "row" }, element("span", {}, `${name} `, state), toggle);
  const waiting = new Map(); // messages for a socket that is behind
  let input, output, socket, end, timer;
  let presses = 0;

  toggle.onchange = () => {
    const rest = remembered("midi", []).filter((each) => each !== name);
    remember("midi", toggle.checked ? [...rest, name] : rest);
    follow();
  };

  // Open it if it is wanted and there, else close it.
  function follow() {
    const wanted = toggle.checked && input;
    if (wanted && !end) attempt(toggle, open);
    if (!wanted) close();
    if (!input) note("unplugged");
  }

  async function open() {
    const opened = input;
    const own = end = () => {};
    note("opening");
    try {
      await opened.open();
    } catch (error) {
      if (end !== own) return;
      toggle.checked = false;
      close();
      throw new Error(`${name} does not open: close the program that uses it, and switch it on `
        + `again (${error.message}).`, { cause: error });
    }
    if (end !== own) return; // it was switched off or unplugged meanwhile
    opened.onmidimessage = ({ data }) => send(data);
    end = listen(`midi/port?name=${encodeURIComponent(name)}`, lamps, alive);
  }

  function close(why = "") {
    end?.();
    if (input) {
      input.onmidimessage = null;
      input.close();
    }
    end = socket = undefined;
    waiting.clear();
    note(why);
  }

  function alive(on, what, ended) {
    waiting.clear(); // what was moved in an outage is not played late
    socket = on ? what : undefined;
    if (on) {
      socket.binaryType = "arraybuffer";
      note(output ? "open" : "open, without lamps");
    } else if (ended) {
      toggle.checked = false;
      close(what);
    } else note(what);
  }

  function send(data) {
    if (socket?.readyState !== WebSocket.OPEN) return;
    const fader = data[0] >= 0xa0 && data[0] < 0xf0 && (data[0] & 0xf0) !== 0xc0;
    if (!fader && waiting.size >= PRESSES) return;
    // The newest of each fader, and of each half of its way: it may be a button.
    const key = fader ? [data[0], data[0] < 0xd0 ? data[1] : "", data.at(-1) >> 6].join()
      : presses += 1;
    waiting.delete(key);
    waiting.set(key, data);
    flush();
  }

  function flush() {
    clearTimeout(timer);
    for (const [key, data] of waiting) {
      if (socket.bufferedAmount > BEHIND) {
        timer = setTimeout(flush, AGAIN);
        return;
      }
      socket.send(data);
      waiting.delete(key);
    }
  }

  function lamps(data) {
    if (output?.state === "connected") output.send(new Uint8Array(data));
  }

  function note(text) {
    if (state.textContent !== text) state.textContent = text;
  }

  function plugged(found) {
    const now = found?.state === "connected" ? found : undefined;
    output = now && outputOf(now);
    if (now === input) return;
    if (input) close();
    input = now;
    follow();
  }

  return { called, name, line, plugged };
}

// The way back to an input's controller: some systems call it the same, others in and out.
function outputOf(input) {
  const plain = ({ name }) => (name ?? "").toLowerCase().replace(/(in|out)(put)?(?=\d*\b)/g, "");
  const alike = (found) => [...found.values()].filter((each) => each.state === "connected"
    && plain(each) === plain(input));
  return alike(access.outputs)[alike(access.inputs).indexOf(input)];
}

// The maps.

function draw() {
  const { key } = list.contains(document.activeElement) ? document.activeElement.dataset : {};
  list.replaceChildren(...maps.map(row));
  none.hidden = maps.length > 0;
  if (key) list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function row(map, place) {
  const { kind, number, channel, port: of, parameter, action, value, from, to } = map;
  const control = [kind === "pitch" || number < 0 ? kind : `${kind} ${number}`,
    channel ? `channel ${channel}` : "any channel", of || "any port"].join(", ");
  const target = parameter ?? [action, value].filter((part) => part !== null).join(" ");
  const ends = [from, to].some((end) => (end ?? null) !== null)
    ? ` from ${from ?? "its lowest"} to ${to ?? "its highest"}` : "";
  const line = element("div", { role: "listitem" }, element("span", { textContent: control }),
    element("b", { textContent: target + ends }));
  line.dataset.key = `map-${place}`;
  const change = (...now) => attempt(line, async () => {
    try {
      const held = (await ask("midi")).maps;
      const at = held.findIndex((each) => JSON.stringify(each) === JSON.stringify(map));
      if (at < 0) return; // another page has changed it: that one is shown now
      held.splice(at, 1, ...now);
      await ask("midi", "PUT", { maps: held });
    } finally {
      await refresh();
    }
  });
  const mode = element("select", { ariaLabel: `Mode of ${control}`,
    title: "Pick-up moves nothing until the fader passes the value; jump is for motor faders" },
  ...["pick-up", "jump"].map((name) => element("option", { value: name, textContent: name })));
  mode.value = map.pickup ? "pick-up" : "jump";
  mode.dataset.key = `map-${place}-mode`;
  mode.onchange = () => change({ ...map, pickup: mode.value === "pick-up" });
  const remove = twice(button("×", () => change(), { className: "small delete",
    ariaLabel: `Delete ${control}: ${target}`, title: "Delete" }), "delete?");
  if (FADERS.has(kind) && RANGED.has(specs.get(parameter)?.kind)) line.append(mode);
  line.append(remove);
  return line;
}

// Learning: the next control of the page that is touched waits for one of the controller.

function start() {
  learning = true;
  say(known.midi ? "Touch a control on the page, then move one of your controller."
    : "No MIDI port is open: use this browser's MIDI and switch one on, or run the bridge with "
      + "--midi.");
  show();
}

function stop() {
  if (document.querySelector(".learns")) {
    ask("actions/learn/cancel", "POST").catch(() => {}); // it has learned or given up meanwhile
  }
  learning = false;
  if (bar.contains(document.activeElement)) learn.focus();
  mark();
  show();
}

function show() {
  learn.ariaPressed = learning;
  bar.hidden = !learning;
  document.body.classList.toggle("learning", learning);
}

function say(text) {
  if (told.textContent !== text) told.textContent = text;
}

// Mark the control that waits, and no other.
function mark(at) {
  for (const before of document.querySelectorAll(".learns")) before.classList.remove("learns");
  at?.classList.add("learns");
}

// What a part of the page moves, and the element that stands for it.
function touched(node) {
  for (let at = node; at?.dataset; at = at.parentElement) {
    const { learn: own, action, parameter, key = "" } = at.dataset;
    const name = own ?? action ?? parameter ?? SHOWN.exec(key)?.slice(1).join(" ");
    if (name) return { name, at };
  }
  return undefined;
}

async function choose({ name, at }) {
  try {
    await ask("actions/learn", "POST", { value: name });
    mark(at);
    waits = (await ask("midi")).learn;
    say(waits);
  } catch (error) {
    say(error.message);
  }
}

// What is touched moves nothing meanwhile; a shortcut, which makes a click of its own, still does.
for (const type of ["pointerdown", "mousedown", "dblclick", "click"]) {
  document.addEventListener(type, (event) => {
    const found = learning && event.isTrusted && touched(event.target);
    if (!found) return;
    event.stopPropagation();
    if (type !== "pointerdown") event.preventDefault();
    if (type === "click") choose(found);
  }, true);
}

document.addEventListener("keydown", (event) => {
  if (!learning) return;
  const found = event.key === "Enter" && event.target.matches("[type=range],[type=checkbox],select")
    && touched(event.target);
  if (event.key === "Escape") stop();
  else if (found) choose(found);
  else return;
  event.preventDefault();
  event.stopPropagation();
}, true);
