//! Maps of numbers as colours: where an image is strange.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, viz::{Heat, Rows}};
//!
//! let (images, maps) = (Tensor::rand(0f32, 1., (3, 1, 8, 8), &Device::Cpu)?, Tensor::rand(0f32, 0.2, (3, 1, 8, 8), &Device::Cpu)?);
//! let heat = Heat::new("squared error", 0.2);
//! let rows = Rows::new().row("image", &images)?.heat_row("error", &maps, &heat)?.overlay_row("over it", &images, &maps, &heat)?;
//! assert!(rows.to_figure().to_svg().contains(">squared error</text>")); // the scale of colours
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};

use super::{
    Rows,
    colors::{AXIS, Rgb, hex},
    text::{self, Anchor, FAINT, SIZE, fixed, number},
};
use crate::{Error, Result};

/// From nothing to the most: five of the colours of "inferno" (van der Walt & Smith 2015), of evenly rising lightness.
const SCALE: [Rgb; 5] = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
/// How much of the colour lies over an image where the map is largest.
const COVER: f32 = 0.9;
/// Steps of the scale as it is drawn.
const STEPS: usize = 32;

/// A scale of colours from 0, black, over violet and orange to a largest value, pale yellow.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    label: String,
    most: f64,
}

impl Heat {
    /// The scale from 0 to `most`, above which the colour stays; `label` names the quantity and its unit.
    pub fn new(label: impl Into<String>, most: f64) -> Self {
        // A scale without length would have no colours.
        Self { label: label.into(), most: if most.is_finite() && most > 0.0 { most } else { 1.0 } }
    }

    /// The scale that ends where all but a hundredth of the numbers of these maps have ended: single pixels do not darken the rest.
    ///
    /// # Errors
    /// When the numbers cannot be read from their device.
    pub fn of<'a>(label: impl Into<String>, maps: impl IntoIterator<Item = &'a Tensor>) -> Result<Self> {
        let mut values = vec![];
        for map in maps {
            values.extend(map.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?);
        }
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        Ok(Self::new(label, values.get(values.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(1.0)))
    }

    /// Red, green and blue in [0, 1] at a share of the scale.
    fn color(share: f32) -> [f32; 3] {
        let place = share.clamp(0.0, 1.0) * (SCALE.len() - 1) as f32;
        let i = (place as usize).min(SCALE.len() - 2);
        let along = place - i as f32;
        std::array::from_fn(|c| {
            let [from, to] = [SCALE[i][c], SCALE[i + 1][c]].map(|value| f32::from(value) / 255.0);
            from + (to - from) * along
        })
    }

    /// (B, C, H, W) maps, whose channels are averaged, as shares of the scale, (B, 1, H, W) float32.
    fn shares(&self, maps: &Tensor) -> Result<Tensor> {
        if maps.rank() != 4 {
            let expected = "(batch, channels, height, width)".into();
            return Err(Error::Shape { what: "maps to draw", expected, got: maps.dims().to_vec() });
        }
        Ok((maps.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.mean_keepdim(1)? / self.most)?)
    }

    /// The maps as pictures, (B, 3, H, W) in [0, 1]; what is not finite stays so.
    ///
    /// # Errors
    /// [`Error::Shape`] unless maps are (B, C, H, W).
    pub fn paint(&self, maps: &Tensor) -> Result<Tensor> {
        let shares = self.shares(maps)?;
        let (b, _, h, w) = shares.dims4()?;
        let values: Vec<f32> = shares.flatten_all()?.to_vec1()?;
        let mut out = vec![0f32; 3 * values.len()];
        for (i, share) in values.into_iter().enumerate() {
            let (image, pixel) = (i / (h * w), i % (h * w));
            let color = if share.is_finite() { Self::color(share) } else { [f32::NAN; 3] };
            for (c, value) in color.into_iter().enumerate() {
                out[(3 * image + c) * h * w + pixel] = value;
            }
        }
        Ok(Tensor::from_vec(out, (b, 3, h, w), &Device::Cpu)?)
    }

    /// The maps over grey or coloured images in [0, 1], (B, 3, H, W): an image shows where its map is 0, and the colour covers it the more
    /// the larger the map is.
    ///
    /// # Errors
    /// [`Error::Shape`] unless both are (B, C, H, W) with the same B, H and W.
    pub fn over(&self, images: &Tensor, maps: &Tensor) -> Result<Tensor> {
        let heat = self.paint(maps)?;
        let images = images.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        let expected = format!("{:?}, with one channel or three", heat.dims());
        let fits = images.rank() == 4 && [1, 3].contains(&images.dims()[1]);
        if !fits || images.dims()[0] != heat.dims()[0] || images.dims()[2..] != heat.dims()[2..] {
            return Err(Error::Shape { what: "images under maps", expected, got: images.dims().to_vec() });
        }
        let cover = (self.shares(maps)?.clamp(0f32, 1f32)? * f64::from(COVER))?.broadcast_as(heat.shape())?;
        Ok((images.broadcast_as(heat.shape())?.mul(&(1.0 - &cover)?)? + (heat * cover)?)?)
    }

    /// The scale with its ends and its name, `width` pixels wide from (0, `y`), and how high that is.
    pub(super) fn bar(&self, y: f64, width: f64) -> (String, f64) {
        let step = width / STEPS as f64;
        let mut out = String::new();
        for i in 0..STEPS {
            let rgb = Self::color(i as f32 / (STEPS - 1) as f32).map(|value| (255.0 * value).round() as u8);
            // Half a pixel wider, so that no line shows between two.
            let wider = if i + 1 < STEPS { 0.5 } else { 0.0 };
            let [x, top, wide] = [step * i as f64, y, step + wider].map(number);
            out += &format!("<rect x=\"{x}\" y=\"{top}\" width=\"{wide}\" height=\"10\" fill=\"{}\"/>\n", hex(rgb));
        }
        let [top, wide] = [y, width].map(number);
        let frame = hex(AXIS);
        out +=
            &format!("<rect x=\"0\" y=\"{top}\" width=\"{wide}\" height=\"10\" fill=\"none\" stroke=\"{frame}\"/>\n");
        let digits = if self.most < 0.1 { 3 } else { 2 };
        out += &text::text(0.0, y + 12.0 + SIZE, Anchor::Start, SIZE, "", "0");
        out += &text::text(
            width,
            y + 12.0 + SIZE,
            Anchor::End,
            SIZE,
            "",
            &format!("{} and more", fixed(self.most, digits)),
        );
        // Below its ends: under a narrow figure there is no room between them.
        let label = text::wrap(&self.label, SIZE, width);
        out += &text::lines(0.0, y + 16.0 + SIZE, SIZE, &format!(" fill=\"{FAINT}\""), &label);
        (out, 16.0 + SIZE + text::height(label.len(), SIZE))
    }
}

