//! NumPy's `.npz`: a zip archive with a `.npy` file for each array, read as a stream.
//!
//! ```text
//! 93 "NUMPY" | version, 2 bytes | length of the text: u16 (version 1) or u32 | a text:
//! {'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }
//! ```
//! and then the numbers. The archive is the `zip` crate's matter, whose release candle uses too: a notebook compiles nothing more
//! for it. `npyz` and `ndarray-npy` would bring a second and older `zip`, a generator of parsers for that one line of text and C
//! code; candle's own reader allocates what a header announces, and knows only whole tensors. Arrays of Python objects, which
//! are pickled and could run anything when unpickled, are refused by their type like any other that was not asked for.
//!
//! A header is believed only as far as the size of its file allows, as in [`idx`](super::idx).

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipArchive, read::ZipFile};

use super::idx::MOST_PER_GZIPPED_BYTE;
use crate::{Error, Result, io::files};

/// The longest header that NumPy itself reads unasked (`max_header_size` of `numpy.load`).
const LONGEST_HEADER: usize = 10_000;
/// Bytes that are unpacked at a time, at most.
const BLOCK: usize = 1 << 16;

/// An archive of arrays.
pub(super) struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    on_disk: u64,
    /// What to do about a damaged file.
    remedy: &'static str,
}

/// One array of it, of which the header has been read and the numbers have not.
pub(super) struct Array<'a> {
    name: String,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: usize,
    entry: ZipFile<'a, BufReader<File>>,
    path: &'a Path,
    remedy: &'static str,
}

/// What the header of an array says.
#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Npz {
    /// Opens an archive. `what` is what is expected in it, `remedy` what to do where it is damaged.
    ///
    /// # Errors
    /// When there is no such file, or it is no zip archive.
    pub(super) fn open(path: &Path, what: &str, remedy: &'static str) -> Result<Self> {
        let file = match files::open(path, what) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(Error::file(path, format!("no such file: expected {what}")));
            }
            file => file?,
        };
        let on_disk = file.metadata().map_err(Error::io(path))?.len();
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            let problem = format!("is not a sound .npz archive ({error}): expected {what}; {remedy}");
            Error::file(path, problem)
        })?;
        Ok(Self { path: path.into(), archive, on_disk, remedy })
    }

    /// The array of this name, whose numbers must be of one of these types, in NumPy's letters and without the order of bytes,
    /// which must be little-endian: `u1`, `b1`, `i8` …
    ///
    /// # Errors
    /// When there is none, or another type, Fortran's order, or a header that is broken or announces more or less than there is.
    pub(super) fn array(&mut self, name: &str, types: &[&str]) -> Result<Array<'_>> {
        let (path, remedy, on_disk) = (self.path.as_path(), self.remedy, self.on_disk);
        let file = format!("{name}.npy");
        if self.archive.index_for_name(&file).is_none() {
            let there: Vec<_> = self.archive.file_names().flatten().take(9).collect();
            return Err(Error::file(path, format!("has no array {name}, but {there:?}; {remedy}")));
        }
        let bad = |problem: String| Error::file(path, format!("its array {name} {problem}"));
        let mut entry = self.archive.by_name(&file).map_err(|error| bad(format!("is damaged ({error}); {remedy}")))?;
        let (Header { descr, fortran, shape }, length) =
            header(&mut entry).map_err(|error| bad(damage(&error, remedy)))?;
        let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
        if !matches!(order, "|" | "<" | "=") || !types.contains(&kind) {
            let wanted = types.join(" or ");
            return Err(bad(format!(
                "is of type {descr:?}: expected {wanted}, little-endian; convert it with .astype(…)"
            )));
        }
        if fortran {
            return Err(bad("is in Fortran's order: expected C's; convert it with numpy.ascontiguousarray(…)".into()));
        }
        let width: u128 = kind.get(1..).and_then(|width| width.parse().ok()).unwrap_or(1);
        let announced = shape.iter().try_fold(width, |bytes, &size| bytes.checked_mul(size as u128));
        // What the file could hold at the very most; more is not believed, and nothing allocated for it.
        let per_byte = if entry.compression() == CompressionMethod::Stored { 1 } else { MOST_PER_GZIPPED_BYTE };
        let (holds, most) = (entry.size().saturating_sub(length as u64), u128::from(on_disk) * per_byte);
        let believed = announced.filter(|&bytes| bytes == u128::from(holds) && bytes <= most);
        let Some(bytes) = believed.and_then(|bytes| usize::try_from(bytes).ok()) else {
            return Err(bad(format!(
                "is not what it says: its header announces {shape:?} of {width} bytes each, but its part of the archive has \
                 {holds} bytes for them, and a file of {on_disk} bytes holds {most} at most; {remedy}"
            )));
        };
        Ok(Array { name: name.into(), shape, bytes, entry, path, remedy })
    }
}

