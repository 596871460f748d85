// The plane of two latent dimensions: what is behind, what moves in front, pointer and keys.

// In pixels: how near a dot is hit, and how far a click may move.
const DOT_REACH = 7;
const CLICK_REACH = 5;
/** Milliseconds in which points glide to their places under another model. */
const GLIDE = 350;

/** The plane as a part: what rarely changes is kept on a canvas behind. */
function planePart(app, card) {
  const { data, state } = app;
  const canvas = element("canvas", { class: "plane", tabindex: "0", role: "application", "aria-roledescription": "latent plane" });
  canvas.setAttribute("aria-label", `${data.title}: a plane of codes. Arrow keys move, with Shift in larger steps; Enter pins; Escape clears pins; Home goes to the origin.`);
  const circles = data.standard && app.latent > 1;
  const back = element("canvas");
  const tiles = tilesBehind(app, () => redraw());
  let [side, scale, ink, behind, places, moving] = [0, null, null, "", [], null];

  /** The coordinates on the plane; a code of one number lies on its middle line. */
  const onPlane = (values) => (app.latent === 1 ? [values[0], 0] : state.axes.map((axis) => values[axis]));
  const allPlaces = () => Array.from({ length: data.points }, (_, point) => onPlane(app.code(point)));

  function redraw() {
    behind = "";
    app.changed();
  }

  /** Points glide to where another model puts them. */
  function glide() {
    const goal = allPlaces();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || places.length !== goal.length;
    if (still) return (places = goal);
    const [from, start, mine] = [places, performance.now(), {}];
    moving = mine;
    const step = (now) => {
      if (moving !== mine) return;
      const share = Math.min(1, Math.max(0, (now - start) / GLIDE));
      places = goal.map(([x, y], i) => [from[i][0] + share * (x - from[i][0]), from[i][1] + share * (y - from[i][1])]);
      redraw();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  function measure() {
    const width = Math.floor(canvas.clientWidth) || 320;
    if (width === side) return;
    side = width;
    canvas.style.height = `${side}px`;
    scale = scales(side, app.reach);
    behind = "";
  }

  function drawBehind() {
    const context = sharp(back, side, side);
    context.clearRect(0, 0, side, side);
    drawAxes(context, scale, app.reach, app.latent === 1 ? [dimension(0), ""] : state.axes.map(dimension), ink);
    context.save();
    context.beginPath();
    context.rect(...scale.box);
    context.clip();
    tiles.draw(context, scale.box);
    if (circles) drawPrior(context, scale, ink);
    const points = { ...data, places, chosen: state.chosen };
    drawPoints(context, scale, points);
    drawNames(context, scale, points, ink);
    context.restore();
  }

  let [model, axes, chosen] = [state.model, "", null];
  function update() {
    measure();
    ink = inks(card);
    if (axes !== state.axes.join()) places = allPlaces();
    else if (model !== state.model) glide();
    if (axes !== state.axes.join() || chosen !== state.chosen) behind = "";
    [model, axes, chosen] = [state.model, state.axes.join(), state.chosen];
    tiles.update();
    if (behind === "") drawBehind();
    behind = "drawn";
    const context = sharp(canvas, side, side);
    context.clearRect(0, 0, side, side);
    context.drawImage(back, 0, 0, side, side);
    drawFront(context);
  }

  function drawFront(context) {
    const at = (z) => [scale.x(onPlane(z)[0]), scale.y(onPlane(z)[1])];
    if (state.posterior) {
      const { mu, sigma } = state.posterior;
      drawPosterior(context, scale, { mu: onPlane(mu), sigma: onPlane(sigma) }, ink);
    }
    if (state.pins.length === 2) {
      context.strokeStyle = ink.text;
      context.lineWidth = 1.5;
      line(context, ...at(state.pins[0]), ...at(state.pins[1]));
    }
    state.pins.forEach((pin, i) => drawPin(context, ...at(pin), "AB"[i], ink));
    drawCode(context, ...at(state.z), ink);
  }

  function coordinates(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function moved(x, y) {
    const z = state.z.slice();
    const clamp = (value) => Math.min(app.reach, Math.max(-app.reach, value));
    z[state.axes[1]] = clamp(scale.zy(y));
    z[state.axes[0]] = clamp(scale.zx(x));
    return z;
  }

  /** The dot under the pointer, if there is one. */
  function dotAt(x, y) {
    let [best, found] = [DOT_REACH, null];
    places.forEach((place, i) => {
      const far = Math.hypot(scale.x(place[0]) - x, scale.y(place[1]) - y);
      if (far < best && (state.chosen === null || data.labels[i] === state.chosen)) [best, found] = [far, i];
    });
    return found;
  }

  let down = null;
  canvas.addEventListener("pointerdown", (event) => {
    down = coordinates(event);
    canvas.setPointerCapture(event.pointerId);
    app.moveTo(moved(...down));
  });
  canvas.addEventListener("pointermove", (event) => app.moveTo(moved(...coordinates(event))));
  canvas.addEventListener("pointerup", (event) => {
    const [x, y] = coordinates(event);
    if (!down || Math.hypot(x - down[0], y - down[1]) > CLICK_REACH) return;
    const dot = dotAt(x, y);
    if (dot !== null) app.choosePoint(dot);
    app.pin();
  });
  canvas.addEventListener("keydown", (event) => pressed(event, app));
  new ResizeObserver(app.changed).observe(canvas);

  const parts = [legend(app), axisChoice(app)];
  app.parts.push(...parts);
  const hint = element("p", { class: "hint" }, "Move over the plane to decode; click to pin. Arrow keys move, Enter pins.", circles ? " Dashed: one, two and three standard deviations of the prior." : "");
  const under = [...parts.map((part) => part.node), tiles.node, hint].filter(Boolean);
  return { node: canvas, under: element("div", { class: "under" }, ...under), update, redraw };
}

/** What a key does on the plane. */
function pressed(event, app) {
  const { state } = app;
  const step = (app.reach / 60) * (event.shiftKey ? 5 : 1);
  const by = (axis, amount) => app.moveAlong(state.axes[axis], Math.min(app.reach, Math.max(-app.reach, state.z[state.axes[axis]] + amount)));
  const keys = {
    ArrowLeft: () => by(0, -step),
    ArrowRight: () => by(0, step),
    ArrowUp: () => by(1, step),
    ArrowDown: () => by(1, -step),
    Home: () => app.moveTo(new Float32Array(app.latent)),
    Enter: () => app.pin(),
    " ": () => app.pin(),
    Escape: () => app.clearPins(),
  };
  if (!Object.hasOwn(keys, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

/** The colours of the theme. */
function inks(card) {
  const style = getComputedStyle(card);
  const ink = (name) => style.getPropertyValue(`--${name}`).trim();
  return { text: ink("text"), faint: ink("faint"), grid: ink("grid"), axis: ink("axis"), card: ink("card"), accent: ink("accent") };
}
