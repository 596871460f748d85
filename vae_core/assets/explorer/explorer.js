// One explorer: its state, what changes it, and its parts.

/** The chance for each part to show what changed comes once a frame, however many changes there were. */
function application(data, W, bytes) {
  const { models, latent, image } = data;
  const codes = models.map((model) => (model.codes ? W.subarray(model.codes.at, model.codes.at + data.points * latent) : []));
  const order = ranked(models[0].codes, latent);
  const state = {
    model: 0, label: 0, z: new Float32Array(latent), point: null, pins: [], share: 0, posterior: null, follows: false,
    axes: [order[0], order[1] ?? order[0]], chosen: null,
  };
  const parts = [];
  const changed = once(() => parts.forEach((part) => part.update()));
  const set = (changes) => {
    Object.assign(state, changes);
    changed();
  };
  const told = (label) => models[state.model].given ?? oneHot(label, data.choices);
  const code = (point, model = state.model) => codes[model].slice(point * latent, (point + 1) * latent);

  return {
    data, state, parts, order, latent, changed,
    reach: Math.max(...codes.map((each) => reach(each, latent))),
    code,
    decode: (z, label = state.label) => decoded(models[state.model], z, told(label), W),
    encode: (pixels, label = state.label) => encoded(models[state.model], pixels, told(label), W),
    original: (point) => original(bytes, point, image),
    /** What decoding depends on beside z. */
    key: () => `${state.model}/${state.label}`,
    kl: (index) => models[state.model].codes?.kl?.[index] ?? null,
    awake: (index) => tells(models[0].codes, index) > 0.1,
    between: (share) => state.pins[0].map((a, i) => (1 - share) * a + share * state.pins[1][i]),
    nearest: (count) => nearest(codes[state.model], state.z, latent, count),

    moveTo: (z) => set({ z, point: null, follows: false }),
    moveAlong(index, value) {
      const z = state.z.slice();
      z[index] = value;
      this.moveTo(z);
    },
    /** A test image: its code, and under its own label, where the model is told one. */
    choosePoint(point) {
      const label = data.choices && data.labels ? data.labels[point] : state.label;
      set({ point, label, z: code(point), follows: false });
    },
    chooseModel(model) {
      set({ model, z: state.point === null ? state.z : code(state.point, model) });
    },
    chooseLabel: (label) => set({ label }),
    chooseAxis(axis, index) {
      const axes = state.axes.slice();
      if (axes[1 - axis] === index) axes[1 - axis] = axes[axis];
      axes[axis] = index;
      set({ axes });
    },
    chooseClass: (kind) => set({ chosen: state.chosen === kind ? null : kind }),
    pin() {
      const z = Array.from(state.z);
      set({ pins: state.pins.length < 2 ? [...state.pins, z] : [z], share: state.pins.length === 1 ? 1 : 0 });
    },
    clearPins: () => set({ pins: [], share: 0 }),
    walkTo(share) {
      set({ share, z: Float32Array.from(this.between(share)), point: null, follows: false });
    },
    showPosterior(posterior) {
      set(posterior ? { posterior, z: posterior.mu, point: null, follows: true } : { posterior, follows: false });
    },
  };
}

const oneHot = (label, width) => Array.from({ length: width }, (_, i) => (i === label ? 1 : 0));

/** How much a dimension tells: its KL in nats, or the spread of its means where the prior gives it no KL of its own. */
const tells = (codes, index) => (codes ? (codes.kl ?? codes.deviation)[index] : 1);

/** The dimensions, those that tell most first. */
function ranked(codes, latent) {
  const all = Array.from({ length: latent }, (_, i) => i);
  return latent > 2 ? all.sort((a, b) => tells(codes, b) - tells(codes, a)) : all;
}

/** The points whose codes are nearest to z, nearest first. */
function nearest(codes, z, latent, count) {
  const far = [];
  for (let at = 0; at < codes.length; at += latent) {
    let sum = 0;
    for (let i = 0; i < latent; i++) sum += (codes[at + i] - z[i]) ** 2;
    far.push([sum, at / latent]);
  }
  return far.sort((a, b) => a[0] - b[0]).slice(0, count).map(([, point]) => point);
}

