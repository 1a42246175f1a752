// A canvas that shows the newest frame of one side, while it is visible.
import { listen } from "./connection.js";

const shown = {}; // the function that ends each side's preview

export function preview(side, wanted = true) {
  const canvas = document.getElementById(side);
  canvas.closest("figure").hidden = !wanted;
  if (wanted === side in shown) return;
  if (wanted) shown[side] = begin(side, canvas);
  else {
    shown[side]();
    delete shown[side];
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }
}

function begin(side, canvas) {
  const paper = canvas.getContext("2d");
  let busy = false;
  return listen(`preview?side=${side}&width=640`, async (data) => {
    if (busy) return; // the next one is newer
    busy = true;
    try {
      const picture = await createImageBitmap(data);
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      if (side in shown) paper.drawImage(picture, 0, 0);
      picture.close();
    } finally {
      busy = false;
    }
  });
}
