// Canvases that show the newest frame of one side, while one of them is wanted.
import { listen } from "./connection.js";

const WIDTH = 640; // pixels of a preview; of the output window:
const WIDEST = 1280;
const shown = {}; // the function that ends each side's preview

// `copies` are ids of canvases that show the same side.
export function preview(side, wanted = true, copies = []) {
  const canvas = document.getElementById(side);
  const figure = canvas.closest("figure");
  if (figure) figure.hidden = !wanted;
  if (wanted === side in shown) return;
  const canvases = [canvas, ...copies.map((id) => document.getElementById(id))];
  if (wanted) shown[side] = begin(side, canvases);
  else {
    shown[side]();
    delete shown[side];
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }
}

function begin(side, canvases) {
  let busy = false;
  const width = document.body.classList.contains("alone") ? WIDEST : WIDTH;
  return listen(`preview?side=${side}&width=${width}`, async (data) => {
    if (busy) return; // the next one is newer
    busy = true;
    try {
      const picture = await createImageBitmap(data);
      if (side in shown) for (const canvas of canvases) draw(canvas, picture);
      picture.close();
    } finally {
      busy = false;
    }
  });
}

function draw(canvas, picture) {
  if (canvas.id === "mini") {
    canvas.width = Math.round(canvas.height * picture.width / picture.height);
  } else if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.parentElement.style.setProperty("--shape", picture.width / picture.height);
  }
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
}
