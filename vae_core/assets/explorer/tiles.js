// The plane as pictures: a grid of codes, each decoded, behind the points. Decoding goes on between frames.

const ROWS = 15;
const MILLISECONDS = 8;

/** A button that shows the pictures, and what draws them; `redraw` is called when there are more. */
function tilesBehind(app, redraw) {
  const [, height, width] = app.data.image;
  const sheet = element("canvas", { width: ROWS * width, height: ROWS * height });
  const context = sheet.getContext("2d");
  const button = element("button", { type: "button", "aria-pressed": "false", click: () => toggle() }, "Show the plane as pictures");
  let [on, drawn, work] = [false, "", null];

  function toggle() {
    on = !on;
    drawn = "";
    button.setAttribute("aria-pressed", on);
    redraw();
  }

  /** What the pictures depend on: the model, the label, and where the plane lies among the other dimensions. */
  function key() {
    const others = Array.from(app.state.z, (z, i) => (app.state.axes.includes(i) ? "" : written(z)));
    return [app.key(), app.state.axes, others].join(";");
  }

  function decodeNext(mine) {
    if (work !== mine || !sheet || !on) return;
    const end = performance.now() + MILLISECONDS;
    while (mine.next < ROWS * ROWS && performance.now() < end) decodeTile(mine.next++);
    redraw();
    if (mine.next < ROWS * ROWS) requestAnimationFrame(() => decodeNext(mine));
  }

  function decodeTile(i) {
    const [row, column] = [Math.floor(i / ROWS), i % ROWS];
    const at = (k) => -app.reach + (2 * app.reach * (k + 0.5)) / ROWS;
    const z = app.state.z.slice();
    z[app.state.axes[1]] = -at(row);
    z[app.state.axes[0]] = at(column);
    context.putImageData(rgba(app.decode(z), app.data.image), column * width, row * height);
  }

  function update() {
    if (!on || key() === drawn) return;
    drawn = key();
    work = { next: 0 };
    decodeNext(work);
  }

  function draw(onto, box) {
    if (!on) return;
    onto.imageSmoothingEnabled = true;
    onto.drawImage(sheet, ...box);
  }
  return { node: element("div", { class: "row" }, button), update, draw };
}
