// The output, large; the input wipes over it from the left. In a window of its own (?output=1) the
// output stands alone.
import { button, element } from "./elements.js";
import { preview } from "./preview.js";

const STEP = 5; // per cent of an arrow key
const alone = new URLSearchParams(location.search).has("output"); // a window of its own

export const onlyOutput = alone;

export function stage() {
  document.body.classList.toggle("alone", alone);
  const screen = document.getElementById("screen");
  screen.ondblclick = fullScreen;
  if (alone) {
    document.title = "spout-bridge output";
    preview("output");
    return;
  }
  preview("output", true, ["mini"]);
  preview("input", true, ["wiped"]);
  wipe(screen);
  document.querySelector("#stage .under").append(
    button("Full screen", fullScreen, { title: "the output alone; Esc leaves it" }),
    element("a", { href: "?output=1", target: "_blank", className: "button",
      textContent: "Output window", title: "the output alone, for a second display" }));
  new IntersectionObserver((seen) => {
    document.body.classList.toggle("away", !seen.at(-1).isIntersecting);
  }, { threshold: 0.4 }).observe(screen);
}

export function fullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.getElementById("screen").requestFullscreen?.();
}

let at = 0; // per cent of the width that shows the input

function wipeTo(value) {
  at = Math.min(Math.max(Math.round(value), 0), 100);
  const handle = document.getElementById("wipe");
  handle.ariaValueNow = at;
  handle.ariaValueText = at ? `input ${at} %` : "output only";
  document.getElementById("screen").style.setProperty("--wipe", `${at}%`);
}

// From the output alone to half of each, and back.
export function wipeToggle() {
  wipeTo(at ? 0 : 50);
}

function wipe(screen) {
  const handle = document.getElementById("wipe");
  const keys = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, Home: -100,
    End: 100 };
  handle.onkeydown = (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    wipeTo(at + keys[event.key]);
  };
  handle.onpointerdown = (event) => {
    handle.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus({ focusVisible: false });
  };
  handle.onpointermove = (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left, width } = screen.getBoundingClientRect();
    wipeTo((event.clientX - left) / width * 100);
  };
  handle.ondblclick = (event) => {
    event.stopPropagation();
    wipeTo(0);
  };
  wipeTo(0);
}
