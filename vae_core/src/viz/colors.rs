//! Colours: ten for categories, three for text and axes, one that says "not a number".

/// An RGB colour.
pub(super) type Rgb = [u8; 3];

/// The ten-colour sequence of Petroff (2021), "Accessible color sequences for data visualization": distinguishable with
/// the common colour-vision deficiencies, and in an order that people rated as pleasing.
pub(super) const CATEGORIES: [Rgb; 10] = [
    [0x3f, 0x90, 0xda],
    [0xff, 0xa9, 0x0e],
    [0xbd, 0x1f, 0x01],
    [0x94, 0xa4, 0xa2],
    [0x83, 0x2d, 0xb6],
    [0xa9, 0x6b, 0x59],
    [0xe7, 0x63, 0x00],
    [0xb9, 0xac, 0x70],
    [0x71, 0x75, 0x81],
    [0x92, 0xda, 0xdd],
];

/// Drawn where a value is not finite; not a grey.
pub(super) const NOT_FINITE: Rgb = [0xff, 0x00, 0xa0];

/// Dark ink for text, on the white card that every figure lies on.
pub(super) const INK: Rgb = [0x1f, 0x23, 0x28];
/// Lines of axes.
pub(super) const AXIS: Rgb = [0x8c, 0x95, 0x9f];
/// Lines of the grid.
pub(super) const GRID: Rgb = [0xe4, 0xe7, 0xeb];

/// The colour of category `index`; after ten they repeat.
pub(super) fn category(index: usize) -> Rgb {
    CATEGORIES[index % CATEGORIES.len()]
}

/// `#rrggbb`.
pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}