impl Array<'_> {
    /// An error about the content of this array.
    pub(super) fn error(&self, problem: String) -> Error {
        Error::file(self.path, format!("its array {} {problem}", self.name))
    }

    /// Calls `f` with the number of an item and the bytes of it and of those that follow, a block of whole items at a time, in
    /// order; then checks the checksum. An item has `size` bytes.
    ///
    /// # Errors
    /// When the array is cut short or damaged; what `f` says, as a problem of this array.
    pub(super) fn blocks(mut self, size: usize, mut f: impl FnMut(usize, &[u8]) -> Result<(), String>) -> Result<()> {
        let (items, per_block) = (self.bytes / size, (BLOCK / size).max(1));
        let mut buffer = vec![0; per_block.min(items) * size];
        for first in (0..items).step_by(per_block) {
            let block = &mut buffer[..per_block.min(items - first) * size];
            self.entry.read_exact(block).map_err(|error| self.damaged(&error))?;
            f(first, block).map_err(|problem| self.error(problem))?;
        }
        // The end, which is also what makes the archive check the checksum.
        match self.entry.by_ref().take(1).read_to_end(&mut vec![]) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    fn damaged(&self, error: &io::Error) -> Error {
        self.error(damage(error, self.remedy))
    }
}

fn damage(error: &io::Error, remedy: &str) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => format!("is cut short; {remedy}"),
        _ => format!("is damaged ({error}); {remedy}"),
    }
}

/// The header, and its length in bytes.
fn header(reader: &mut impl Read) -> io::Result<(Header, usize)> {
    let invalid = |problem: String| io::Error::new(ErrorKind::InvalidData, problem);
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    let (b"\x93NUMPY", &[version, _]) = start.split_at(6) else {
        return Err(invalid(format!("expected 93 \"NUMPY\" at its start, got {start:02x?}")));
    };
    let mut length = [0; 4];
    // Version 1 has a length of two bytes, all later ones of four.
    let width = if version == 1 { 2 } else { 4 };
    reader.read_exact(&mut length[..width])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST_HEADER {
        return Err(invalid(format!("a header of {length} bytes: expected {LONGEST_HEADER} at most")));
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let header = parse(&text).ok_or_else(|| {
        let start: String = text.trim().chars().take(80).collect();
        invalid(format!("a header that NumPy does not write: {start:?}"))
    })?;
    Ok((header, start.len() + width + length))
}

/// The text of a header, whose keys may come in any order.
fn parse(text: &str) -> Option<Header> {
    let text = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let value = |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let (descr, _) = value("descr")?.strip_prefix('\'')?.split_once('\'')?;
    let order = value("fortran_order")?;
    let fortran = order.starts_with("True");
    if !fortran && !order.starts_with("False") {
        return None;
    }
    let (sizes, _) = value("shape")?.strip_prefix('(')?.split_once(')')?;
    // Python 2, which wrote the original file, marks long numbers with an L.
    let sizes = sizes.split(',').map(|size| size.trim().trim_end_matches('L')).filter(|size| !size.is_empty());
    Some(Header { descr: descr.into(), fortran, shape: sizes.map(|size| size.parse().ok()).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers as NumPy has written them, and as it never would.
    #[test]
    fn headers() {
        let header =
            |descr: &str, fortran, shape: &[usize]| Some(Header { descr: descr.into(), fortran, shape: shape.into() });
        let three = "{'descr': '|u1', 'fortran_order': False, 'shape': (737280L, 64L, 64L), }            \n";
        assert_eq!(parse(three), header("|u1", false, &[737_280, 64, 64]));
        assert_eq!(parse("{'shape': (7,), 'fortran_order': True, 'descr': '<i8'}"), header("<i8", true, &[7]));
        assert_eq!(parse("{'descr': '<f8', 'fortran_order': False, 'shape': (), }"), header("<f8", false, &[]));
        for broken in [
            "",
            "{}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (3, -1), }",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 99999999999999999999), }",
            "{'descr': '|u1', 'fortran_order': 0, 'shape': (3,), }",
            "{'descr': [('a', '<i8')], 'fortran_order': False, 'shape': (3,), }",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (3,",
        ] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
