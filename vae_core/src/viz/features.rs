//! Feature maps as rows of pictures.

use candle_core::{DType, Device, Tensor};

use super::Rows;
use crate::{Error, Result};

impl Rows {
    /// One more row: of the feature maps of one image, (1, C, H, W), the `count` with the largest variance, that one first. Each goes from
    /// black at its least value to white at its greatest; all are enlarged to `side` pixels, so that rows of layers stand in columns.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape; those of [`Rows::row`].
    pub fn feature_row(self, title: impl Into<String>, features: &Tensor, count: usize, side: usize) -> Result<Self> {
        let &[1, c, h, w] = features.dims() else {
            let expected = "(1, channels, height, width), the features of one image".into();
            return Err(Error::Shape { what: "feature maps", expected, got: features.dims().to_vec() });
        };
        let channels = features.detach().to_device(&Device::Cpu)?.to_dtype(DType::F32)?.reshape((c, h * w))?;
        let spread = channels.broadcast_sub(&channels.mean_keepdim(1)?)?.sqr()?.mean(1)?.to_vec1::<f32>()?;
        let mut order: Vec<u32> = (0..c as u32).collect();
        order.sort_by(|&a, &b| spread[b as usize].total_cmp(&spread[a as usize]));
        order.truncate(count.max(1));
        let shown = channels.index_select(&Tensor::new(order, &Device::Cpu)?, 0)?;
        let (low, high) = (shown.min_keepdim(1)?, shown.max_keepdim(1)?);
        // A map that is the same everywhere is black and no division by 0.
        let images = shown.broadcast_sub(&low)?.broadcast_div(&((high - low)? + 1e-9)?)?;
        let count = images.dims()[0];
        self.row(title, &images.reshape((count, 1, h, w))?.upsample_nearest2d(side, side)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The liveliest maps come first, from black to white, and a flat one is black; several images are refused.
    #[test]
    fn liveliest_first() {
        let values = [5f32, 5., 5., 5., 0., 1., 2., 4., -8., 0., 0., 8.];
        let features = Tensor::new(&values, &Device::Cpu).unwrap().reshape((1, 3, 2, 2)).unwrap();
        let svg = |count| Rows::new().feature_row("t", &features, count, 2).unwrap().to_figure().to_svg();
        let expected = [0f32, 0.5, 0.5, 1., 0., 0.25, 0.5, 1., 0., 0., 0., 0.];
        let expected = Tensor::new(&expected, &Device::Cpu).unwrap().reshape((3, 1, 2, 2)).unwrap();
        assert_eq!(svg(9), Rows::new().row("t", &expected).unwrap().to_figure().to_svg());
        assert_eq!(svg(1), Rows::new().row("t", expected.narrow(0, 0, 1).unwrap()).unwrap().to_figure().to_svg());
        let error = Rows::new().feature_row("t", &expected, 2, 2).unwrap_err().to_string();
        assert!(error.contains("the features of one image"), "{error}");
    }
}
