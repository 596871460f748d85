//! Garments.
use rand::RngCore;
pub(super) fn draw(_label: u8, _rng: &mut dyn RngCore, pixels: &mut [u8]) {
    pixels.fill(0);
}
