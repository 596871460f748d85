//! Damage that knows a format: what is changed lies behind lengths and checksums that are right again afterwards.

use std::{
    collections::HashMap,
    io::{Cursor, Read, Write},
};

use flate2::{Compression, Crc, write::GzEncoder, write::ZlibEncoder};
use rand::Rng as _;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;
use zip::{
    CompressionMethod::{self, Deflated, Stored},
    ZipArchive, ZipWriter,
    write::SimpleFileOptions,
};

use crate::mutate::{self, Rng, edge};

pub(crate) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::new(level));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file: sizes, magic number, bytes.
pub(crate) fn idx(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for _ in 0..rng.random_range(0..3) {
        let field = 4 * rng.random_range(0..4);
        let small = rng.random_range(0..40);
        let number = if rng.random() { edge(rng) as u32 } else { small };
        bytes.iter_mut().skip(field).zip(number.to_be_bytes()).for_each(|(byte, new)| *byte = new);
    }
    if rng.random() {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}

/// A gzipped IDX file: damaged inside, outside or both, of several members, or a bomb.
pub(crate) fn gzipped_idx(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut inner = idx(valid, other, rng);
    if rng.random_bool(0.05) {
        inner.resize(inner.len() + rng.random_range(0..1_000_000), 0);
    }
    let level = rng.random_range(0..10);
    let mut bytes = gzip(&inner, level);
    if rng.random_bool(0.3) {
        bytes.extend(gzip(other, level));
    }
    if rng.random() {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}

/// An array as NumPy writes it.
pub(crate) fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), bytes].concat()
}

/// A zip archive; its methods of compression are taken in turn.
pub(crate) fn archive(entries: &[(String, Vec<u8>)], methods: &[CompressionMethod]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for ((name, bytes), &method) in entries.iter().zip(methods.iter().cycle()) {
        // A name that is there already is left out.
        if writer.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).is_ok() {
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

/// An archive of NumPy's arrays: their headers and numbers changed, and the archive written anew; then its directory, or any
/// byte of it.
pub(crate) fn npz(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut zip = ZipArchive::new(Cursor::new(valid)).unwrap();
    let mut entries: Vec<(String, Vec<u8>)> = vec![];
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).unwrap();
        let mut bytes = vec![];
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.name().unwrap().into_owned(), bytes));
    }
    for _ in 0..rng.random_range(0..3) {
        let (at, from) = (rng.random_range(0..entries.len()), rng.random_range(0..entries.len()));
        let another = entries[from].1.clone();
        let (name, array) = &mut entries[at];
        match rng.random_range(0..8) {
            0 => mutate::bytes(array, &another, rng),
            1 => *array = another,
            2 => name.push_str([".npy", "x", "\u{0}"][rng.random_range(0..3)]),
            3 => array.resize(array.len() + rng.random_range(0..300_000), 0),
            4 => array.iter_mut().last().into_iter().for_each(|byte| *byte = rng.random()),
            _ => header_of_array(array, rng),
        }
    }
    let methods: Vec<_> = [(); 3].map(|()| [Stored, Deflated][rng.random_range(0..2)]).into();
    let mut bytes = archive(&entries, &methods);
    if rng.random_bool(0.4) {
        // A field of a record in the directory: method, checksum, sizes, place …
        let records: Vec<usize> =
            bytes.windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").map(|(i, _)| i).collect();
        let record = records[rng.random_range(0..records.len())] + 2 * rng.random_range(2..23);
        let number = if rng.random() { edge(rng) as u32 } else { rng.random_range(0..400) };
        let width = [2, 4][rng.random_range(0..2)];
        bytes.iter_mut().skip(record).zip(&number.to_le_bytes()[..width]).for_each(|(byte, new)| *byte = *new);
    }
    if rng.random_bool(0.3) {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}