/** The decoded picture, large, beside the test image whose code is nearest. */
function pictures(app) {
  const { image, points, labels, names } = app.data;
  const large = pictureCanvas(image, { class: "picture large" });
  const small = pictureCanvas(image);
  const about = element("figcaption");
  const next = element("button", { type: "button", click: () => app.choosePoint(((app.state.point ?? -1) + 1) % points) }, "Next test image");
  const update = () => {
    paint(large, app.decode(app.state.z), image);
    if (!points) return;
    const point = app.state.point ?? app.nearest(1)[0];
    paint(small, app.original(point), image);
    const name = labels ? `: ${names[labels[point]] ?? labels[point]}` : "";
    about.textContent = (app.state.point === null ? "the test image nearest to z" : "the test image of this z") + name;
  };
  const decodedHere = element("figure", {}, large, element("figcaption", {}, "decoded from z"));
  const known = points ? element("figure", {}, small, about, next) : null;
  return { node: element("div", { class: "pictures" }, decodedHere, known), update };
}

/** Says in words what is seen, once the reader pauses. */
function spoken(app) {
  const node = element("div", { class: "spoken", role: "status", "aria-live": "polite" });
  let [timer, before] = [0, ""];
  const say = () => {
    const { z, axes, label, model } = app.state;
    const { names, labels, choices, models, slider } = app.data;
    const places = [...new Set(axes)].map((axis) => `${dimension(axis)} ${written(z[axis])}`);
    const near = labels ? count(app.nearest(15).map((point) => names[labels[point]] ?? labels[point])) : "";
    const parts = [places.join(", "), choices ? `decoded as ${names[label]}` : "", near ? `nearest test images: ${near}` : ""];
    if (models.length > 1) parts.unshift(`${slider} ${models[model].name}`);
    node.textContent = parts.filter(Boolean).join("; ");
  };
  const update = () => {
    const now = app.key() + app.state.z.join();
    if (now === before) return;
    before = now;
    clearTimeout(timer);
    timer = setTimeout(say, 400);
  };
  return { node, update };
}

/** "mostly 3, then 5" of a list of names. */
function count(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [first, second] = [...counts].sort((a, b) => b[1] - a[1]);
  return second ? `mostly ${first[0]}, then ${second[0]}` : `all ${first[0]}`;
}

/** Puts the parts together in the host's own shadow, where no style of the page reaches them. */
function assemble(host, app) {
  const root = host.attachShadow({ mode: "open" });
  const card = element("div", { class: "card" });
  const plane = planePart(app, card);
  const [models, labels] = [modelSlider(app), labelChoice(app)];
  const [shown, dimensions, pad, way, words] = [pictures(app), dimensionSliders(app), drawingPad(app), walk(app), spoken(app)];
  const beside = app.latent <= 3; // few sliders leave room for the pad
  const side = element("div", { class: "side" }, shown.node, dimensions.node, beside ? pad.node : null);
  card.append(
    element("div", { class: "title", role: "heading", "aria-level": "3" }, app.data.title),
    ...[models.node].filter(Boolean),
    element("div", { class: "columns" }, plane.node, plane.under, side),
    ...[labels.node, way.node, beside ? null : pad.node, words.node].filter(Boolean),
  );
  root.append(element("style", {}, STYLE), card);
  app.parts.push(plane, models, labels, shown, dimensions, pad, way, words);
  followTheme(host, (dark) => {
    card.dataset.theme = dark ? "dark" : "light";
    plane.redraw();
    app.changed();
  });
}

async function start(host) {
  host.dataset.ready = "soon";
  try {
    const data = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    const { numbers, bytes } = await unpacked(data.packed);
    const app = application(data, numbers, bytes);
    if (data.points) app.choosePoint(0);
    assemble(host, app);
    host.explorer = app; // for the browser's console, and for tests
    host.dataset.ready = "yes";
  } catch (error) {
    host.dataset.ready = "no";
    host.querySelector("figcaption").textContent = `This figure could not start (${error.message}); a browser from 2023 or later can.`;
  }
}

for (const host of document.querySelectorAll(".vae-explorer:not([data-ready])")) start(host);
