//! Images as bytes, batches as tensors, and where the images come from.
//!
//! - [`Images`]: images and labels kept as bytes; [`Images::batches`] makes float tensors of them, batch by batch
//! - [`Dataset`]: a training and a test set with names; [`mnist`], [`fashion_mnist`], [`digits`], [`garments`], [`load`]
//! - [`idx`]: the file format of MNIST
//! - [`mod@binarize`]: grey values as probabilities of ink
//! - [`Corruption`]: noise, masks and blur for a denoiser to undo
//! - [`folder()`]: pictures of one's own, with sub-folders as classes; [`Picture`]: one of them
//! - [`sprites()`]: shapes made of known factors; [`dsprites()`]: the original file of such; [`Factored`]: such data of one's own
//! - `hub`: the Hugging Face hub, with the feature of that name
//!
//! ```
//! use vae_core::{candle::Device, data::Images, random::Random};
//!
//! // Three 2×2 images: black, grey, white.
//! let bytes = [[0; 4], [51; 4], [255; 4]].concat();
//! let images = Images::new(bytes, vec![0, 1, 2], (1, 2, 2), &Device::Cpu)?;
//! assert!((images.tensor()?.mean_all()?.to_scalar::<f32>()? - (0.0 + 0.2 + 1.0) / 3.0).abs() < 1e-6);
//!
//! let mut seen = 0;
//! for batch in images.batches(2, &mut Random::new(1))? {
//!     let batch = batch?;
//!     assert_eq!(batch.x.dims(), [batch.len(), 1, 2, 2]); // (B, C, H, W) in [0, 1]
//!     seen += batch.len();
//! }
//! assert_eq!(seen, 3); // every image once
//! # Ok::<(), vae_core::Error>(())
//! ```

pub mod batches;
pub mod binarize;
pub mod corrupt;
mod decode;
pub mod defect;
pub mod dsprites;
mod embedded;
mod factored;
pub mod folder;
#[cfg(feature = "hub")]
pub mod hub;
pub mod idx;
mod images;
mod npz;
pub mod picture;
mod scan;
mod sources;
pub mod sprites;

pub use batches::{Batch, Batches, Data};
pub(crate) use batches::{Part, pass};
pub use binarize::binarize;
pub use corrupt::Corruption;
pub use defect::Defect;
pub use dsprites::{Dsprites, dsprites};
pub use factored::Factored;
pub(crate) use factored::combination;
pub use folder::{Fit, Folder, FolderConfig, Skipped, folder};
pub use images::Images;
pub use picture::Picture;
pub use sources::{Dataset, NAMES, Source, digits, fashion_mnist, garments, is_set, load, mnist};
pub use sprites::{Sprites, sprites};
