// A pad to draw on. What is drawn is made as large as the data's pictures, encoded, and its posterior shown on the plane.

/** Pixels of the pad for each pixel of a picture. */
const FINE = 10;
/** MNIST's digits are 20 of 28 pixels large, with their centre of mass in the middle. */
const FITTED = 20 / 28;

/** The ink on a canvas: its box, its centre of mass and how much of it there is. */
function inkOf(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const ink = { left: width, right: 0, top: height, bottom: 0, x: 0, y: 0, mass: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[4 * (y * width + x)];
      if (value < 8) continue;
      ink.left = Math.min(ink.left, x);
      ink.right = Math.max(ink.right, x + 1);
      ink.top = Math.min(ink.top, y);
      ink.bottom = Math.max(ink.bottom, y + 1);
      ink.mass += value;
      ink.x += value * (x + 0.5);
      ink.y += value * (y + 0.5);
    }
  }
  if (ink.mass) [ink.x, ink.y] = [ink.x / ink.mass, ink.y / ink.mass];
  return ink;
}

function blank(width, height) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, width, height);
  return canvas;
}

/** The drawing with its box as large as a digit's in MNIST and its mass in the middle. */
function fitted(canvas, ink) {
  const made = blank(canvas.width, canvas.height);
  const largest = Math.max(ink.right - ink.left, ink.bottom - ink.top);
  const scale = (FITTED * Math.min(canvas.width, canvas.height)) / largest;
  const context = made.getContext("2d");
  context.translate(canvas.width / 2, canvas.height / 2);
  context.scale(scale, scale);
  context.drawImage(canvas, -ink.x, -ink.y);
  return made;
}

/** The mean of each square of the pad: a picture of the model's size, the same in every channel. */
function averaged(canvas, [channels, height, width]) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Float32Array(channels * height * width);
  for (let y = 0; y < height * FINE; y++) {
    for (let x = 0; x < width * FINE; x++) {
      const value = data[4 * (y * width * FINE + x)] / 255 / FINE ** 2;
      pixels[Math.floor(y / FINE) * width + Math.floor(x / FINE)] += value;
    }
  }
  const area = height * width;
  for (let c = 1; c < channels; c++) pixels.copyWithin(c * area, 0, area);
  return pixels;
}

/** Lines that follow the pointer, white on black; `changed` is called after each piece. */
function drawable(canvas, changed) {
  const context = canvas.getContext("2d");
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
  };
  let last = null;
  const draw = (event) => {
    if (!last) return;
    const next = place(event);
    context.lineWidth = Math.min(canvas.width, canvas.height) * 0.085;
    context.lineCap = "round";
    context.strokeStyle = "#fff";
    line(context, ...last, ...next);
    last = next;
    changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    draw(event);
  });
  canvas.addEventListener("pointermove", draw);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
}

/** The pad with its buttons; nothing where the encoder was left out. */
function drawingPad(app) {
  const { image, models } = app.data;
  if (!models[0].encoder) return { node: null, update() {} };
  const [, height, width] = image;
  const pad = blank(width * FINE, height * FINE);
  pad.className = "pad";
  pad.setAttribute("role", "img");
  pad.setAttribute("aria-label", "A pad to draw on with a pointer. By keyboard, the button Next test image encodes a picture.");
  const seen = pictureCanvas(image);
  const said = element("p", { class: "hint" });
  const fit = element("input", { type: "checkbox", checked: true, change: () => encode() });
  const clear = element("button", { type: "button", click: () => wipe() }, "Clear drawing");
  let key = "";

  function encode() {
    const ink = inkOf(pad);
    if (!ink.mass) return wipe();
    const pixels = averaged(fit.checked ? fitted(pad, ink) : pad, image);
    paint(seen, pixels, image);
    key = app.key();
    app.showPosterior(app.encode(pixels));
  }
  function wipe() {
    pad.getContext("2d").fillRect(0, 0, pad.width, pad.height);
    seen.getContext("2d").clearRect(0, 0, width, height);
    app.showPosterior(null);
  }
  drawable(pad, once(encode));

  function update() {
    const { posterior, axes } = app.state;
    const [mu, sigma] = posterior ? [posterior.mu, posterior.sigma] : [[], []];
    said.textContent = posterior
      ? "Its posterior: " + [...new Set(axes)].map((axis) => `${dimension(axis)} = ${written(mu[axis])} ± ${written(sigma[axis])}`).join(", ")
      : "Draw here: the ellipses on the plane will be its posterior, one and two standard deviations wide.";
    clear.disabled = !posterior;
    if (posterior && key !== app.key()) encode(); // another model, or another label
  }
  const side = element(
    "div",
    { class: "beside" },
    said,
    element("label", { class: "check" }, fit, " centre and scale, as MNIST's digits are"),
    element("div", { class: "row" }, clear, element("span", { class: "hint" }, "seen as"), seen),
  );
  const title = element("div", { class: "heading" }, "Draw");
  return { node: element("section", { "aria-label": "Draw" }, title, element("div", { class: "drawing" }, pad, side)), update };
}
