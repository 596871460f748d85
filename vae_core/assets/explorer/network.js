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

/** The range of i in [0, n) for which i·stride + shift lies in [0, size). */
function inside(n, size, stride, shift) {
  const first = shift < 0 ? Math.ceil(-shift / stride) : 0;
  const last = Math.min(n, Math.floor((size - 1 - shift) / stride) + 1);
  return [first, last];
}

/**
 * A convolution reads the large image at i·s + u·d − p for the small image's i; a transposed one writes there. So both are one
 * nest of loops over pairs of pixels: `visit(weight, small pixel, large pixel, how many in a row)`.
 */
function pairs({ kernel, stride, padding, dilation }, small, large, visit) {
  const [smalls, height, width] = small;
  const [larges, tall, wide] = large;
  for (let s = 0; s < smalls; s++) {
    for (let l = 0; l < larges; l++) {
      for (let u = 0; u < kernel; u++) {
        const down = u * dilation - padding;
        const [top, bottom] = inside(height, tall, stride, down);
        for (let v = 0; v < kernel; v++) {
          const right = v * dilation - padding;
          const [left, end] = inside(width, wide, stride, right);
          const weight = ((s * larges + l) * kernel + u) * kernel + v;
          for (let i = top; i < bottom; i++) {
            const from = (s * height + i) * width + left;
            const to = (l * tall + i * stride + down) * wide + left * stride + right;
            visit(weight, from, to, end - left);
          }
        }
      }
    }
  }
}

/** An image with the bias of its channel everywhere; the biases follow `weights` numbers. */
function biased([channels, height, width], bias, W) {
  const y = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) y.fill(W[bias + c], c * height * width, (c + 1) * height * width);
  return y;
}

function convolution(layer, x, W) {
  const { input, output, kernel, stride, at } = layer;
  const y = biased(output, at + output[0] * input[0] * kernel * kernel, W);
  pairs(layer, output, input, (weight, to, from, count) => {
    const w = W[at + weight];
    for (let j = 0; j < count; j++) y[to + j] += w * x[from + j * stride];
  });
  return y;
}

function transposedConvolution(layer, x, W) {
  const { input, output, kernel, stride, at } = layer;
  const y = biased(output, at + output[0] * input[0] * kernel * kernel, W);
  pairs(layer, input, output, (weight, from, to, count) => {
    const w = W[at + weight];
    for (let j = 0; j < count; j++) y[to + j * stride] += w * x[from + j];
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
