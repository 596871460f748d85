//! Items of a data set on the plane: their codes under each model, their labels, and small copies of their pictures.

use candle_core::{DType, Tensor};
use serde_json::{Value, json};

use super::pack::Pack;
use crate::{
    Result,
    data::{Batch, Data},
    distributions::{DiagonalGaussian, Distribution},
    models::{Vae, given},
    objectives::kl_per_dimension,
};

/// Items at a time.
const BATCH: usize = 500;
/// Grey levels of the small copies: enough to know a picture by, and a third of the room.
const LEVELS: f64 = 15.0;

/// `data` in batches, on the device of `vae`.
fn batches<'a>(data: &'a dyn Data, vae: &'a dyn Vae) -> impl Iterator<Item = Result<Batch>> + 'a {
    let starts = (0..data.len()).step_by(BATCH);
    starts.map(move |start| {
        let indices: Vec<usize> = (start..data.len().min(start + BATCH)).collect();
        data.batch(&indices)?.to_device(vae.device())
    })
}

/// Where the codes of all items begin, their means under q(z|x), and what they say of the dimensions.
pub(super) fn codes(vae: &dyn Vae, data: &dyn Data, pack: &mut Pack) -> Result<Value> {
    let mean = |batch: Result<Batch>| -> Result<Tensor> {
        let batch = batch?;
        Ok(given(vae, &batch)?.encode(&batch.x)?.mean()?.detach())
    };
    let means = Tensor::cat(&batches(data, vae).map(mean).collect::<Result<Vec<_>>>()?, 0)?;
    let deviation = means.broadcast_sub(&means.mean_keepdim(0)?)?.sqr()?.mean(0)?.sqrt()?;
    let deviation = deviation.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    let kl = kl_per_dimension(vae, data, false, 0)?;
    Ok(json!({ "at": pack.tensor(&means, "codes")?, "kl": kl, "deviation": deviation }))
}

/// Whether the prior is N(0, I).
pub(super) fn is_standard(vae: &dyn Vae) -> bool {
    let prior = vae.prior(1);
    prior.is_ok_and(|p| p.downcast::<DiagonalGaussian>().is_ok_and(DiagonalGaussian::is_standard))
}

/// The labels of the items, where they have whole numbers for labels; and their pictures, into `pack`.
pub(super) fn originals(vae: &dyn Vae, data: &dyn Data, pack: &mut Pack) -> Result<Option<Vec<u32>>> {
    let mut labels = Some(vec![]);
    for batch in batches(data, vae) {
        let Batch { x, y } = batch?;
        let x = x.to_dtype(DType::F32)?.clamp(0f32, 1f32)?.affine(LEVELS, 0.0)?.round()?;
        pack.bytes(&x.flatten_all()?.to_dtype(DType::U8)?.to_vec1::<u8>()?, "pictures of points");
        let whole = y.filter(|y| y.rank() == 1 && matches!(y.dtype(), DType::U8 | DType::U32 | DType::I64));
        match (&mut labels, whole) {
            (Some(all), Some(y)) => all.extend(y.to_dtype(DType::U32)?.to_vec1::<u32>()?),
            (labels, _) => *labels = None,
        }
    }
    Ok(labels)
}
