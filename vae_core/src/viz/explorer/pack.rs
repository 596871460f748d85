//! The numbers of a page in little room: float16, high bytes before low bytes, deflated, base64.
//!
//! Sign, exponent and first bits of weights are much alike, the rest is noise: apart, the one half shrinks to two thirds, and the
//! other costs no more than it is.

use std::io::Write;

use candle_core::{DType, Tensor};
use flate2::{Compression, write::ZlibEncoder};
use half::f16;
use serde_json::{Value, json};

use crate::{Error, Result, viz::output};

/// Numbers and bytes on their way into a page.
#[derive(Default)]
pub(super) struct Pack {
    numbers: Vec<f16>,
    bytes: Vec<u8>,
    /// How many bytes each part takes before it is deflated, by its name.
    parts: Vec<(&'static str, usize)>,
}

impl Pack {
    /// Adds the tensor's numbers, row by row; `what` names them in errors. Returns where they begin.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that float16 does not hold.
    pub(super) fn tensor(&mut self, tensor: &Tensor, what: &'static str) -> Result<usize> {
        let at = self.numbers.len();
        let values = tensor.detach().to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        for value in values {
            let number = f16::from_f32(value);
            if !number.is_finite() {
                return Err(Error::argument(format!(
                    "{what} hold {value}; an explorer takes numbers along as float16, finite and below 65,520: train with a smaller \
                     learning rate or clipped gradients"
                )));
            }
            self.numbers.push(number);
        }
        self.count(what, 2 * (self.numbers.len() - at));
        Ok(at)
    }

    /// Adds bytes, all of them behind all numbers.
    pub(super) fn bytes(&mut self, bytes: &[u8], what: &'static str) {
        self.bytes.extend(bytes);
        self.count(what, bytes.len());
    }

    fn count(&mut self, what: &'static str, bytes: usize) {
        match self.parts.iter_mut().find(|(name, _)| *name == what) {
            Some((_, sum)) => *sum += bytes,
            None => self.parts.push((what, bytes)),
        }
    }

    /// What shares the room, as "52 % the decoder's weights, 48 % …".
    pub(super) fn shares(&self) -> String {
        let all = self.parts.iter().map(|(_, bytes)| bytes).sum::<usize>().max(1);
        let share = |(what, bytes): &(&str, usize)| format!("{} % {what}", (100 * bytes + all / 2) / all);
        self.parts.iter().map(share).collect::<Vec<_>>().join(", ")
    }

    /// How many numbers there are, and everything as base64.
    pub(super) fn finish(&self) -> Result<Value> {
        let halves = self.numbers.iter().map(|number| number.to_bits().to_be_bytes());
        let (high, low): (Vec<u8>, Vec<u8>) = halves.map(|[high, low]| (high, low)).unzip();
        let mut deflated = ZlibEncoder::new(Vec::new(), Compression::best());
        let written = [&high, &low, &self.bytes].into_iter().try_for_each(|part| deflated.write_all(part));
        let deflated = written.and_then(|()| deflated.finish());
        let deflated = deflated.map_err(|error| Error::argument(format!("the numbers of an explorer: {error}")))?;
        Ok(json!({ "numbers": self.numbers.len(), "base64": output::base64(&deflated) }))
    }
}
