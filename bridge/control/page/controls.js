// One control per parameter; `show` sets it to a value received from the bridge.
import { set } from "./connection.js";
import { picker } from "./assets.js";
import { loraField } from "./loras.js";

const PAUSE = 400; // milliseconds after the last keystroke until a text is sent
const HELD = 700; // milliseconds for which a control being moved ignores other values

export function control(spec, refused) {
  const row = element("div", { className: "row", title: spec.help });
  const made = (KINDS[spec.kind] ?? text)(spec, (value) => {
    row.touched = performance.now();
    set(spec.name, value, refused);
  });
  row.append(label(spec, made.field), ...made.parts);
  if (made.wide) row.classList.add("text");
  let timer;
  row.show = (value) => {
    clearTimeout(timer);
    const wait = HELD - (performance.now() - (row.touched ?? -HELD));
    if (wait > 0) timer = setTimeout(() => row.show(value), wait);
    else made.show(value);
  };
  return row;
}

export function element(name, properties = {}, ...children) {
  const found = Object.assign(document.createElement(name), properties);
  found.append(...children);
  return found;
}

function label(spec, field) {
  const id = `control-${spec.name}`;
  field.id = id;
  const address = `/bridge/${spec.osc}`;
  const copy = element("button", { className: "address", type: "button", textContent: address,
    title: "copy this OSC address" });
  copy.onclick = () => navigator.clipboard?.writeText(address);
  const name = spec.unit ? spec.name.replace(new RegExp(`_${spec.unit}$`), "") : spec.name;
  const words = name.replaceAll("_", " ") + (spec.unit ? ` (${spec.unit})` : "");
  return element("div", {}, element("label", { htmlFor: id, textContent: words }), copy);
}

function range(spec, changed) {
  const step = spec.kind === "int" ? 1 : (spec.maximum - spec.minimum) / 200;
  const limits = { min: spec.minimum, max: spec.maximum };
  const slider = element("input", { type: "range", ...limits, step });
  const number = element("input", { type: "number", ...limits, step: "any" });
  number.setAttribute("aria-label", `${spec.name} as a number`);
  slider.oninput = () => {
    number.value = slider.value;
    changed(Number(slider.value));
  };
  number.onchange = () => {
    slider.value = number.value;
    changed(Number(number.value));
  };
  const show = (value) => {
    slider.value = value;
    number.value = spec.kind === "int" ? value : Math.round(value * 1000) / 1000;
  };
  return { field: slider, parts: [slider, number], show };
}

function toggle(spec, changed) {
  const box = element("input", { type: "checkbox" });
  box.onchange = () => changed(box.checked);
  return { field: box, parts: [box], show: (value) => { box.checked = value; } };
}

function choice(spec, changed) {
  const list = element("select", {}, ...spec.choices.map((name) => element("option",
    { value: name, textContent: name })));
  list.onchange = () => changed(list.value);
  return { field: list, parts: [list], show: (value) => { list.value = value; } };
}

function text(spec, changed) {
  if (spec.asset) return picker(spec, changed);
  if (spec.lora) return loraField(spec, changed);
  if (spec.suggestions.length) return suggested(spec, changed);
  const area = element("textarea", { rows: 1, spellcheck: false });
  let timer;
  let late; // the value received while the user was typing here
  area.oninput = () => {
    clearTimeout(timer);
    late = undefined;
    if (spec.live) timer = setTimeout(() => changed(area.value), PAUSE);
  };
  area.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    clearTimeout(timer);
    changed(area.value);
  };
  if (!spec.live) area.onchange = () => changed(area.value);
  const show = (value) => {
    if (document.activeElement === area) late = value;
    else area.value = value;
  };
  area.onblur = () => {
    if (late !== undefined) area.value = late;
    late = undefined;
  };
  return { field: area, parts: [area], show, wide: true };
}

// A list of values, and a field for any other, shown only when needed.
function suggested(spec, changed) {
  const known = new Set(spec.suggestions.map(({ value }) => value));
  const list = element("select", {},
    ...spec.suggestions.map(({ value, words }) => element("option",
      { value, textContent: `${value}: ${words}` })),
    element("option", { value: "", textContent: "other …" }));
  const field = element("input", { type: "text", spellcheck: false, autocomplete: "off",
    hidden: true });
  field.setAttribute("aria-label", `other ${spec.name}`);
  let value;
  const show = (now) => {
    value = now;
    if (document.activeElement === field) return; // the user is typing here
    list.value = known.has(now) ? now : "";
    field.value = known.has(now) ? "" : now;
    field.hidden = known.has(now);
  };
  list.onchange = () => {
    field.hidden = list.value !== "";
    if (list.value) {
      changed(value = list.value);
      return;
    }
    field.value = value;
    field.focus();
    field.select();
  };
  const give = () => {
    const asked = field.value.trim();
    if (asked && asked !== value) changed(value = asked);
  };
  field.onchange = give;
  field.onblur = () => show(value);
  const box = element("div", { className: "suggested" }, list, field);
  return { field: list, parts: [box], show, wide: true };
}

const KINDS = { float: range, int: range, bool: toggle, choice, text, size: text,
  steps: text };
