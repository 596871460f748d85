// The numbers of the figure: base64 → inflate → float16 → Float32Array. All high bytes stand before all low bytes, and
// the pictures of the points behind them.

/** The bytes that a base64 text stands for. */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** zlib's format, by the browser itself. */
async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A finite float16: sign, five bits of exponent, ten of fraction. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** What Rust packed: the numbers, and the bytes behind them. */
async function unpacked({ numbers: count, base64 }) {
  const bytes = await inflated(bytesOf(base64));
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = half((bytes[i] << 8) | bytes[count + i]);
  return { numbers, bytes: bytes.subarray(2 * count) };
}
