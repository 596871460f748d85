//! Sprites: white shapes on black, made of five known factors. They stand beside dSprites (Matthey, Higgins, Hassabis & Lerchner
//! 2017), with its factors and their order, and are drawn on demand: nothing is kept or downloaded.
//!
//! | factor | values | in pixels of a side of 64 |
//! |---|---|---|
//! | shape | 3 | square of side 22.6, ellipse of 32 × 16, heart as wide as 27: the largest of each |
//! | scale | 6 | 0.5, 0.6, … 1 |
//! | rotation | 40 | steps of 9° |
//! | x | 32 | the centre, from 16 to 48 |
//! | y | 32 | likewise, downwards |
//!
//! A pixel is 1 where its centre lies inside the shape, else 0. There is no antialiasing: the pixels are binary, so that a Bernoulli
//! likelihood is one of pictures and not of grey values, and an ELBO can come close to 0. At a side of 32 a step of the position is
//! half a pixel; the shape's edge still shows it, but for a few pairs of items that have the same pixels.
//!
//! Some items are the same picture at any side, as in dSprites: a square has 10 different rotations, an ellipse 20.
//!
//! ```
//! use vae_core::{candle::Device, data::{self, Data, Factored}};
//!
//! let sprites = data::sprites(64, &Device::Cpu)?;
//! assert_eq!(sprites.len(), 3 * 6 * 40 * 32 * 32);
//! let batch = sprites.batch(&[0, sprites.index(&[1, 2, 10, 16, 16])?])?;
//! assert_eq!(batch.x.dims(), [2, 1, 64, 64]);
//! assert_eq!(batch.y.unwrap().to_vec2::<u32>()?[1], [1, 2, 10, 16, 16]); // what each item is made of
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{
    f64::consts::{FRAC_1_SQRT_2, TAU},
    fmt,
};

use candle_core::{Device, Shape};

use super::{Batch, Data, Factored, factored};
use crate::{Error, Result};

const SIZES: [(&str, usize); 5] = [("shape", 3), ("scale", 6), ("rotation", 40), ("x", 32), ("y", 32)];
/// The sides that a picture may have: below, scales cannot be told apart; above, nothing is gained.
const SIDES: std::ops::RangeInclusive<usize> = 16..=256;
/// How far the largest shapes reach from their centre, as a part of the picture's side; no shape is ever cut off.
const REACH: f64 = 0.25;

/// Pictures of a square, an ellipse or a heart; see the [module](self).
#[derive(Clone, Debug)]
pub struct Sprites {
    side: usize,
    device: Device,
}

/// Sprites of `side` × `side` pixels, whose batches are made on `device`: 64, or 32 for quick work.
///
/// # Errors
/// [`Error::Argument`] for a side below 16 or above 256.
pub fn sprites(side: usize, device: &Device) -> Result<Sprites> {
    if !SIDES.contains(&side) {
        let (least, most) = (SIDES.start(), SIDES.end());
        return Err(Error::argument(format!("the side of a sprite must be {least} to {most} pixels, got {side}")));
    }
    Ok(Sprites { side, device: device.clone() })
}

impl Factored for Sprites {
    fn sizes(&self) -> &[(&str, usize)] {
        &SIZES
    }
}

impl Data for Sprites {
    fn len(&self) -> usize {
        SIZES.iter().map(|(_, size)| size).product()
    }

    /// (1, side, side).
    fn shape(&self) -> Shape {
        (1, self.side, self.side).into()
    }

    /// Pictures (B, 1, side, side) of 0 and 1, and the values of their five factors, u32 (B, 5).
    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        factored::batch(self, indices, &self.device, |index, picture| {
            Sprite::new(&self.factors(index)).draw(picture, self.side);
        })
    }
}

impl fmt::Display for Sprites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&factored::summary("sprites", self, "drawn on demand"))
    }
}

/// One shape in a picture of side 1.
struct Sprite {
    shape: usize,
    /// How far the shape reaches from its centre, at most.
    reach: f64,
    sin: f64,
    cos: f64,
    x: f64,
    y: f64,
}

impl Sprite {
    fn new(values: &[usize]) -> Self {
        let share = |factor: usize| values[factor] as f64 / (SIZES[factor].1 - 1) as f64;
        let (sin, cos) = (values[2] as f64 / SIZES[2].1 as f64 * TAU).sin_cos();
        let centre = |factor| REACH + (1.0 - 2.0 * REACH) * share(factor);
        Self { shape: values[0], reach: REACH * (0.5 + 0.5 * share(1)), sin, cos, x: centre(3), y: centre(4) }
    }

