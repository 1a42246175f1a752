// Looks: a click on a thumbnail recalls one; `edit` renames, reorders, exports and deletes them.
import { ask, at } from "./connection.js";
import { button, element, twice } from "./elements.js";
import { attempt } from "./messages.js";

const tiles = element("div", { className: "tiles looks" });
const skipped = element("p", { className: "problem" });
const none = element("p", { className: "note", textContent: "Save the first look: what you see now, "
  + "by name and number." });
const add = button("Save as a new look", () => attempt(add, async () => {
  await ask("actions/look/save", "POST");
  await refresh();
}));
add.dataset.action = "look/save";
const again = button("", () => attempt(again, async () => {
  await ask("looks", "POST", { number: known.look });
  await refresh();
}), { hidden: true });
const edit = button("edit", () => {
  editing = !editing;
  edit.ariaPressed = editing;
  draw();
}, { ariaPressed: "false" });
const file = element("input", { type: "file", accept: "application/json,.json", hidden: true });
const take = button("import…", () => file.click(), { hidden: true });
let looks = [];
let known = {};
let editing = false;
let asked = ""; // the state for which the list was read

// The section's content.
export function panel() {
  file.onchange = () => file.files[0] && attempt(take, async () => {
    await ask("import_look", "POST", JSON.parse(await file.files[0].text()));
    file.value = "";
    await refresh();
  });
  return [tiles, none, element("div", { className: "buttons" }, add, again, edit, take, file),
    skipped];
}

// The state says which look was recalled or saved last, and that some were edited.
export function heard(state) {
  known = state;
  again.hidden = !known.look;
  again.textContent = `Save ${known.look} again`;
  const now = [known.look, known.look_name, known.show_edits].join();
  if (now !== asked) refresh(now);
  else mark();
}

// Recall the look of a number, if there is one.
export function recall(number) {
  tiles.querySelector(`[data-key="look-${number}"]`)?.click();
}

export async function refresh(now = asked) {
  asked = now;
  try {
    const found = await ask("looks");
    looks = found.looks;
    skipped.textContent = found.skipped.join(" ");
    draw();
  } catch {
    // The bridge is offline, as the badge shows; its state is sent again when it returns.
  }
}

function mark() {
  for (const tile of tiles.querySelectorAll("[data-key]")) {
    const on = tile.dataset.key === `look-${known.look}`;
    tile.classList.toggle("on", on);
    tile.ariaPressed = on;
    tile.querySelector(".soft").textContent = on && known.look_changed ? "changed since" : "";
  }
}

function draw() {
  const focused = tiles.contains(document.activeElement) && document.activeElement.dataset.key;
  tiles.replaceChildren(...looks.map(tile));
  none.hidden = looks.length > 0;
  edit.hidden = !looks.length;
  take.hidden = looks.length > 0 && !editing;
  mark();
  if (focused) tiles.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function tile(look, place) {
  const { number, name, missing } = look;
  const version = encodeURIComponent(look.saved);
  const play = element("button", { type: "button", title: look.pipeline }, element("div",
    { className: "paper" }, element("img", { alt: "",
      src: at(`looks/${number}/image?saved=${version}`) })),
  element("b", { textContent: `${number} ${name}` }), element("span", { className: "soft" }));
  play.dataset.key = `look-${number}`;
  if (missing.length) {
    play.append(element("span", { className: "lack", textContent: "cannot be recalled" }));
    play.title = missing.join(" ");
  }
  play.onclick = () => attempt(play, () => ask(`looks/${number}/recall`, "POST"));
  return element("div", {}, play, ...(editing ? [tools(look, place)] : []));
}

function tools({ number, name }, place) {
  const made = element("div", { className: "buttons" });
  const small = (text, label, work) => {
    const tool = button(text, () => attempt(tool, async () => {
      await work();
      await refresh();
    }), { className: "small", ariaLabel: `${label} look ${number}`, title: label });
    return tool;
  };
  const title = element("input", { type: "text", value: name, ariaLabel: `Name of look ${number}`,
    onchange: () => attempt(title, async () => {
      await ask(`looks/${number}`, "PATCH", { name: title.value });
      await refresh();
    }) });
  const order = looks.map((look) => look.number);
  const moved = (by) => {
    order.splice(place, 1);
    order.splice(place + by, 0, number);
    return ask("looks", "PUT", { order });
  };
  const save = element("a", { href: at(`looks/${number}/export`), className: "button small",
    download: `look-${number}.json`, textContent: "export" });
  made.append(title, ...(place ? [small("◂", "Move forward", () => moved(-1))] : []),
    ...(place < looks.length - 1 ? [small("▸", "Move back", () => moved(1))] : []), save,
    twice(small("×", "Delete", () => ask(`looks/${number}`, "DELETE")), "delete?"));
  return made;
}
