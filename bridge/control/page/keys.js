// Keyboard shortcuts, and the sheet that lists them.
import { button, element } from "./elements.js";

const rows = []; // [key, words, what it does]

export function key(name, words, work) {
  rows.push([name, words, work]);
}

let tabbed = false; // the keyboard chose what has the focus
let arriving = false; // a Tab is about to move it
addEventListener("pointerdown", () => { tabbed = arriving = false; }, true);

// As browsers do in a one-line field: what is typed next takes the place of the text.
addEventListener("focusin", ({ target }) => {
  if (arriving && target.matches("textarea")) target.select();
  arriving = false;
});

// Whether the space bar presses what was reached with Tab, as it does on every page.
function pressed({ key, target }) {
  return key === " " && tabbed
    && target.matches("[type=checkbox],button,a,summary,select,[role=slider]");
}

// A key counts while nothing is being typed and if `obeyed`; Escape ends the typing.
export function keys(obeyed) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") tabbed = arriving = true;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input:not([type=range],[type=checkbox]),textarea")) {
      if (event.key === "Escape" && !event.isComposing) event.target.blur();
      return;
    }
    if (pressed(event) || document.querySelector("dialog[open]:not(#sheet)")) return;
    const row = rows.find(([name]) => name === event.key);
    if (!row) return;
    event.preventDefault(); // even if not obeyed: or the space bar presses what was last clicked
    if (!event.repeat && obeyed(row[0])) row[2]();
  });
}

// One row for the keys of all looks.
function listed() {
  const digits = rows.filter(([name]) => /\d/.test(name));
  return [...rows.filter((row) => !digits.includes(row)),
    ...(digits.length ? [["1 … 9", "recall the look of that number"]] : [])];
}

export function sheet() {
  const dialog = document.getElementById("sheet");
  if (dialog.open) {
    dialog.close();
    return;
  }
  dialog.replaceChildren(element("h2", { textContent: "Shortcuts" }),
    element("table", {}, ...listed().map(([name, words]) => element("tr", {},
      element("th", { scope: "row" }, element("kbd", { textContent: name === " " ? "space" : name })),
      element("td", { textContent: words })))),
    element("p", { className: "note", textContent: "On a fader: the arrow keys; with shift ten "
      + "times finer. A double click sets the default. In a number: 0,7 and 2 s are read too." }),
    button("Close", () => dialog.close()));
  dialog.showModal();
}
