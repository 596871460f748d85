//! PyTorch's side of the benchmark: `tools/torch_bench.py` as a child that answers one question a line.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use vae_core::prelude::*;

use super::models::Model;

pub(crate) struct Torch {
    process: RefCell<(Child, ChildStdin, BufReader<ChildStdout>)>,
    /// Its script, and the images that both sides train on, as bytes.
    _files: [tempfile::NamedTempFile; 2],
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::Argument(format!("PyTorch's side of the benchmark: {what}"))
}

impl Torch {
    pub(crate) fn start(python: &Path, images: &Images, device: &str) -> Result<Self> {
        let mut pixels = tempfile::NamedTempFile::new().map_err(failed)?;
        for chunk in images.chunks(5_000)? {
            let bytes = (chunk?.x * 255.0)?.round()?.to_dtype(DType::U8)?.flatten_all()?.to_vec1::<u8>()?;
            pixels.write_all(&bytes).map_err(failed)?;
        }
        // From this program, so that the two belong together wherever it was copied to.
        let mut script = tempfile::Builder::new().suffix(".py").tempfile().map_err(failed)?;
        script.write_all(include_bytes!("../../../tools/torch_bench.py")).map_err(failed)?;
        let mut child = Command::new(python)
            .arg(script.path())
            .arg(pixels.path())
            .arg(rayon::current_num_threads().to_string())
            .arg(device)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{} does not start: {error}", python.display())))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("no pipes"));
        };
        let torch = Self { process: RefCell::new((child, input, BufReader::new(output))), _files: [script, pixels] };
        let hello = torch.ask(json!({ "what": "hello" }))?;
        println!("PyTorch {} on {} threads", hello["version"], hello["threads"]);
        Ok(torch)
    }

    fn ask(&self, question: Value) -> Result<Value> {
        let (_, input, output) = &mut *self.process.borrow_mut();
        writeln!(input, "{question}").and_then(|()| input.flush()).map_err(failed)?;
        let mut line = String::new();
        output.read_line(&mut line).map_err(failed)?;
        serde_json::from_str(&line).map_err(|_| failed(format!("it ended, or answered {line:?}")))
    }

    fn number(&self, question: Value) -> Result<Option<f64>> {
        Ok(self.ask(question)?["answer"].as_f64())
    }

    /// Milliseconds of a step; `None` where the mode does not work on this machine.
    pub(crate) fn step(
        &self,
        model: Model,
        batch: usize,
        latent: Option<usize>,
        mode: &str,
        seconds: f64,
    ) -> Result<Option<f64>> {
        let latent = latent.unwrap_or(model.latent());
        let (what, model) = ("step", model.name());
        self.number(
            json!({ "what": what, "model": model, "batch": batch, "latent": latent, "mode": mode, "seconds": seconds }),
        )
    }

    /// Milliseconds to encode or decode a batch.
    pub(crate) fn infer(
        &self,
        model: Model,
        batch: usize,
        latent: Option<usize>,
        what: &str,
        seconds: f64,
    ) -> Result<Option<f64>> {
        let latent = latent.unwrap_or(model.latent());
        let model = model.name();
        self.number(json!({ "what": what, "model": model, "batch": batch, "latent": latent, "seconds": seconds }))
    }

    /// Milliseconds of a likelihood of so many images, with so many draws each.
    pub(crate) fn likelihood(&self, images: usize, samples: usize, seconds: f64) -> Result<Option<f64>> {
        self.number(json!({ "what": "likelihood", "images": images, "samples": samples, "seconds": seconds }))
    }

    /// Seconds of an epoch.
    pub(crate) fn epoch(&self, model: Model, batch: usize, latent: Option<usize>) -> Result<Option<f64>> {
        let latent = latent.unwrap_or(model.latent());
        self.number(json!({ "what": "epoch", "model": model.name(), "batch": batch, "latent": latent }))
    }
}

impl Drop for Torch {
    fn drop(&mut self) {
        // It ends by itself when its input does; nothing is left to do should that fail.
        let _ = self.process.get_mut().0.kill();
        let _ = self.process.get_mut().0.wait();
    }
}
