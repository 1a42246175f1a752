// Tempo: beats per minute, tap, and what waits for a beat.
import { ask } from "./connection.js";
import { button, element } from "./elements.js";
import { attempt } from "./messages.js";

export const ROWS = new Set(["tempo", "quantise"]);

const BAR = 4; // beats
const dots = Array.from({ length: BAR }, () => element("i"));
const bar = element("span", { className: "bar", ariaHidden: true }, ...dots);
const told = element("span", { className: "soft" });
const tap = action("tap", "A beat is now; several set the tempo");
const one = action("beat", "The first beat of a bar is now", "beat 1", { value: 1 });

function action(name, title, words = name, body = {}) {
  const made = button(words, () => attempt(made, () => ask(`actions/${name}`, "POST", body)),
    { title });
  made.dataset.action = name;
  if (body.value) made.dataset.learn = `${name} ${body.value}`;
  return made;
}

// The section's content around its rows of controls.
export function panel(rows) {
  return [...rows, element("div", { className: "buttons tempo" }, tap, one, bar, told)];
}

export function heard({ bpm, beat, clock, beat_waits: waits }) {
  dots.forEach((dot, at) => dot.classList.toggle("on", at === Math.floor(beat) - 1));
  const text = [bpm ? `${bpm.toFixed(1)} bpm` : "", clock ? `from the clock of ${clock}` : "",
    waits ? `${waits} waits for its beat` : ""].filter(Boolean).join(", ");
  if (told.textContent !== text) told.textContent = text;
}
