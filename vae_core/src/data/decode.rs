//! From a PNG or JPEG file to eight bits of red, green and blue, within bounds.
//!
//! The content alone decides what a file is, whatever it is called. A header is believed only as far as the size of the
//! file allows, and nothing is allocated for more pixels than [`MEMORY`] holds.

use std::{
    io::{BufRead, BufReader, Cursor, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, metadata::Orientation,
};

use crate::{Error, Result, io::files};

/// The longest side that is read.
const LONGEST: u32 = 16_384;
/// What a decoded picture may take: 64 million pixels of colour, as of the largest cameras.
const MEMORY: u64 = 192 << 20;
/// Pictures that take more than this are decoded one at a time, so that many threads do not fill the memory.
const LARGE: u64 = 96 << 20;
static ALONE: Mutex<()> = Mutex::new(());
/// Deflate packs at most 1032 bytes into one, and a byte holds eight pixels of a palette, each with red, green, blue and
/// transparency. JPEG stays far below.
const MOST_PER_BYTE: u64 = 1032 * 8 * 4;

/// The picture in a file, turned as its EXIF data say, transparent pixels over black, sixteen bits as the nearest of eight.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is of another format, broken or too large.
pub(super) fn read(path: &Path) -> Result<RgbImage> {
    let wrong = |problem: String| Error::file(path, problem);
    let unreadable = |error| match error {
        ImageError::Limits(_) => wrong(too_large()),
        // Some errors of decoders go on for lines.
        other => wrong(format!("is not a readable picture: {}", other.to_string().lines().next().unwrap_or_default())),
    };
    let (bytes, format) = content(path)?;
    let mut reader = ImageReader::with_format(Cursor::new(&bytes), format);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let ((width, height), memory, on_disk) = (decoder.dimensions(), decoder.total_bytes(), bytes.len() as u64);
    if width == 0 || height == 0 {
        return Err(wrong("has no pixels".into()));
    }
    if memory > MEMORY {
        return Err(wrong(too_large()));
    }
    if memory > on_disk.saturating_mul(MOST_PER_BYTE) {
        return Err(wrong(format!("is cut short: a file of {on_disk} bytes cannot hold {height}×{width} pixels")));
    }
    let _alone = (memory > LARGE).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    // A broken note about the orientation is no broken picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    Ok(if picture.color().has_alpha() { over_black(picture) } else { picture.into_rgb8() })
}

fn too_large() -> String {
    let (megabytes, pixels) = (MEMORY >> 20, MEMORY / 3_000_000);
    format!(
        "is larger than what is read, sides of {LONGEST} pixels and {megabytes} MiB when decoded ({pixels} million pixels of \
         colour); make it smaller first"
    )
}

/// The bytes of a file, and what is in it by its first bytes.
fn content(path: &Path) -> Result<(Vec<u8>, ImageFormat)> {
    let file = files::open(path, "a PNG or JPEG picture")?;
    let on_disk = file.metadata().map_err(Error::io(path))?.len();
    let mut reader = BufReader::new(file);
    let format = match image::guess_format(reader.fill_buf().map_err(Error::io(path))?) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        _ => {
            let problem =
                "is neither a PNG nor a JPEG picture, the formats that are read; save or convert it as one of them";
            return Err(Error::file(path, problem));
        }
    };
    let mut bytes = Vec::new();
    if on_disk <= MEMORY {
        // A file that grows meanwhile is read no further.
        reader.take(MEMORY).read_to_end(&mut bytes).map_err(Error::io(path))?;
    } else {
        return Err(Error::file(path, too_large()));
    }
    if format == ImageFormat::Jpeg && !reaches_its_end(&bytes) {
        return Err(Error::file(path, "is cut short: a JPEG file ends with a mark that is missing here"));
    }
    Ok((bytes, format))
}

/// Whether a JPEG file comes to its end-of-image marker. The decoder fills what is missing of a picture with grey and says
/// nothing. What follows the marker, such as the film that some telephones append, is none of ours.
fn reaches_its_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    // Between markers are compressed pixels, in which FF is followed by 00 or a restart marker, D0 to D7.
    let marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
    while let Some(place) = rest.windows(2).position(marker) {
        let (kind, after) = (rest[place + 1], &rest[place + 2..]);
        let length = match (kind, after) {
            (0xd9, _) => return true,
            (0x01 | 0xd8, _) => 0,
            (_, [high, low, ..]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => return false,
        };
        rest = after.get(length..).unwrap_or_default();
    }
    false
}

fn over_black(picture: DynamicImage) -> RgbImage {
    let rgba = picture.into_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, a] = from.0.map(u32::from);
        to.0 = [r, g, b].map(|c| ((c * a + 127) / 255) as u8);
    }
    rgb
}
