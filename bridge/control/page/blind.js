// Blind: the controls set the next look, which is not on the output until it is taken.
import { ask } from "./connection.js";
import { button, element } from "./elements.js";
import { attempt } from "./messages.js";

const box = document.getElementById("blind");
const toggle = button("blind", () => attempt(toggle,
  () => ask(blind() ? "actions/blind/discard" : "actions/blind", "POST")),
{ ariaPressed: "false", title: "Prepare the next look without touching the output" });
const many = element("span", { className: "soft", role: "status" });
const fade = element("input", { type: "text", className: "number", placeholder: "usual",
  autocomplete: "off", inputMode: "decimal", id: "blind-fade" });
const take = button("take", () => attempt(take, () => ask("actions/blind/take", "POST",
  fade.value.trim() ? { value: fade.value.trim() } : {})), { className: "take",
  title: "Show what was set blind, with this fade" });
const discard = button("discard", () => attempt(discard,
  () => ask("actions/blind/discard", "POST")), { title: "Drop what was set blind" });
const tools = [element("label", { htmlFor: "blind-fade", textContent: "fade (s)" }), fade, take,
  discard];
let known = {};

// Whether the controls set the next look.
export function blind() {
  return Boolean(known.blind);
}

// The values that were set blind, by name.
export function blindValues() {
  return blind() ? known.blind_values ?? {} : {};
}

export function panel() {
  toggle.dataset.action = "blind";
  take.dataset.action = "blind/take";
  discard.dataset.action = "blind/discard";
  box.replaceChildren(toggle, many, ...tools);
  show();
}

// Returns the names whose shown value may be another one now.
export function heard(state) {
  const before = blindValues();
  known = state;
  show();
  return [...new Set([...Object.keys(before), ...Object.keys(blindValues())])];
}

function show() {
  const on = blind();
  const count = Object.keys(blindValues()).length;
  document.body.classList.toggle("blind", on);
  toggle.ariaPressed = on;
  toggle.textContent = on ? "BLIND" : "blind";
  toggle.title = on && count ? "Drop what was set blind, and edit the output again"
    : "Prepare the next look without touching the output";
  toggle.disabled = on && count > 0;
  take.disabled = !count;
  for (const tool of tools) tool.hidden = !on;
  many.textContent = !on ? "" : count ? `${count} ${count === 1 ? "value is" : "values are"} set, `
    + "not on the output" : "Controls set the next look, not the output; "
      + "a pipeline is switched at once";
}