impl Rows {
    /// One more row: maps (N, C, H, W) in the colours of a scale, which is drawn below the rows.
    ///
    /// # Errors
    /// Those of [`Heat::paint`] and [`Rows::row`].
    pub fn heat_row(self, title: impl Into<String>, maps: &Tensor, heat: &Heat) -> Result<Self> {
        Ok(self.row(title, &heat.paint(maps)?)?.with_heat(heat))
    }

    /// One more row: maps over images, in the colours of a scale, which is drawn below the rows.
    ///
    /// # Errors
    /// Those of [`Heat::over`] and [`Rows::row`].
    pub fn overlay_row(self, title: impl Into<String>, images: &Tensor, maps: &Tensor, heat: &Heat) -> Result<Self> {
        Ok(self.row(title, &heat.over(images, maps)?)?.with_heat(heat))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends and middle of the scale, its colours at the right pixels, and what is above it.
    #[test]
    fn colours_follow_values() {
        let heat = Heat::new("l", 2.0);
        let maps = Tensor::new(&[0f32, 1.0, 2.0, 9.0], &Device::Cpu).unwrap().reshape((2, 1, 1, 2)).unwrap();
        let painted: Vec<f32> = heat.paint(&maps).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let byte = |image: usize, pixel: usize| {
            [0, 1, 2].map(|c| (painted[(3 * image + c) * 2 + pixel] * 255.0).round() as u8)
        };
        assert_eq!([byte(0, 0), byte(0, 1), byte(1, 0), byte(1, 1)], [SCALE[0], SCALE[2], SCALE[4], SCALE[4]]);
    }

    /// Where a map is 0 the image shows, where it is largest a tenth of it does; other sizes are refused.
    #[test]
    fn overlays() {
        let heat = Heat::new("l", 1.0);
        let maps = Tensor::new(&[0f32, 1.0], &Device::Cpu).unwrap().reshape((1, 1, 1, 2)).unwrap();
        let images = Tensor::full(0.5f32, (1, 1, 1, 2), &Device::Cpu).unwrap();
        let over: Vec<f32> = heat.over(&images, &maps).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let red = f32::from(SCALE[4][0]) / 255.0;
        assert!((over[0] - 0.5).abs() < 1e-6 && (over[1] - (0.05 + 0.9 * red)).abs() < 1e-6, "{over:?}");
        let error = heat.over(&images.narrow(3, 0, 1).unwrap(), &maps).unwrap_err().to_string();
        assert!(error.starts_with("images under maps: expected shape [1, 3, 1, 2]"), "{error}");
    }

    /// The scale ends where all but a hundredth of the numbers end, and has a length whatever they are.
    #[test]
    fn ends() {
        let mut values = vec![0.5f32; 1000];
        values[7] = 90.0;
        let map = Tensor::from_vec(values, (1, 1, 10, 100), &Device::Cpu).unwrap();
        assert_eq!(Heat::of("l", [&map]).unwrap(), Heat::new("l", 0.5));
        assert_eq!(Heat::new("l", 0.0), Heat::new("l", f64::NAN));
    }
}
