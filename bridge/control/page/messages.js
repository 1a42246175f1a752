// Messages stand where the click was: one sentence, and a button if there is a cure. The next try
// there removes it, and so does `hush` when it is no longer true.
import { button, element } from "./elements.js";

const PLACES = ".row, .cue, .buttons, .pipeline, .tiles, .drop, .path, .reach, dialog";

export function tell(place, text, ...buttons) {
  hush(place);
  const spot = spotOf(place);
  const note = element("div", { className: "message", role: "alert" },
    element("span", { textContent: text }), ...buttons, ...cures(text),
    button("×", () => note.remove(), { className: "small", ariaLabel: "Close this message" }));
  spot.after(note);
}

export function hush(place) {
  noteAt(spotOf(place))?.remove();
}

function noteAt(spot) {
  const next = spot.nextElementSibling;
  return next?.classList.contains("message") ? next : null;
}

export function hushAll() {
  for (const note of document.querySelectorAll(".message")) note.remove();
}

// The element that a message follows; what was clicked may have been drawn again since.
function spotOf(place) {
  const { key } = place.dataset;
  const now = place.isConnected || !key ? place
    : document.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? place;
  return now.closest(PLACES) ?? now;
}

// A sentence that names a command in backticks gets a button that copies it.
export function cures(text) {
  const [, command] = text.split("`");
  return command ? [copier("Copy the command", command)] : [];
}

export function copier(words, text, properties = {}) {
  const made = button(words, async () => {
    const before = made.textContent;
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "copied";
      setTimeout(() => { made.textContent = before; }, 1500);
    } catch { // without https only a page on this machine may copy
      tell(made, `This browser copies only over https or on the bridge's own machine: ${text}`);
    }
  }, properties);
  return made;
}

const attempts = new WeakMap(); // the number of the last one, by place

// Do what a click asks for; a refusal is told there, unless a newer click has been answered there.
// What is told there meanwhile stays: news of the bridge may come before the answer.
export async function attempt(place, work) {
  const spot = spotOf(place);
  const own = (attempts.get(spot) ?? 0) + 1;
  attempts.set(spot, own);
  const before = noteAt(spot);
  let told = "";
  try {
    await work();
  } catch (error) {
    if (!error.offline) told = error.message; // the badge shows that the bridge is offline
  }
  if (own !== attempts.get(spot)) return;
  if (told) tell(place, told);
  else before?.remove();
}
