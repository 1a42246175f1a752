// A canvas that shows the newest picture of one side.
import { listen } from "./connection.js";

export function preview(side) {
  const canvas = document.getElementById(side);
  const paper = canvas.getContext("2d");
  let busy = false;
  listen(`preview?side=${side}&width=640`, async (data) => {
    if (busy) return; // the next one is newer
    busy = true;
    try {
      const picture = await createImageBitmap(data);
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      paper.drawImage(picture, 0, 0);
      picture.close();
    } finally {
      busy = false;
    }
  });
}
