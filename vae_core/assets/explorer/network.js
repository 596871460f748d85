// Layers, one item at a time: x is a Float32Array, W the numbers of the whole figure, in which each layer knows its place.

/** y = W x + b, with the weight (outputs, inputs) row by row and the bias behind it. */
function linear({ inputs, outputs, at }, x, W) {
  const y = new Float32Array(outputs);
  const bias = at + inputs * outputs;
  for (let o = 0; o < outputs; o++) {
    let sum = W[bias + o];
    const row = at + o * inputs;
    for (let i = 0; i < inputs; i++) sum += W[row + i] * x[i];
    y[o] = sum;
  }
  return y;
}

/**
 * A convolution reads the large image at i·s + u·d − p for the small image's i; a transposed one writes there. So both go by one
 * list: for the place (u, v) of the window, where in the large image each pixel of the small one finds itself, −1 for outside.
 */
function seenFrom(u, v, { stride, padding, dilation }, [, height, width], [, tall, wide]) {
  const seen = new Int32Array(height * width).fill(-1);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const [y, x] = [i * stride + u * dilation - padding, j * stride + v * dilation - padding];
      if (y >= 0 && y < tall && x >= 0 && x < wide) seen[i * width + j] = y * wide + x;
    }
  }
  return seen;
}

/** An image with the bias of its channel everywhere. */
function biased([channels, height, width], bias, W) {
  const y = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) y.fill(W[bias + c], c * height * width, (c + 1) * height * width);
  return y;
}

/** y[at + i] += w · x[from + i]: what all the time goes into. */
function addTimes(y, at, w, x, from, count) {
  for (let i = 0; i < count; i++) y[at + i] += w * x[from + i];
}

/** The same for four rows of x, one behind the other, with weights `step` apart: one pass over y instead of four. */
function addFour(y, W, at, step, x, from, count) {
  const [a, b, c, d] = [W[at], W[at + step], W[at + 2 * step], W[at + 3 * step]];
  const [second, third, fourth] = [from + count, from + 2 * count, from + 3 * count];
  for (let i = 0; i < count; i++) y[i] += a * x[from + i] + b * x[second + i] + c * x[third + i] + d * x[fourth + i];
}

/** Calls `work(seen, channel of the large image, first weight, step from one small channel's weight to the next)`. */
function overWindow({ kernel, at, ...layer }, small, large, work) {
  const area = kernel * kernel;
  for (let place = 0; place < area; place++) {
    const seen = seenFrom(Math.floor(place / kernel), place % kernel, layer, small, large);
    for (let l = 0; l < large[0]; l++) work(seen, l, at + l * area + place, large[0] * area);
  }
}

function convolution(layer, x, W) {
  const { input, output, kernel, at } = layer;
  const [area, row] = [output[1] * output[2], new Float32Array(output[1] * output[2])];
  const y = biased(output, at + output[0] * input[0] * kernel * kernel, W);
  overWindow(layer, output, input, (seen, channel, weight, step) => {
    const from = channel * input[1] * input[2];
    for (let p = 0; p < area; p++) row[p] = seen[p] < 0 ? 0 : x[from + seen[p]];
    for (let s = 0; s < output[0]; s++) addTimes(y, s * area, W[weight + s * step], row, 0, area);
  });
  return y;
}

function transposedConvolution(layer, x, W) {
  const { input, output, kernel, at } = layer;
  const [area, row] = [input[1] * input[2], new Float32Array(input[1] * input[2])];
  const y = biased(output, at + output[0] * input[0] * kernel * kernel, W);
  overWindow(layer, input, output, (seen, channel, weight, step) => {
    row.fill(0);
    let s = 0;
    for (; s + 4 <= input[0]; s += 4) addFour(row, W, weight + s * step, step, x, s * area, area);
    for (; s < input[0]; s++) addTimes(row, 0, W[weight + s * step], x, s * area, area);
    const to = channel * output[1] * output[2];
    for (let p = 0; p < area; p++) if (seen[p] >= 0) y[to + seen[p]] += row[p];
  });
  return y;
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** Φ(x) of the normal distribution, by the erf of Abramowitz & Stegun 7.1.26, which is off by 1.5·10⁻⁷ at most. */
function normal(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) * Math.SQRT1_2);
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * series * Math.exp((-x * x) / 2);
  return x < 0 ? tail : 1 - tail;
}

const elementwise = (f) => ({ parameter }, x) => x.map((value) => f(value, parameter));

const LAYERS = new Map([
  ["linear", linear],
  ["conv", convolution],
  ["conv transpose", transposedConvolution],
  ["relu", elementwise((x) => Math.max(x, 0))],
  ["leaky relu", elementwise((x, slope) => (x > 0 ? x : slope * x))],
  ["tanh", elementwise(Math.tanh)],
  ["gelu", elementwise((x) => x * normal(x))],
  ["silu", elementwise((x) => x * sigmoid(x))],
  ["elu", elementwise((x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)))],
]);

/** What a decoder's output means: the mean of a pixel. */
const MEANS = new Map([
  ["bernoulli", sigmoid],
  ["continuous bernoulli", (l) => (Math.abs(l) < 1e-2 ? 0.5 + l / 12 : 1 / (1 - Math.exp(-l)) - 1 / l)],
  ["gaussian", (mean) => mean],
]);

function known(kinds, kind) {
  const found = kinds.get(kind);
  if (!found) throw new Error(`this script does not know "${kind}"; it knows ${[...kinds.keys()].join(", ")}`);
  return found;
}

function through(layers, x, W) {
  return layers.reduce((x, layer) => known(LAYERS, layer.kind)(layer, x, W), x);
}

/** x with y behind it, where a half is told y. */
function beside(x, y, told) {
  if (!told) return x;
  const both = new Float32Array(x.length + told);
  both.set(x);
  both.set(y, x.length);
  return both;
}

/** E[x | z, y]: pixels, channel by channel. */
function decoded({ decoder }, z, y, W) {
  const output = through(decoder.layers, beside(Float32Array.from(z), y, decoder.told), W);
  return output.map(known(MEANS, decoder.output));
}

/** q(z | x, y): means and standard deviations. */
function encoded({ encoder }, x, y, W) {
  const features = through(encoder.features, x, W);
  const h = through(encoder.posterior, beside(features, y, encoder.told), W);
  const sigma = linear(encoder.log_var, h, W).map((logVar) => Math.exp(logVar / 2));
  return { mu: linear(encoder.mu, h, W), sigma };
}
