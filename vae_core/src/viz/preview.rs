//! A first look at a data set.

use super::{Figure, ImageGrid};
use crate::data::{Dataset, Folder, Images};

/// More images than this are no first look.
const MOST: usize = 400;

impl Images {
    /// The first `n` images (at most 400) with their labels below, where they have any.
    ///
    /// ```
    /// use vae_core::{candle::Device, data::Images};
    ///
    /// let images = Images::new(vec![0; 3 * 784], vec![7, 2, 1], (1, 28, 28), &Device::Cpu)?;
    /// assert!(images.preview(40).to_svg().contains(">7</text>"));
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    pub fn preview(&self, n: usize) -> Figure {
        preview(self, n, |label| label.to_string())
    }
}

impl Dataset {
    /// The first `n` training images (at most 400) with the names of their classes below.
    pub fn preview(&self, n: usize) -> Figure {
        preview(&self.train, n, |label| name(&self.class_names, label))
    }
}

impl Folder {
    /// The first `n` pictures (at most 400) with the names of their classes below, where they have any.
    pub fn preview(&self, n: usize) -> Figure {
        match self.images(&(0..n.min(MOST).min(self.len())).collect::<Vec<_>>()) {
            Ok(images) => preview(&images, n, |label| name(self.class_names(), label)),
            Err(error) => Figure::apology("a preview", &error.to_string()),
        }
    }
}

fn name(names: &[String], label: u32) -> String {
    names.get(label as usize).cloned().unwrap_or_else(|| label.to_string())
}

fn preview(images: &Images, n: usize, name: impl Fn(u32) -> String) -> Figure {
    let images = images.take(n.min(MOST));
    let (channels, height, width) = images.shape();
    match ImageGrid::from_bytes((images.len(), channels, height, width), images.bytes()) {
        Ok(grid) => grid.labelled(images.labels().iter().map(|label| name(*label))),
        Err(error) => Figure::apology("a preview", &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// As many images as there are and were asked for; none, or ones that are no pictures, are said and not drawn.
    #[test]
    fn previews() {
        let images = |n: usize, channels| {
            Images::new(vec![9; n * channels * 4], vec![3; n], (channels, 2, 2), &Device::Cpu).unwrap()
        };
        let count = |figure: Figure| figure.to_svg().matches("<image").count();
        assert_eq!(count(images(5, 1).preview(3)), 3);
        assert_eq!(count(images(5, 3).preview(9)), 5);
        assert_eq!(count(images(500, 1).preview(usize::MAX)), MOST);
        assert!(images(0, 1).preview(3).to_svg().contains("could not be drawn"));
        assert!(images(5, 2).preview(3).to_svg().contains("could not be drawn"));
    }
}
