//! IDX, the file format of MNIST (LeCun, Cortes & Burges 1998): a big-endian header, then bytes.
//!
//! ```text
//! images: 00 00 08 03 | count: u32 | rows: u32 | columns: u32 | count · rows · columns bytes
//! labels: 00 00 08 01 | count: u32 | count bytes
//! ```
//!
//! Files may be gzipped or not; the content decides, not the name. A header is checked against the size of the file
//! before anything is allocated, and nothing past the size that the header announces is unpacked.
//!
//! ```
//! use vae_core::{candle::Device, data::{Images, idx}};
//!
//! let folder = std::env::temp_dir().join(format!("idx-doctest-{}", std::process::id()));
//! let images = Images::new((0..12).collect(), vec![7, 8], (1, 2, 3), &Device::Cpu)?;
//! idx::write_folder(&folder, &images, &images)?;
//! let (train, _test) = idx::read_folder(&folder, &Device::Cpu)?;
//! assert_eq!((train.bytes(), train.labels()), (images.bytes(), images.labels()));
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use candle_core::Device;
use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};

use super::Images;
use crate::{
    Error, Result,
    io::files::{self, write_atomically},
};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
/// Deflate packs at most 258 bytes into two bits, 1032 into one byte.
pub(super) const MOST_PER_GZIPPED_BYTE: u128 = 1032;
/// The four files of a set: images and labels for training, images and labels for testing.
const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Reads the four files of a set: (training images, test images). Each file may end in `.gz`, and write `.idx3-ubyte` for
/// `-idx3-ubyte`.
///
/// # Errors
/// When the folder or one of the files is missing, as [`read_images`] and [`read_labels`], when images and labels differ
/// in number, or when training and test images differ in shape.
pub fn read_folder(folder: &Path, device: &Device) -> Result<(Images, Images)> {
    if !folder.is_dir() {
        let what = if folder.exists() { "is not a folder" } else { "no such folder" };
        let files = FILES.join(", ");
        return Err(Error::file(
            folder,
            format!("{what}: expected a folder with the files {files} (with or without .gz)"),
        ));
    }
    let pair = |images: &str, labels: &str| -> Result<Images> {
        let (images, labels) = (find(folder, images)?, find(folder, labels)?);
        let (pixels, shape) = read_images(&images)?;
        let found = read_labels(&labels)?;
        let count = pixels.len() / (shape.1 * shape.2);
        if count != found.len() {
            let name = images.file_name().unwrap_or_default().to_string_lossy();
            let problem = format!(
                "{} labels for the {count} images of {name}: expected one label for each image; fetch both files again",
                found.len()
            );
            return Err(Error::file(&labels, problem));
        }
        Images::new(pixels, found.into_iter().map(u32::from).collect(), shape, device)
    };
    let (train, test) = (pair(FILES[0], FILES[1])?, pair(FILES[2], FILES[3])?);
    if train.shape() != test.shape() {
        let ((_, h, w), (_, height, width)) = (train.shape(), test.shape());
        let problem = format!("training images of {h}×{w} and test images of {height}×{width}: expected one shape");
        return Err(Error::file(folder, problem));
    }
    Ok((train, test))
}

/// Reads an image file: the bytes and the shape (1, rows, columns).
///
/// # Errors
/// When the file cannot be read, is not an IDX file of byte images, holds none, or is shorter or longer than its header
/// says; each message names the file, what was expected and what came.
pub fn read_images(path: &Path) -> Result<(Vec<u8>, (usize, usize, usize))> {
    let (bytes, [_, rows, columns]) = read(path, IMAGES, "images")?;
    Ok((bytes, (1, rows as usize, columns as usize)))
}

/// Reads a label file.
///
/// # Errors
/// As [`read_images`].
pub fn read_labels(path: &Path) -> Result<Vec<u8>> {
    Ok(read::<1>(path, LABELS, "labels")?.0)
}

/// Writes the four files of a set into `folder`, gzipped, creating it where needed. Each file appears whole or not at all.
///
/// # Errors
/// When the images are not grey, or the system cannot write.
pub fn write_folder(folder: &Path, train: &Images, test: &Images) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    for (images, names) in [(train, &FILES[..2]), (test, &FILES[2..])] {
        write_images(&folder.join(format!("{}.gz", names[0])), images)?;
        write_labels(&folder.join(format!("{}.gz", names[1])), images)?;
    }
    Ok(())
}

/// Writes the images as an IDX file, gzipped when the name ends in `.gz`. The file appears whole or not at all.
///
/// # Errors
/// When the images are not grey or too many for the format, or the system cannot write.
pub fn write_images(path: &Path, images: &Images) -> Result<()> {
    let (channels, rows, columns) = images.shape();
    if channels != 1 {
        return Err(Error::argument(format!("IDX image files are grey: expected 1 channel, got {channels}")));
    }
    write(path, IMAGES, &[images.len(), rows, columns], images.bytes())
}

