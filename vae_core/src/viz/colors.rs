//! Colours: ten for categories, scales for values, one that says "not a number".

use super::text::fixed;

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

/// Drawn where a value is not finite; neither grey nor on any of the scales.
pub(super) const NOT_FINITE: Rgb = [0xff, 0x00, 0xa0];

/// Nine stops of viridis (Smith & van der Walt 2015), dark to light.
const VIRIDIS: [Rgb; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

/// Nine stops of ColorBrewer's RdBu (Harrower & Brewer 2003), blue through white to red.
const BLUE_RED: [Rgb; 9] = [
    [33, 102, 172],
    [67, 147, 195],
    [146, 197, 222],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [244, 165, 130],
    [214, 96, 77],
    [178, 24, 43],
];

/// A colour scale for values in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// Viridis: more is lighter.
    Sequential,
    /// Blue, white at 0.5, red.
    Diverging,
}

impl Scale {
    /// The colour at `t` in [0, 1], clamped; [`NOT_FINITE`] where `t` is not finite.
    pub(super) fn at(self, t: f64) -> Rgb {
        if !t.is_finite() {
            return NOT_FINITE;
        }
        let stops = match self {
            Self::Sequential => &VIRIDIS,
            Self::Diverging => &BLUE_RED,
        };
        let place = t.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let left = (place as usize).min(stops.len() - 2);
        let part = place - left as f64;
        std::array::from_fn(|i| (stops[left][i] as f64 * (1.0 - part) + stops[left + 1][i] as f64 * part).round() as u8)
    }
}

/// The colour of category `index`; after ten they repeat.
pub(super) fn category(index: usize) -> Rgb {
    CATEGORIES[index % CATEGORIES.len()]
}

/// `#rrggbb`.
pub(super) fn hex([r, g, b]: Rgb) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// Black or white, whichever reads better on `rgb`.
pub(super) fn ink_on([r, g, b]: Rgb) -> &'static str {
    // Luma of Rec. 601.
    let luma = 0.299 * r as f64 + 0.587 * g as f64 + 0.114 * b as f64;
    if luma > 140.0 { "#000000" } else { "#ffffff" }
}

/// `value` with about three significant digits, for the cells of a heat map and the like.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        a if !a.is_finite() => "NaN".into(),
        a if a >= 100.0 => fixed(value, 0),
        a if a >= 10.0 => fixed(value, 1),
        _ => fixed(value, 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scale starts and ends at its end colours, clamps beyond them, and signals what is not a number.
    #[test]
    fn scales() {
        assert_eq!(Scale::Sequential.at(-3.0), VIRIDIS[0]);
        assert_eq!(Scale::Sequential.at(1.0), VIRIDIS[8]);
        assert_eq!(Scale::Diverging.at(0.5), [247; 3]);
        assert_eq!(Scale::Diverging.at(f64::NAN), NOT_FINITE);
    }
}
