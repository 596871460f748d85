// What is drawn on the plane: axes, the prior, points, a posterior, pins, the code that is decoded.

const MARGIN = { left: 34, right: 8, top: 8, bottom: 26 };

/** Half the side of the square that holds nearly all codes, in halves of a unit; at least 3, where the prior is. */
function reach(codes, latent) {
  const sizes = Float32Array.from(codes, Math.abs).sort();
  const most = sizes.length ? sizes[Math.floor(0.995 * (sizes.length - 1))] : 0;
  return Math.max(3, Math.ceil(2.2 * most) / 2);
}

/** From latent coordinates to pixels and back, for a canvas of `side` pixels. */
function scales(side, reach) {
  const [width, height] = [side - MARGIN.left - MARGIN.right, side - MARGIN.top - MARGIN.bottom];
  return {
    x: (z) => MARGIN.left + ((z + reach) / (2 * reach)) * width,
    y: (z) => MARGIN.top + ((reach - z) / (2 * reach)) * height,
    zx: (x) => ((x - MARGIN.left) / width) * 2 * reach - reach,
    zy: (y) => reach - ((y - MARGIN.top) / height) * 2 * reach,
    unit: width / (2 * reach),
    box: [MARGIN.left, MARGIN.top, width, height],
  };
}

function drawAxes(context, scale, reach, names, ink) {
  const step = reach > 8 ? 4 : reach > 4 ? 2 : 1;
  const most = Math.floor(reach / step) * step;
  context.lineWidth = 1;
  context.font = "12px system-ui, sans-serif";
  for (let z = -most; z <= most; z += step) {
    context.strokeStyle = z === 0 ? ink.axis : ink.grid;
    const [x, y] = [Math.round(scale.x(z)) + 0.5, Math.round(scale.y(z)) + 0.5];
    line(context, x, scale.y(reach), x, scale.y(-reach));
    line(context, scale.x(-reach), y, scale.x(reach), y);
    context.fillStyle = ink.faint;
    const text = String(z).replace("-", "−");
    label(context, text, x, scale.y(-reach) + 13, "center");
    label(context, text, scale.x(-reach) - 5, y, "right");
  }
  context.fillStyle = ink.text;
  label(context, names[0], scale.x(reach) - 4, scale.y(-reach) - 10, "right");
  label(context, names[1], scale.x(-reach) + 6, scale.y(reach) + 10, "left");
}

function line(context, x, y, toX, toY) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

function label(context, text, x, y, align) {
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** Text that is read on any ground. */
function haloed(context, text, x, y, ink) {
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = ink.card;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.strokeText(text, x, y);
  context.fillStyle = ink.text;
  context.fillText(text, x, y);
}

/** Where the prior has 39 %, 86 % and 99 % of its mass in two dimensions: one, two and three standard deviations. */
function drawPrior(context, scale, ink) {
  context.strokeStyle = ink.faint;
  context.lineWidth = 1;
  context.setLineDash([3, 4]);
  for (const radius of [1, 2, 3]) {
    context.beginPath();
    context.arc(scale.x(0), scale.y(0), radius * scale.unit, 0, 2 * Math.PI);
    context.stroke();
  }
  context.setLineDash([]);
}

/** A dot for each item: round for the first ten classes, square for the next, as in the course's plots. */
function drawPoints(context, scale, { places, labels, colors, chosen }) {
  for (let i = 0; i < places.length; i++) {
    const kind = labels ? labels[i] : 0;
    context.globalAlpha = chosen === null || chosen === kind ? 0.8 : 0.08;
    context.fillStyle = colors[kind % colors.length];
    const [x, y] = [scale.x(places[i][0]), scale.y(places[i][1])];
    context.beginPath();
    if (Math.floor(kind / colors.length) % 2) context.rect(x - 2.2, y - 2.2, 4.4, 4.4);
    else context.arc(x, y, 2.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The name of each class at the median of its dots. */
function drawNames(context, scale, { places, labels, names, chosen }, ink) {
  if (!labels || names.length > 20) return;
  context.font = "600 14px system-ui, sans-serif";
  names.forEach((name, kind) => {
    const own = places.filter((_, i) => labels[i] === kind);
    if (!own.length || (chosen !== null && chosen !== kind)) return;
    const [x, y] = [0, 1].map((axis) => median(own.map((place) => place[axis])));
    haloed(context, name.length > 14 ? name.slice(0, 13) + "…" : name, scale.x(x), scale.y(y), ink);
  });
}

/** One and two standard deviations around a mean. */
function drawPosterior(context, scale, { mu, sigma }, ink) {
  context.strokeStyle = context.fillStyle = ink.accent;
  context.lineWidth = 2;
  for (const [width, alpha] of [[2, 0.12], [1, 0.25]]) {
    context.beginPath();
    const [rx, ry] = sigma.map((s) => Math.max(2, s * width * scale.unit));
    context.ellipse(scale.x(mu[0]), scale.y(mu[1]), rx, ry, 0, 0, 2 * Math.PI);
    context.globalAlpha = alpha;
    context.fill();
    context.globalAlpha = 1;
    context.stroke();
  }
}

function drawPin(context, x, y, name, ink) {
  context.beginPath();
  context.arc(x, y, 10, 0, 2 * Math.PI);
  context.fillStyle = ink.text;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = ink.card;
  context.stroke();
  context.fillStyle = ink.card;
  context.font = "600 12px system-ui, sans-serif";
  label(context, name, x, y + 0.5, "center");
}

/** The code that is decoded: a ring in two inks, seen on any ground. */
function drawCode(context, x, y, ink) {
  for (const [width, color] of [[6, ink.card], [2.5, ink.text]]) {
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}
