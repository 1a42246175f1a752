// Reference images: buttons with picture and name; drop or choose one, take one of the input,
// delete one.
import { ask, at, fetched } from "./connection.js";
import { button, element, twice } from "./elements.js";
import { attempt } from "./messages.js";

const KINDS = "image/png,image/jpeg,image/webp,image/bmp,image/avif";
const pickers = new Set();

export function forget() {
  pickers.clear();
}

export function picker(spec, changed) {
  const file = element("input", { type: "file", accept: KINDS, hidden: true });
  const list = element("div", { className: "refs" });
  const note = element("span", { textContent: "drop an image here, or" });
  const open = button("choose…", () => file.click());
  const snap = button("snap", () => attempt(snap, async () => {
    await ask("actions/ref/snap", "POST");
    await refresh();
  }), { title: "Use the current input frame as the reference." });
  snap.dataset.action = "ref/snap";
  const more = button("", () => {
    all = !all;
    draw(known);
  }, { className: "small" });
  const box = element("div", { className: "drop" }, list,
    element("div", { className: "buttons" }, note, open,
      ...(spec.name === "reference" ? [snap] : []), more), file);
  let value = "";
  let known = [];
  let all = spec.name === "reference"; // the images not in use are shown too
  let drawn = "";
  const draw = (names) => {
    known = names;
    const now = JSON.stringify([names, value, all]);
    if (now === drawn) return; // a button that asks "delete?" must not start again
    drawn = now;
    const focused = list.contains(document.activeElement) && document.activeElement.dataset.key;
    list.replaceChildren(...names.filter((name) => all || name === value)
      .map((name) => reference(name, value, changed)));
    more.textContent = all ? "hide the others" : `show all ${names.length}`;
    more.hidden = !names.length;
    if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
  const take = (picked) => picked && attempt(box, async () => {
    changed(await upload(picked));
    await refresh();
  });
  file.onchange = () => take(file.files[0]);
  box.ondragover = (event) => {
    event.preventDefault();
    box.classList.add("over");
  };
  box.ondragleave = () => box.classList.remove("over");
  box.ondrop = (event) => {
    event.preventDefault();
    box.classList.remove("over");
    take(event.dataTransfer.files[0]);
  };
  pickers.add(draw);
  refresh();
  const show = (now) => {
    value = now;
    refresh();
  };
  return { field: open, parts: [box], show, wide: true };
}

// One image: a click uses it or, if it is in use, none; deleting it takes two clicks.
function reference(name, value, changed) {
  const picture = element("img", { src: at(`assets/${encodeURIComponent(name)}`), alt: "" });
  const choose = element("button", { type: "button", title: name, ariaPressed: name === value,
    onclick: () => changed(name === value ? "" : name) }, picture,
  element("span", { textContent: name }));
  choose.dataset.key = `use-${name}`;
  picture.classList.toggle("on", name === value);
  choose.classList.toggle("on", name === value);
  const remove = twice(button("×", () => attempt(remove, async () => {
    await ask(`assets/${encodeURIComponent(name)}`, "DELETE");
    await refresh();
  }), { className: "small delete", ariaLabel: `Delete ${name}` }), "delete?");
  remove.dataset.key = `delete-${name}`;
  return element("div", { className: "ref" }, choose, remove);
}

let asking = false;
let again = false; // requested again while a request was running

async function refresh() {
  again = true;
  if (asking) return;
  asking = true;
  try {
    while (again) {
      again = false;
      const names = await ask("assets");
      for (const redraw of pickers) redraw(names);
    }
  } catch {
    // The bridge is offline, as the badge shows; its values are sent again when it returns.
  } finally {
    asking = false;
  }
}

async function upload(file) {
  const name = encodeURIComponent(sendable(file.name));
  const answer = await fetched(`assets?name=${name}`, { method: "POST", body: file,
    headers: { "content-type": file.type || "application/octet-stream" } });
  return (await answer.json()).name;
}

// A file name without characters that the bridge refuses, and within its length limit.
export function sendable(name) {
  let kept = name.normalize("NFC").replace(/[/\\:*?"<>|\p{C}\p{Zl}\p{Zp}]|^[ .]|\.(?=\.)/gu, "_");
  while (new TextEncoder().encode(kept).length > 120) kept = [...kept].slice(1).join("");
  return kept.replace(/^[ .]/, "_");
}