    /// Sets the pixels whose centres are inside; the others are left as they are.
    fn draw(&self, picture: &mut [f32], side: usize) {
        let around = |centre: f64| {
            let [first, last] = [centre - self.reach, centre + self.reach].map(|edge| (edge * side as f64) as usize);
            first..(last + 1).min(side)
        };
        for row in around(self.y) {
            for column in around(self.x) {
                let place = |pixel: usize, centre: f64| ((pixel as f64 + 0.5) / side as f64 - centre) / self.reach;
                let (dx, dy) = (place(column, self.x), place(row, self.y));
                // Turned back by the rotation, and with y upwards.
                let (u, v) = (self.cos * dx - self.sin * dy, -self.sin * dx - self.cos * dy);
                if inside(self.shape, u, v) {
                    picture[row * side + column] = 1.0;
                }
            }
        }
    }
}

/// Whether a shape that fits into the unit circle has the point (u, v).
fn inside(shape: usize, u: f64, v: f64) -> bool {
    match shape {
        0 => u.abs() <= FRAC_1_SQRT_2 && v.abs() <= FRAC_1_SQRT_2,
        1 => u * u + 4.0 * v * v <= 1.0,
        // The heart curve (x² + y² − 1)³ = x² y³, whose farthest point from the origin is 1.31 away.
        _ => {
            let (x, y) = (1.35 * u, 1.35 * v + 0.1);
            let ring = x * x + y * y - 1.0;
            ring * ring * ring <= x * x * y * y * y
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{data::Images, random::Random};

    fn picture(side: usize, values: &[usize]) -> Vec<f32> {
        let mut pixels = vec![0.0; side * side];
        Sprite::new(values).draw(&mut pixels, side);
        pixels
    }

    /// No shape reaches past its circle, at any size and rotation, and each has its area: that of the unit circle's square (2),
    /// ellipse (π/2) and heart (3.66 / 1.35²), within 3 %.
    #[test]
    fn shapes_have_their_areas() {
        let fine = 1000;
        let areas = [2.0, TAU / 4.0, 3.66 / (1.35 * 1.35)];
        for (shape, area) in areas.into_iter().enumerate() {
            let mut inside_count = 0;
            for i in 0..2 * fine {
                for j in 0..2 * fine {
                    let at = |k: usize| (k as f64 + 0.5) / fine as f64 * 1.1 - 1.1;
                    let (u, v) = (at(i), at(j));
                    if inside(shape, u, v) {
                        inside_count += 1;
                        assert!(u * u + v * v <= 1.0 + 1e-9, "shape {shape} at {u} {v}");
                    }
                }
            }
            let seen = f64::from(inside_count) * (1.1 / fine as f64).powi(2);
            assert!((seen / area - 1.0).abs() < 0.03, "shape {shape}: {seen} {area}");
        }
    }

    /// Each factor does what its name says: x and y move the centre of mass, scale the area, rotation turns, at both sides.
    #[test]
    fn factors_do_what_they_say() {
        let moments = |side: usize, values: &[usize]| {
            let pixels = picture(side, values);
            let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
                pixels
                    .iter()
                    .enumerate()
                    .map(|(i, &p)| f64::from(p) * of((i % side) as f64 + 0.5, (i / side) as f64 + 0.5))
                    .sum()
            };
            let mass = sum(&|_, _| 1.0);
            let (x, y) = (sum(&|x, _| x) / mass, sum(&|_, y| y) / mass);
            let (xx, xy, yy) =
                (sum(&|u, _| (u - x).powi(2)), sum(&|u, v| (u - x) * (v - y)), sum(&|_, v| (v - y).powi(2)));
            // The angle of the long axis, with y upwards.
            (mass, x, y, 0.5 * (-2.0 * xy).atan2(xx - yy))
        };
        for side in [32, 64] {
            let at = side as f64;
            let (mass, x, y, angle) = moments(side, &[1, 5, 5, 0, 31]);
            assert!((mass / (TAU / 4.0 * (at / 4.0).powi(2)) - 1.0).abs() < 0.05, "{mass}");
            assert!((x - 0.25 * at).abs() < 0.3 && (y - 0.75 * at).abs() < 0.3, "{x} {y}");
            assert!((angle - TAU / 8.0).abs() < 0.03, "45°, counter-clockwise: {angle}");
            let (half, ..) = moments(side, &[1, 0, 5, 0, 31]);
            assert!((half / mass - 0.25).abs() < 0.03, "half the scale is a quarter of the area: {half} {mass}");
        }
    }

    /// At 64 pixels, different factors are different pictures but for the symmetries of square and ellipse; at 32 pixels all but 1 %.
    #[test]
    fn pictures_differ() {
        for (side, least) in [(64, 1.0), (32, 0.99)] {
            let mut seen = HashSet::new();
            let mut count = 0;
            for (shape, rotations) in [(0, 10), (1, 20), (2, 40)] {
                for (scale, x, y) in
                    (0..6).flat_map(|s| (0..32).step_by(3).flat_map(move |x| (8..12).map(move |y| (s, x, y))))
                {
                    for rotation in 0..rotations {
                        count += 1;
                        seen.insert(
                            picture(side, &[shape, scale, rotation, x, y]).iter().map(|&p| p as u8).collect::<Vec<_>>(),
                        );
                    }
                }
            }
            let share = seen.len() as f64 / f64::from(count);
            println!("{side}: {share}");
            assert!(share >= least, "{side}: {share} of {count} pictures differ");
        }
        assert_eq!(picture(64, &[0, 3, 0, 7, 9]), picture(64, &[0, 3, 10, 7, 9]), "a square after a quarter turn");
    }

    /// Sprites kept as images are the same pictures, without labels; numbers that are no images cannot be kept so.
    #[test]
    fn kept_as_images() -> Result<()> {
        let sprites = sprites(16, &Device::Cpu)?;
        let indices = sprites.sample(1500, None, &mut Random::new(1))?;
        let images = Images::of(&sprites, &indices, &Device::Cpu)?;
        assert!(images.labels().is_empty());
        let [a, b] = [images.tensor()?, Data::batch(&sprites, &indices)?.x].map(|x| x.flatten_all());
        assert_eq!(a?.to_vec1::<f32>()?, b?.to_vec1::<f32>()?);
        let table = candle_core::Tensor::zeros((3, 2), candle_core::DType::F32, &Device::Cpu)?;
        let error = Images::of(&table, &[0], &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("(channels, height, width)"), "{error}");
        Ok(())
    }

    /// Numbers and values are each other's inverse, a fixed factor stays, the others take all their values, and what there is not is refused.
    #[test]
    fn numbers_and_values() -> Result<()> {
        let sprites = sprites(16, &Device::Cpu)?;
        let mut random = Random::new(1);
        for index in sprites.sample(500, None, &mut random)? {
            assert_eq!(sprites.index(&sprites.factors(index))?, index);
        }
        let fixed = sprites.sample(1000, Some((3, 17)), &mut random)?;
        let values: Vec<Vec<usize>> = fixed.iter().map(|&index| sprites.factors(index)).collect();
        assert!(values.iter().all(|values| values[3] == 17));
        for (factor, (_, size)) in SIZES.into_iter().enumerate().filter(|&(factor, _)| factor != 3) {
            assert_eq!(values.iter().map(|values| values[factor]).collect::<HashSet<_>>().len(), size);
        }
        let error = |result: Result<usize>| result.unwrap_err().to_string();
        assert_eq!(error(sprites.index(&[0, 6, 0, 0, 0])), "scale 6: there are 6, counted from 0");
        assert_eq!(error(sprites.index(&[0, 6])), "expected 5 values (shape, scale, rotation, x, y), got 2");
        assert_eq!(
            error(sprites.sample(1, Some((5, 0)), &mut random).map(|_| 0)),
            "factor 5: there are 5, counted from 0"
        );
        assert_eq!(
            error(sprites.sample(1, Some((0, 3)), &mut random).map(|_| 0)),
            "shape 3: there are 3, counted from 0"
        );
        assert_eq!(
            error(Data::batch(&sprites, &[737_280]).map(|_| 0)),
            "sprite 737280: there are 737280, counted from 0"
        );
        assert!(super::sprites(8, &Device::Cpu).unwrap_err().to_string().contains("16 to 256 pixels, got 8"));
        Ok(())
    }
}