/// Another number, type or order in the text before an array, whose length is right again.
fn header_of_array(array: &mut Vec<u8>, rng: &mut Rng) {
    let Some(end) = array.iter().position(|&byte| byte == b'\n').filter(|&end| end > 10) else { return };
    let text = String::from_utf8_lossy(&array[10..end]).into_owned();
    let numbers = [edge(rng), rng.random_range(0..100), 10u64.pow(rng.random_range(0..19))];
    let number = numbers[rng.random_range(0..3)].to_string();
    let pieces: Vec<&str> = text.split_inclusive([',', '(', ')', '\'']).collect();
    let at = rng.random_range(0..pieces.len());
    let new = match rng.random_range(0..6) {
        0 => text.replace("False", ["True", "0", "None"][rng.random_range(0..3)]),
        1 => text.replace("|u1", ["|b1", "<i8", "|O", ">u2", "é1"][rng.random_range(0..5)]),
        2 => text.replacen(|c: char| c.is_ascii_digit(), &number, 4),
        3 => text.replace("(", &format!("({number}, ")),
        _ => pieces.iter().enumerate().map(|(i, piece)| if i == at { number.as_str() } else { piece }).collect(),
    };
    array.splice(10..end, new.into_bytes());
    let length = array.iter().position(|&byte| byte == b'\n').map_or(0, |end| end - 9) as u16;
    array[8..10].copy_from_slice(&length.to_le_bytes());
}

