// A pad for the weights of two or three prompts: the nearer to a corner, the more of that prompt.
import { element } from "./elements.js";

const LINE = [[0.07, 0.5], [0.93, 0.5]]; // the places of two prompts
const CORNERS = [[0.5, 0.08], [0.07, 0.9], [0.93, 0.9]]; // and of three
const STEP = 0.05; // of the pad's width, an arrow key

// `give` gets the weights, which sum to 1; undefined for a prompt without text. `show` gets the
// weights of three prompts, and which of them have text.
export function pad(give) {
  const handle = element("div", { className: "dot", tabIndex: 0, role: "slider" });
  handle.ariaLabel = "Blend of the prompts; the arrow keys move it";
  const corners = CORNERS.map((_, number) => element("span", { className: "corner",
    textContent: number + 1 }));
  const box = element("div", { className: "pad", hidden: true }, ...corners, handle);
  let weights = [1, 0, 0];
  let inUse = []; // the prompts in use, by number from 0
  let places = [];

  function draw() {
    const parts = inUse.map((at) => weights[at]);
    const sum = parts.reduce((all, part) => all + part, 0) || 1;
    const shares = parts.map((part) => part / sum);
    put(handle, [0, 1].map((axis) =>
      shares.reduce((all, share, at) => all + share * places[at][axis], 0)));
    handle.ariaValueText = shares.map((share, at) =>
      `prompt ${inUse[at] + 1} ${Math.round(share * 100)} %`).join(", ");
    handle.ariaValueNow = Math.round(shares[0] * 100);
  }

  function moveTo(x, y) {
    const shares = inUse.length === 2 ? onLine(x) : inCorners(x, y);
    const sum = shares.reduce((all, share) => all + share, 0);
    inUse.forEach((at, number) => { weights[at] = Math.round(shares[number] / sum * 100) / 100; });
    draw();
    give(weights.map((weight, at) => (inUse.includes(at) ? weight : undefined)));
  }

  function follow(event) {
    const { left, top, width, height } = box.getBoundingClientRect();
    moveTo((event.clientX - left) / width, (event.clientY - top) / height);
  }
  box.onpointerdown = (event) => {
    event.preventDefault();
    box.setPointerCapture(event.pointerId);
    handle.focus({ focusVisible: false });
    follow(event);
  };
  box.onpointermove = (event) => {
    if (box.hasPointerCapture(event.pointerId)) follow(event);
  };
  handle.onkeydown = (event) => {
    const way = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP] }[event.key];
    if (!way) return;
    event.preventDefault();
    const { style } = handle;
    moveTo(Number(style.getPropertyValue("--x")) + way[0],
      Number(style.getPropertyValue("--y")) + way[1]);
  };
  const show = (now, used) => {
    weights = [...now];
    inUse = used.flatMap((is, at) => (is ? [at] : []));
    box.hidden = inUse.length < 2;
    if (box.hidden) return;
    places = inUse.length === 2 ? LINE : CORNERS;
    corners.forEach((mark, at) => { mark.hidden = !inUse.includes(at); });
    inUse.forEach((at, number) => put(corners[at], places[number]));
    draw();
  };
  return { box, show };
}

function put(mark, [x, y]) {
  mark.style.setProperty("--x", x);
  mark.style.setProperty("--y", y);
}

function onLine(x) {
  const [[left], [right]] = LINE;
  const share = Math.min(Math.max((x - left) / (right - left), 0), 1);
  return [1 - share, share];
}

// The barycentric weights of a place in the triangle of the corners; outside, those of its edge.
function inCorners(x, y) {
  const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  return [a, b, 1 - a - b].map((share) => Math.max(share, 0));
}
