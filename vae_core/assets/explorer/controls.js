// Sliders, labels and the walk between two pins. Each control is made once and returns its element with an `update`.

/** A slider with its name before and its value behind. */
function slider(name, attributes, change) {
  const value = element("output");
  const input = element("input", { type: "range", "aria-label": name, ...attributes, input: () => change(Number(input.value)) });
  return { input, value, node: element("label", { class: "slider" }, element("span", {}, name), input, value) };
}

/** "3.20 nats": the KL of a dimension under the chosen model. */
const natsOf = (app, index) => (app.kl(index) === null ? "" : `${written(app.kl(index))} nats`);

/** One slider for each dimension, those that tell most first; those that tell nothing are folded away. */
function dimensionSliders(app) {
  const limits = { min: -app.reach, max: app.reach, step: 0.05 };
  const sliders = app.order.map((index) => {
    const made = slider(dimension(index), limits, (value) => app.moveAlong(index, value));
    const nats = element("span", { class: "hint nats" });
    if (app.latent > 2) made.node.append(nats);
    return { index, nats, ...made };
  });
  const awake = sliders.filter(({ index }, rank) => app.latent < 5 || (app.awake(index) && rank < 12) || rank < 2);
  const asleep = sliders.filter((made) => !awake.includes(made));
  const nodes = awake.map((made) => made.node);
  if (asleep.length) {
    const summary = element("summary", {}, `${asleep.length} more dimensions, which tell less`);
    nodes.push(element("details", {}, summary, ...asleep.map((made) => made.node)));
  }
  const update = () => {
    for (const { index, input, value, nats } of sliders) {
      input.value = app.state.z[index];
      value.textContent = written(app.state.z[index]);
      nats.textContent = natsOf(app, index);
    }
  };
  return { node: element("fieldset", { class: "dimensions" }, element("legend", {}, "The code z"), ...nodes), update };
}

/** Which dimensions lie across and upwards; nothing where there are only two. */
function axisChoice(app) {
  if (app.latent <= 2) return { node: null, update() {} };
  const choose = (axis, name) => {
    const options = app.order.map((index) => element("option", { value: index }));
    const select = element("select", { change: () => app.chooseAxis(axis, Number(select.value)) }, ...options);
    return { select, options, node: element("label", {}, name, " ", select) };
  };
  const both = [choose(0, "across"), choose(1, "upwards")];
  const update = () =>
    both.forEach(({ select, options }, axis) => {
      app.order.forEach((index, rank) => (options[rank].textContent = [dimension(index), natsOf(app, index)].filter(Boolean).join(" · ")));
      select.value = app.state.axes[axis];
    });
  return { node: element("div", { class: "row" }, ...both.map(({ node }) => node)), update };
}

/** The slider over models, in the order in which they came. */
function modelSlider(app) {
  const { models, slider: name } = app.data;
  if (models.length < 2) return { node: null, update() {} };
  const made = slider(name || "model", { min: 0, max: models.length - 1, step: 1 }, (index) => app.chooseModel(index));
  const ticks = element("div", { class: "ticks", "aria-hidden": "true" }, ...models.map((model) => element("span", {}, model.name)));
  const update = () => {
    const said = models[app.state.model].name;
    made.input.value = app.state.model;
    made.input.setAttribute("aria-valuetext", said);
    made.value.textContent = said;
  };
  return { node: element("div", { class: "models" }, made.node, ticks), update };
}

/** The same code under every label; choosing one decodes everything with it. */
function labelChoice(app) {
  const { choices, names, image } = app.data;
  if (!choices) return { node: null, update() {} };
  const all = names.slice(0, choices).map((name, label) => {
    const canvas = pictureCanvas(image);
    const input = element("input", { type: "radio", name: "label", value: label, change: () => app.chooseLabel(label) });
    return { canvas, input, node: element("label", { class: "choice" }, input, canvas, element("span", {}, name)) };
  });
  const update = () =>
    all.forEach(({ canvas, input }, label) => {
      input.checked = label === app.state.label;
      paint(canvas, app.decode(app.state.z, label), image);
    });
  const legend = element("legend", {}, "The same z under every label: choose one");
  return { node: element("fieldset", { class: "labels" }, legend, ...all.map(({ node }) => node)), update };
}

/** Buttons that show one class and fade the others. */
function legend(app) {
  const { names, labels, colors } = app.data;
  if (!labels || names.length < 2 || names.length > 20) return { node: null, update() {} };
  const buttons = names.map((name, kind) => {
    const square = Math.floor(kind / colors.length) % 2 ? "swatch square" : "swatch";
    const swatch = element("span", { class: square });
    swatch.style.background = colors[kind % colors.length];
    return element("button", { type: "button", class: "chip", click: () => app.chooseClass(kind) }, swatch, name);
  });
  const update = () => buttons.forEach((button, kind) => button.setAttribute("aria-pressed", app.state.chosen === kind));
  return { node: element("div", { class: "row chips", role: "group", "aria-label": "Show one class" }, ...buttons), update };
}

const STEPS = 11;
const WALK_SECONDS = 4;

/** The straight line between two pins: pictures on the way, a slider along it, and a button that walks it to and fro. */
function walk(app) {
  const canvases = Array.from({ length: STEPS }, () => pictureCanvas(app.data.image));
  const along = slider("from A to B", { min: 0, max: 1, step: 0.01, value: 0 }, (share) => app.walkTo(share));
  const play = element("button", { type: "button", click: () => (walking() ? stop() : start()) }, "Walk");
  const clear = element("button", { type: "button", click: () => app.clearPins() }, "Clear pins");
  const hint = element("p", { class: "hint" });
  const strip = element("div", { class: "strip" }, ...canvases);
  const controls = element("div", { class: "row" }, along.node, play, clear);
  let [drawn, started] = ["", null];

  const walking = () => started !== null;
  function start() {
    started = performance.now();
    play.textContent = "Stop";
    step(started);
  }
  function stop() {
    started = null;
    play.textContent = "Walk";
  }
  function step(now) {
    if (!walking() || !strip.isConnected || app.state.pins.length < 2) return stop();
    const phase = ((now - started) / 1000 / WALK_SECONDS) % 2;
    app.walkTo(phase < 1 ? phase : 2 - phase);
    requestAnimationFrame(step);
  }

  function update() {
    const { pins, share } = app.state;
    const [none, both] = [pins.length === 0, pins.length === 2];
    strip.hidden = along.node.hidden = play.hidden = !both;
    controls.hidden = none;
    hint.hidden = both;
    hint.textContent = none
      ? "Click the plane twice, or press Enter twice, to pin two codes: the line between them is decoded here."
      : "A is pinned. Pin another code, and the line between them is decoded here.";
    if (!both) return;
    along.input.value = share;
    along.value.textContent = written(share);
    const key = app.key() + pins.map((pin) => pin.join()).join("|");
    if (key === drawn) return;
    drawn = key;
    canvases.forEach((canvas, i) => paint(canvas, app.decode(app.between(i / (STEPS - 1))), app.data.image));
  }
  const title = element("div", { class: "heading" }, "Between two pins");
  return { node: element("section", { "aria-label": "Between two pins" }, title, hint, strip, controls), update };
}