/// A JSON file, changed as a tree or as text.
pub(crate) fn json(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    if let (Ok(mut value), true) = (serde_json::from_slice::<Value>(valid), rng.random_bool(0.7)) {
        mutate::json(&mut value, rng);
        bytes = value.to_string().into_bytes();
    }
    if rng.random_bool(0.4) {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}

/// A tensor as the file has it.
#[derive(Clone)]
struct Part {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A safetensors file: its tensors and the crate's own entry changed and written anew with a checksum that is right, its
/// header changed as JSON, or its bytes.
pub(crate) fn safetensors(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    match rng.random_range(0..10) {
        0..6 => bytes = rewritten(valid, other, rng).unwrap_or(bytes),
        6..8 => {
            let (start, mut header) = header(valid);
            mutate::json(&mut header, rng);
            let text = header.to_string();
            bytes = [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &valid[start..]].concat();
        }
        8 => bytes[..8].copy_from_slice(&edge(rng).to_le_bytes()),
        _ => {}
    }
    if rng.random_bool(0.3) {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}

fn header(valid: &[u8]) -> (usize, Value) {
    let length = u64::from_le_bytes(valid[..8].try_into().unwrap()) as usize;
    (8 + length, serde_json::from_slice(&valid[8..8 + length]).unwrap())
}

fn parts(valid: &[u8]) -> Vec<Part> {
    let part = |(name, view): (String, TensorView)| Part {
        name,
        dtype: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    SafeTensors::deserialize(valid).unwrap().tensors().into_iter().map(part).collect()
}

/// `None` where what was changed no longer makes a file.
fn rewritten(valid: &[u8], other: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut parts = parts(valid);
    for _ in 0..rng.random_range(0..3) {
        let at = rng.random_range(0..parts.len());
        let part = &mut parts[at];
        match rng.random_range(0..9) {
            0 => {
                let numbers = [f32::NAN, f32::INFINITY, f32::MAX, -f32::MAX, 1e-45];
                let number = numbers[rng.random_range(0..5)].to_le_bytes();
                let at = rng.random_range(0..part.bytes.len().max(4) / 4) * 4;
                part.bytes.iter_mut().skip(at).zip(number).for_each(|(byte, new)| *byte = new);
            }
            1 => part.shape.reverse(),
            2 => part.shape.insert(0, 1),
            3 => part.name.push_str([".", "x", "\u{0}"][rng.random_range(0..3)]),
            4 => part.dtype = [Dtype::I32, Dtype::U32][rng.random_range(0..2)],
            5 => {
                // As many numbers, of another width.
                let (dtype, width) =
                    [(Dtype::U8, 1), (Dtype::F16, 2), (Dtype::F64, 8), (Dtype::I64, 8), (Dtype::F8_E4M3, 1)]
                        [rng.random_range(0..5)];
                part.dtype = dtype;
                part.bytes.resize(part.shape.iter().product::<usize>() * width, 0x3c);
            }
            6 => drop(parts.swap_remove(at)),
            7 => {
                let mut copy = part.clone();
                copy.name = format!("{}{}", copy.name, rng.random_range(0..9));
                parts.push(copy);
            }
            _ => {
                part.shape = vec![0, edge(rng) as usize];
                part.bytes.clear();
            }
        }
        if parts.is_empty() {
            break;
        }
    }
    let (_, header) = header(valid);
    let mut own: Value = serde_json::from_str(header["__metadata__"]["vae_core"].as_str()?).ok()?;
    own.as_object_mut()?.remove("crc32");
    if rng.random() {
        mutate::json(&mut own, rng);
    }
    if rng.random_bool(0.05)
        && let Ok((_, metadata)) = SafeTensors::read_metadata(other)
    {
        let text = metadata.metadata().as_ref()?.get("vae_core")?;
        own = serde_json::from_str(text).ok()?;
    }
    // The checksum as the format has it: CRC-32 of the entry's text, then name, type, shape and bytes of each tensor.
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    parts.dedup_by(|a, b| a.name == b.name);
    let mut crc = Crc::new();
    crc.update(own.to_string().as_bytes());
    for Part { name, dtype, shape, bytes } in &parts {
        crc.update(format!("{name} {dtype} {shape:?}").as_bytes());
        crc.update(bytes);
    }
    if let Some(own) = own.as_object_mut() {
        own.insert("crc32".into(), crc.sum().into());
    }
    let views = parts.iter().map(|part| {
        let view = TensorView::new(part.dtype, part.shape.clone(), &part.bytes).ok()?;
        Some((part.name.clone(), view))
    });
    let views: Vec<_> = views.collect::<Option<_>>()?;
    safetensors::serialize(views, Some(HashMap::from([("vae_core".into(), own.to_string())]))).ok()
}

/// A PNG file: chunks changed, dropped, doubled and moved, sizes and kinds of pixels, data packed anew; checksums right.
pub(crate) fn png(valid: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut chunks: Vec<([u8; 4], Vec<u8>)> = vec![];
    let mut rest = &valid[8..];
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        chunks.push((rest[4..8].try_into().unwrap(), rest[8..8 + length].to_vec()));
        rest = &rest[12 + length..];
    }
    for _ in 0..rng.random_range(0..3) {
        let at = rng.random_range(0..chunks.len());
        match rng.random_range(0..7) {
            0 => mutate::bytes(&mut chunks[at].1, other, rng),
            1 => drop(chunks.remove(at)),
            2 => chunks.insert(at, chunks[at].clone()),
            3 => {
                let to = rng.random_range(0..chunks.len());
                chunks.swap(at, to);
            }
            4 => chunks[at].0 = *[b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"acTL"][rng.random_range(0..6)],
            5 => {
                let header = &mut chunks[0].1;
                let (field, number) = (4 * rng.random_range(0..2), edge(rng) as u32 >> rng.random_range(0..32));
                header.iter_mut().skip(field).zip(number.to_be_bytes()).for_each(|(byte, new)| *byte = new);
                let kind = rng.random_range(8..13);
                header.iter_mut().skip(kind).take(1).for_each(|byte| *byte = rng.random_range(0..17));
            }
            _ => {
                let mut packer = ZlibEncoder::new(vec![], Compression::best());
                packer.write_all(&vec![rng.random(); rng.random_range(0..100_000)]).unwrap();
                chunks[at] = (*b"IDAT", packer.finish().unwrap());
            }
        }
        if chunks.is_empty() {
            break;
        }
    }
    let mut bytes = valid[..8].to_vec();
    for (kind, data) in chunks {
        let mut crc = Crc::new();
        crc.update(&kind);
        crc.update(&data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    if rng.random_bool(0.3) {
        mutate::bytes(&mut bytes, other, rng);
    }
    bytes
}
