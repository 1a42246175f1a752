// A pad for the weights of two or three prompts: the nearer to a corner, the more of that prompt.
import { element } from "./elements.js";

const CORNERS = [[0.5, 0.06], [0.05, 0.92], [0.95, 0.92]]; // of prompts 1, 2 and 3
const STEP = 0.05; // of the pad's width, an arrow key

// `give` gets the weights, which sum to 1. `show(weights, used)`: of three prompts, which have text.
export function pad(give) {
  const handle = element("div", { className: "dot", tabIndex: 0, role: "slider" });
  handle.ariaLabel = "Blend of the prompts; the arrow keys move it";
  const corners = CORNERS.map(([x, y], number) => {
    const mark = element("span", { className: "corner", textContent: number + 1 });
    mark.style.setProperty("--x", x);
    mark.style.setProperty("--y", y);
    return mark;
  });
  const box = element("div", { className: "pad" }, ...corners, handle);
  let used = [true, true, false];
  let weights = [1, 0, 0];

  function draw() {
    const sum = weights.reduce((a, b) => a + b, 0) || 1;
    const [x, y] = [0, 1].map((axis) =>
      weights.reduce((all, weight, at) => all + weight / sum * CORNERS[at][axis], 0));
    handle.style.setProperty("--x", x);
    handle.style.setProperty("--y", y);
    const shares = weights.map((weight) => Math.round(weight / sum * 100));
    handle.ariaValueText = shares.map((share, at) => `prompt ${at + 1} ${share} %`)
      .filter((_, at) => used[at]).join(", ");
    handle.ariaValueNow = shares[0];
    corners.forEach((mark, at) => { mark.hidden = !used[at]; });
  }

  // The weights of a place, limited to the prompts in use.
  function moveTo(x, y) {
    const [[ax, ay], [bx, by], [cx, cy]] = CORNERS;
    const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
    const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
    const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
    const found = [a, b, 1 - a - b].map((part, at) => (used[at] ? Math.max(part, 0) : 0));
    const sum = found.reduce((all, part) => all + part, 0);
    if (!sum) return;
    weights = found.map((part) => Math.round(part / sum * 100) / 100);
    draw();
    give(weights.map((weight, at) => (used[at] ? weight : undefined)));
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
  const show = (now, inUse) => {
    [weights, used] = [now, inUse];
    box.hidden = inUse.filter(Boolean).length < 2;
    draw();
  };
  return { box, show };
}
