// A fader: a drawn track above a range input, which keeps the keyboard and the screen reader.
// A drag with shift is ten times finer, a double click sets the default, and a finger that scrolls
// the page moves nothing.
import { element } from "./elements.js";

const STEPS = { s: 0.1, ms: 1, fps: 1 }; // by unit; 0.01 for a share or a strength
const FINE = 10;
const PAGE = 10; // steps of a page key
const MANY = 2000; // steps; with more the low end gets most of the travel
const BENT = 3; // the power that does so
const SLACK = 8; // pixels a finger moves sideways until it drags

export function stepOf(spec) {
  return spec.kind === "int" ? 1 : STEPS[spec.unit] ?? 0.01;
}

// As many decimals as a fine step has.
export function written(spec, value) {
  if (spec.kind === "int") return String(value);
  const decimals = Math.round(-Math.log10(stepOf(spec) / FINE));
  return String(Number(Number(value).toFixed(Math.max(decimals, 1))));
}

export function fader(spec, changed) {
  const { minimum: low, maximum: high } = spec;
  const step = stepOf(spec);
  const power = low >= 0 && (high - low) / step > MANY ? BENT : 1;
  const slider = element("input", { type: "range", min: low, max: high, step: "any" });
  const box = element("div", { className: "fader" }, slider,
    element("div", { className: "track" }, element("i", { className: "mark" })));
  box.style.setProperty("--default", travel(spec.default));

  function travel(value) {
    return Math.min(Math.max((value - low) / (high - low), 0), 1) ** (1 / power);
  }
  function valueAt(place) {
    return low + (high - low) * Math.min(Math.max(place, 0), 1) ** power;
  }
  function show(value) {
    slider.value = value;
    slider.ariaValueText = written(spec, value) + (spec.unit ? ` ${spec.unit}` : "");
    box.style.setProperty("--at", travel(value));
  }
  function give(value, fine = false) {
    const grain = fine && spec.kind !== "int" ? step / FINE : step;
    const round = Number((Math.round(value / grain) * grain).toFixed(6));
    const held = Math.min(Math.max(round, low), high);
    show(held);
    changed(held);
  }

  const KEYS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: PAGE,
    PageDown: -PAGE };
  slider.onkeydown = (event) => {
    const { key, shiftKey: fine } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key in KEYS) give(Number(slider.value) + KEYS[key] * (fine ? step / FINE : step), fine);
    else if (key === "Home") give(low);
    else if (key === "End") give(high);
    else return;
    event.preventDefault();
  };
  slider.oninput = () => give(Number(slider.value), true); // by assistive technology

  let drag;
  box.onpointerdown = (event) => {
    if (event.button) return;
    const finger = event.pointerType === "touch";
    drag = { x: event.clientX, place: travel(Number(slider.value)), finger, moving: !finger };
    box.setPointerCapture(event.pointerId);
    if (finger) return;
    event.preventDefault();
    slider.focus({ focusVisible: false });
    if (event.shiftKey) return;
    const { left, width } = box.getBoundingClientRect();
    drag.place = (event.clientX - left) / width;
    give(valueAt(drag.place));
  };
  box.onpointermove = (event) => {
    if (!drag) return;
    const moved = event.clientX - drag.x;
    if (!drag.moving && Math.abs(moved) < SLACK) return;
    drag.moving = true;
    drag.x = event.clientX;
    drag.place += moved / box.getBoundingClientRect().width / (event.shiftKey ? FINE : 1);
    give(valueAt(drag.place), event.shiftKey);
  };
  box.onpointerup = box.onpointercancel = () => { drag = undefined; };
  box.ondblclick = () => give(spec.default, true);
  show(spec.default);
  return { box, slider, show };
}
