// Pictures: pixels in [0, 1], channel by channel, on canvases of their own size, which CSS enlarges.

/** A canvas for a picture of this shape; what it shows is said in words elsewhere. */
function pictureCanvas([, height, width], attributes = {}) {
  return element("canvas", { width, height, class: "picture", "aria-hidden": "true", ...attributes });
}

/** The picture as the bytes that a canvas takes. */
function rgba(pixels, [channels, height, width]) {
  const area = height * width;
  const data = new ImageData(width, height);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = 255 * pixels[(c % channels) * area + i]; // clamped and rounded by its type
    data.data[4 * i + 3] = 255;
  }
  return data;
}

function paint(canvas, pixels, shape) {
  canvas.getContext("2d").putImageData(rgba(pixels, shape), 0, 0);
}

/** Grey or colour of a test picture, from the fifteen steps in which it is kept. */
function original(bytes, index, shape) {
  const size = shape[0] * shape[1] * shape[2];
  return Float32Array.from(bytes.subarray(index * size, (index + 1) * size), (level) => level / 15);
}