/// Writes the labels as an IDX file, gzipped when the name ends in `.gz`. The file appears whole or not at all.
///
/// # Errors
/// When the images have no labels, or one above 255, and as [`write_images`].
pub fn write_labels(path: &Path, images: &Images) -> Result<()> {
    if images.labels().len() != images.len() {
        return Err(Error::argument("an IDX set has a label for each image, and these images have none"));
    }
    let byte = |&label: &u32| {
        let large = || Error::argument(format!("IDX labels are bytes, 0 to 255, got {label}"));
        u8::try_from(label).map_err(|_| large())
    };
    write(path, LABELS, &[images.len()], &images.labels().iter().map(byte).collect::<Result<Vec<_>>>()?)
}

/// The file of a set under the names that it is known by.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_string(), format!("{name}.gz"), format!("{dotted}.gz"), dotted];
    names.iter().map(|name| folder.join(name)).find(|path| path.exists()).ok_or_else(|| {
        Error::file(folder, format!("the file {name} (or {name}.gz) is missing: expected all of {}", FILES.join(", ")))
    })
}

/// The bytes after a header of `D` sizes, and the sizes.
fn read<const D: usize>(path: &Path, magic: u32, what: &str) -> Result<(Vec<u8>, [u32; D])> {
    let bad = |problem: String| Error::file(path, problem);
    let file = files::open(path, &format!("an IDX file of {what}"))?;
    let on_disk = file.metadata().map_err(Error::io(path))?.len();
    let mut reader = BufReader::new(file);
    let gzipped = reader.fill_buf().map_err(Error::io(path))?.starts_with(&[0x1f, 0x8b]);
    let mut reader: Box<dyn Read> = if gzipped { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };

    let cut = |got: usize, expected: u128| {
        bad(format!("is cut short: expected {expected} bytes, got {got}; fetch it again (`make data`)"))
    };
    let mut unpacked = 0;
    let mut fill = |limit: u64| -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let result = reader.by_ref().take(limit).read_to_end(&mut bytes);
        unpacked += bytes.len();
        match result {
            Ok(_) => Ok(bytes),
            Err(error) if gzipped && error.kind() == ErrorKind::UnexpectedEof => Err(bad(format!(
                "is cut short: the gzip stream ends too early, after {unpacked} unpacked bytes; fetch it again \
                     (`make data`)"
            ))),
            Err(error) if gzipped => Err(bad(format!(
                "is not a sound gzip file ({error}, after {unpacked} unpacked bytes); fetch it again (`make data`)"
            ))),
            Err(error) => Err(Error::io(path)(error)),
        }
    };
    let header = fill(4 + 4 * D as u64)?;
    let mut words = header.chunks_exact(4).map(|word| word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
    match words.next() {
        Some(word) if word == magic => {}
        Some(word) => {
            let hint = match word {
                IMAGES => " (an image file)",
                LABELS => " (a label file)",
                _ => "",
            };
            let problem =
                format!("expected an IDX file of {what}, which starts with {magic:08x}, got {word:08x}{hint}");
            return Err(bad(problem));
        }
        None => return Err(cut(header.len(), 4 + 4 * D as u128)),
    }
    let mut sizes = [0; D];
    for size in &mut sizes {
        *size = words.next().ok_or_else(|| cut(header.len(), 4 + 4 * D as u128))?;
    }
    let announced = sizes.iter().map(|&size| size.to_string()).collect::<Vec<_>>().join("×");
    let expected: u128 = sizes.iter().map(|&size| u128::from(size)).product();
    if expected == 0 {
        return Err(bad(format!("holds no {what}: its header says {announced}")));
    }
    // What the file could hold at the very most; a header that says more is not believed, and nothing allocated for it.
    let most = u128::from(on_disk) * if gzipped { MOST_PER_GZIPPED_BYTE } else { 1 };
    if expected > most {
        let problem = format!(
            "is cut short or not what it says: its header announces {announced} = {expected} bytes of {what}, \
             but a file of {on_disk} bytes cannot hold them; fetch it again (`make data`)"
        );
        return Err(bad(problem));
    }
    let expected = u64::try_from(expected).map_err(|_| bad(format!("announces {announced} bytes, more than fit")))?;
    let bytes = fill(expected)?;
    if (bytes.len() as u64) < expected {
        return Err(cut(header.len() + bytes.len(), header.len() as u128 + u128::from(expected)));
    }
    // One byte more, which is also what makes the gzip reader check its checksum.
    if !fill(1)?.is_empty() {
        let problem = format!("holds more than the {announced} = {expected} bytes of {what} that its header announces");
        return Err(bad(problem));
    }
    Ok((bytes, sizes))
}

fn write(path: &Path, magic: u32, sizes: &[usize], bytes: &[u8]) -> Result<()> {
    let mut header = magic.to_be_bytes().to_vec();
    for &size in sizes {
        let size = u32::try_from(size)
            .map_err(|_| Error::argument(format!("IDX sizes are 32-bit: {size} is more than the format can say")))?;
        header.extend(size.to_be_bytes());
    }
    let content = [&header, bytes].concat();
    if path.extension().is_none_or(|extension| extension != "gz") {
        return write_atomically(path, &content);
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let packed = gzip.write_all(&content).and_then(|()| gzip.finish()).map_err(Error::io(path))?;
    write_atomically(path, &packed)
}
