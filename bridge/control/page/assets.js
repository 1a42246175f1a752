// Reference images: drop or choose one; existing ones are shown as thumbnails.
import { ask, at } from "./connection.js";

const pickers = new Set();

export function forget() {
  pickers.clear();
}

export function picker(spec, changed) {
  const box = document.createElement("div");
  box.className = "drop";
  const file = Object.assign(document.createElement("input"),
    { type: "file", accept: "image/png,image/jpeg,image/webp,image/bmp,image/avif", hidden: true });
  const note = document.createElement("span");
  let value = "";
  const draw = (names) => {
    const pictures = names.map((name) => {
      const picture = Object.assign(document.createElement("img"),
        { src: at(`assets/${encodeURIComponent(name)}`), alt: name, title: name });
      picture.classList.toggle("on", name === value);
      picture.onclick = () => changed(name === value ? "" : name);
      return picture;
    });
    note.textContent = names.length ? "" : "drop an image here, or";
    box.replaceChildren(...pictures, note, open, file);
  };
  const take = async (picked) => {
    if (!picked) return;
    try {
      changed(await upload(picked));
      await refresh();
    } catch (error) {
      note.textContent = error.message;
    }
  };
  const open = Object.assign(document.createElement("button"),
    { type: "button", textContent: "choose…", onclick: () => file.click() });
  file.onchange = () => take(file.files[0]);
  box.ondragover = (event) => { event.preventDefault(); box.classList.add("over"); };
  box.ondragleave = () => box.classList.remove("over");
  box.ondrop = (event) => {
    event.preventDefault();
    box.classList.remove("over");
    take(event.dataTransfer.files[0]);
  };
  pickers.add(draw);
  draw([]);
  refresh();
  const show = (now) => { value = now; refresh(); };
  return { field: open, parts: [box], show, wide: true };
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
  const answer = await fetch(at(`assets?name=${name}`), { method: "POST", body: file,
    headers: { "content-type": file.type || "application/octet-stream" } });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.detail);
  return data.name;
}

// A file name without characters that the bridge refuses, and within its length limit.
function sendable(name) {
  let kept = name.normalize("NFC").replace(/[/\\:*?"<>|\p{C}\p{Zl}\p{Zp}]|^[ .]|\.(?=\.)/gu, "_");
  while (new TextEncoder().encode(kept).length > 120) kept = [...kept].slice(1).join("");
  return kept.replace(/^[ .]/, "_");
}
