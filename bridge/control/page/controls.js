// One control per parameter; `show` sets it to a value received from the bridge, `give` sends one.
import { picker } from "./assets.js";
import { blind } from "./blind.js";
import { set } from "./connection.js";
import { button, element } from "./elements.js";
import { fader, stepOf, written } from "./fader.js";
import { loraField } from "./loras.js";
import { copier, hush, tell } from "./messages.js";

const PAUSE = 400; // milliseconds after the last keystroke until a text is sent
const HELD = 700; // milliseconds for which a control being moved ignores other values
const MOST_TRAVEL = 1e6; // of an int: a fader for more values, such as a seed's, helps nobody
const OTHERS = new Set(["OSC", "REST", "set back", "rollback", "missed"]); // kinds of setters
const DRAW = -1; // of a parameter that `draws`: a new random value

export function control(spec) {
  const row = element("div", { className: "row", title: spec.help });
  row.dataset.parameter = spec.name;
  let current = spec.default; // what holds in the bridge
  let touched = -HELD;
  let timer;
  row.give = (value) => {
    touched = performance.now();
    set(spec.name, value, refused, held, spec.in_looks && blind());
  };
  row.show = (value) => {
    if (value !== current) hush(row);
    current = value;
    clearTimeout(timer);
    const wait = HELD - (performance.now() - touched);
    if (wait > 0) timer = setTimeout(() => draw(current), wait);
    else draw(current);
  };
  const who = element("span", { className: "who", hidden: true });
  row.movedBy = ({ hand, kind }) => { // another hand; what is done on a page is seen there
    who.hidden = !OTHERS.has(kind);
    who.textContent = `moved by ${hand}`;
  };
  const made = (KINDS[spec.kind] ?? text)(spec, row.give, () => draw(current));
  const back = button("↺", () => row.give(spec.default), { className: "small back",
    title: `default: ${spec.default === "" ? "empty" : spec.default}`,
    ariaLabel: `${spec.name}: back to its default` });
  row.field = made.field;
  row.append(name(spec, made.field), ...made.parts, ...tools(spec, back), who);
  if (made.wide) row.classList.add("text");

  function draw(value) {
    made.show(value);
    back.hidden = value === spec.default;
  }
  function held(value) {
    hush(row);
    if (value === current) row.show(value); // unchanged, so that no news come; else they do
  }
  function refused(sentence) {
    clearTimeout(timer);
    if (sentence) tell(row, sentence);
    (made.refused ?? draw)(current);
  }
  return row;
}

function name(spec, field) {
  field.id = `control-${spec.name}`;
  const short = spec.unit ? spec.name.replace(new RegExp(`_${spec.unit}$`), "") : spec.name;
  const words = short.replaceAll("_", " ") + (spec.unit ? ` (${spec.unit})` : "");
  return element("label", { htmlFor: field.id, textContent: words });
}

// Help and address, which a finger can open as well; after the field, so that the keyboard reaches
// the field first.
function tools(spec, back) {
  const address = `/bridge/${spec.osc}`;
  const help = element("p", { className: "help", hidden: true, id: `help-${spec.name}` },
    `${spec.help} `, copier(address, address, { className: "address",
      title: "copy this OSC address" }));
  const more = button("?", () => {
    help.hidden = !help.hidden;
    more.ariaExpanded = !help.hidden;
  }, { className: "small more", ariaLabel: `Help on ${spec.name}`, ariaExpanded: false });
  more.setAttribute("aria-controls", help.id);
  return [element("div", { className: "tools" }, back, more), help];
}

function range(spec, changed, restore) {
  const wide = spec.kind === "int" && spec.maximum - spec.minimum > MOST_TRAVEL;
  const unbound = spec.minimum === null || spec.maximum === null;
  const number = element("input", { type: "text", className: "number", autocomplete: "off",
    spellcheck: false, inputMode: spec.minimum >= 0 ? "decimal" : "text" });
  number.onchange = () => {
    if (number.value.trim()) changed(number.value.trim()); // read by the bridge: 0,7 and 2 s too
    else restore();
  };
  number.onkeydown = (event) => {
    const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter") number.blur();
    if (event.key === "Escape") {
      restore();
      number.select();
    }
    const value = Number(number.value.replace(",", ".")) + step * stepOf(spec);
    if (!step || !Number.isFinite(value)) return;
    event.preventDefault();
    number.value = written(spec, Math.min(Math.max(value, spec.minimum ?? value),
      spec.maximum ?? value));
    changed(number.value);
  };
  const showNumber = (value) => { number.value = written(spec, value); };
  if (wide || unbound) {
    const dice = spec.draws ? [button("draw", () => changed(DRAW),
      { className: "dice", ariaLabel: `Draw a new ${spec.name}` })] : [];
    const box = element("div", { className: "single" }, number, ...dice);
    return { field: number, parts: [box], show: showNumber, wide: true };
  }
  number.ariaLabel = `${spec.name} as a number`;
  const { box, slider, show } = fader(spec, (value) => {
    showNumber(value);
    changed(value);
  });
  return { field: slider, parts: [box, number], show: (value) => {
    show(value);
    if (document.activeElement !== number) showNumber(value);
  } };
}

function toggle(spec, changed) {
  const box = element("input", { type: "checkbox", role: "switch" });
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
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    clearTimeout(timer);
    late = undefined;
    if (spec.live) changed(area.value);
    area.blur(); // the next key is a shortcut; what is not live is sent by this, if it is new
  };
  if (!spec.live) area.onchange = () => changed(area.value);
  const show = (value) => {
    if (document.activeElement === area) late = value;
    else area.value = value;
  };
  area.addEventListener("blur", () => {
    if (late !== undefined) area.value = late;
    late = undefined;
  });
  const refused = (value) => { // sent with Enter, the text stays, to be mended
    if (document.activeElement === area) late = value;
  };
  return { field: area, parts: [area], show, refused, wide: true };
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
