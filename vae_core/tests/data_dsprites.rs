//! Files in the form of dSprites: written by NumPy, by candle and by hand, and every way in which they can be wrong.
#![allow(clippy::unwrap_used)]

use std::{
    io::{Cursor, Write},
    path::Path,
};

use vae_core::{
    candle::{DType, Device, Tensor},
    data::{self, Data, Dsprites, Factored},
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const CPU: Device = Device::Cpu;

/// An array as NumPy writes it.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), bytes].concat()
}

fn archive(entries: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// 4 pictures of 2×3, of 2 shapes at 2 heights, in which picture i has a 1 at pixel i.
fn imgs() -> Vec<u8> {
    (0..24).map(|i| u8::from(i % 6 == i / 6)).collect()
}

fn rows(rows: &[[i64; 6]]) -> Vec<u8> {
    rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect()
}

fn classes() -> Vec<u8> {
    rows(&[[0; 6], [0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 1]])
}

/// The two arrays, in an archive.
fn of(imgs: Vec<u8>, classes: Vec<u8>, method: CompressionMethod) -> Vec<u8> {
    archive(&[("imgs.npy", imgs), ("latents_classes.npy", classes)], method)
}

fn sound(method: CompressionMethod) -> Vec<u8> {
    of(npy("|u1", "(4, 2, 3)", &imgs()), npy("<i8", "(4, 6)", &classes()), method)
}

fn read(bytes: &[u8]) -> vae_core::Result<Dsprites> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    std::fs::write(&path, bytes).unwrap();
    data::dsprites(path, &CPU)
}

/// The message about a file of these bytes, without its path.
fn message(bytes: &[u8]) -> String {
    let message = read(bytes).unwrap_err().to_string();
    let (path, message) = message.split_once(": ").unwrap();
    assert!(path.ends_with("mine.npz"), "{path}");
    message.to_string()
}

fn with_imgs(array: Vec<u8>) -> String {
    message(&of(array, npy("<i8", "(4, 6)", &classes()), CompressionMethod::Deflated))
}

fn with_classes(array: Vec<u8>) -> String {
    message(&of(npy("|u1", "(4, 2, 3)", &imgs()), array, CompressionMethod::Deflated))
}

fn pixels(data: &dyn Data, indices: &[usize]) -> Vec<Vec<f32>> {
    data.batch(indices).unwrap().x.flatten_from(1).unwrap().to_vec2().unwrap()
}

/// Where the field at `offset` of the central directory's record of this entry is.
fn field(bytes: &[u8], name: &str, offset: usize) -> usize {
    let is_here = |&at: &usize| bytes[at..].starts_with(b"PK\x01\x02") && bytes[at + 46..].starts_with(name.as_bytes());
    (0..bytes.len() - 46).find(is_here).unwrap() + offset
}

/// What NumPy's `savez_compressed` wrote is read to the pixel, with a pickled object beside it that nobody touches.
#[test]
fn a_file_of_numpy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_dsprites/small.npz");
    let data = data::dsprites(path, &CPU).unwrap();
    assert_eq!(data.sizes(), [("shape", 2), ("scale", 1), ("rotation", 4), ("x", 3), ("y", 2)]);
    assert_eq!((data.len(), data.shape().dims()), (48, &[1, 5, 7][..]));
    let all: Vec<usize> = (0..48).collect();
    let expected = |i: &usize| (0..35).map(|p| f32::from(u8::from(i * p % 5 == 1))).collect::<Vec<_>>();
    assert_eq!(pixels(&data, &all), all.iter().map(expected).collect::<Vec<_>>());
    let line = "dsprites: 48 images of 1×5×7 (2 shape × 1 scale × 4 rotation × 3 x × 2 y), from small.npz";
    assert_eq!(data.to_string(), line);
}

/// Drawn sprites come back from a file that candle wrote, with their pixels and the values that they were drawn with.
#[test]
fn drawn_sprites_come_back() {
    let (drawn, some) = (data::sprites(19, &CPU).unwrap(), [3, 2, 3, 2, 4]);
    let values: Vec<Vec<usize>> = (0..some.iter().product())
        .map(|mut i| {
            let mut values = [0; 5];
            (0..5).rev().for_each(|f| (values[f], i) = (i % some[f], i / some[f]));
            values.to_vec()
        })
        .collect();
    let indices: Vec<usize> = values.iter().map(|values| drawn.index(values).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.npz");
    let x = drawn.batch(&indices).unwrap().x.squeeze(1).unwrap().to_dtype(DType::U8).unwrap();
    let classes = values.iter().flat_map(|v| [0].into_iter().chain(v.iter().map(|&v| v as i64))).collect::<Vec<_>>();
    let classes = Tensor::from_vec(classes, (indices.len(), 6), &CPU).unwrap();
    Tensor::write_npz(&[("imgs", x), ("latents_classes", classes)], &path).unwrap();

    let kept = data::dsprites(&path, &CPU).unwrap();
    let order = [100, 3, 3, 143, 0];
    let (here, there) = (kept.batch(&order).unwrap(), drawn.batch(&order.map(|i| indices[i])).unwrap());
    assert_eq!(here.x.dims(), there.x.dims());
    assert_eq!(pixels(&kept, &order), pixels(&drawn, &order.map(|i| indices[i])));
    let known = |batch: data::Batch| batch.y.unwrap().to_vec2::<u32>().unwrap();
    assert_eq!(known(here), known(there));
    assert_eq!(kept.batch(&[144]).unwrap_err().to_string(), "sprite 144: there are 144, counted from 0");
}

/// Stored and deflated entries, bytes and truth values, all are the same pictures.
#[test]
fn other_ways_to_write_it() {
    let expected: Vec<Vec<f32>> =
        imgs().chunks(6).map(|picture| picture.iter().map(|&p| f32::from(p)).collect()).collect();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for descr in ["|u1", "|b1", "<u1"] {
            let bytes = of(npy(descr, "(4L, 2L, 3L)", &imgs()), npy("<i8", "(4, 6)", &classes()), method);
            assert_eq!(pixels(&read(&bytes).unwrap(), &[0, 1, 2, 3]), expected);
        }
    }
}

/// What is no archive, or lacks an array, is told what it should be and where that is to be had.
#[test]
fn other_files() {
    let said = message(b"<html><body>Not found");
    assert!(said.starts_with("is not a sound .npz archive ("), "{said}");
    assert!(
        said.contains("expected dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz, which the repository deepmind/dsp"),
        "{said}"
    );
    let said = message(&archive(&[("x.npy", npy("|u1", "(1,)", &[1]))], CompressionMethod::Stored));
    assert!(said.starts_with("has no array latents_classes, but [\"x.npy\"]; fetch the file again"), "{said}");
    let error = data::dsprites("/none/mine.npz", &CPU).unwrap_err().to_string();
    assert!(error.starts_with("/none/mine.npz: no such file: expected dsprites_"), "{error}");
    let error = data::dsprites(std::env::temp_dir(), &CPU).unwrap_err().to_string();
    assert!(error.contains("is a folder: expected dsprites_"), "{error}");
    // Both names at one place of the archive: what is found there is the other array.
    let mut bytes = sound(CompressionMethod::Stored);
    let (imgs, classes) = (field(&bytes, "imgs.npy", 42), field(&bytes, "latents_classes.npy", 42));
    let place = bytes[imgs..imgs + 4].to_vec();
    bytes[classes..classes + 4].copy_from_slice(&place);
    assert!(message(&bytes).starts_with("its array latents_classes is of type \"|u1\""), "{}", message(&bytes));
}

/// An array of another type, order or shape is named, with what was expected.
#[test]
fn other_arrays() {
    let said = with_imgs(npy("<f4", "(4, 2, 3)", &[0; 96]));
    assert_eq!(said, "its array imgs is of type \"<f4\": expected u1 or b1, little-endian; convert it with .astype(…)");
    let said = with_classes(npy(">i8", "(4, 6)", &classes()));
    assert_eq!(
        said,
        "its array latents_classes is of type \">i8\": expected i8, little-endian; convert it with .astype(…)"
    );
    let pickled = with_imgs(npy("|O", "()", b"cos\nsystem\n(S'true'\ntR."));
    assert!(pickled.contains("is of type \"|O\": expected u1 or b1"), "{pickled}");
    let mut fortran = npy("|u1", "(4, 2, 3)", &imgs());
    let at = fortran.windows(6).position(|part| part == b"False,").unwrap();
    fortran[at..at + 6].copy_from_slice(b"True, ");
    assert_eq!(
        with_imgs(fortran),
        "its array imgs is in Fortran's order: expected C's; convert it with numpy.ascontiguousarray(…)"
    );
    let said = with_imgs(npy("|u1", "(24,)", &imgs()));
    assert_eq!(said, "its array imgs has the shape [24]: expected (pictures, height, width)");
    for (shape, bytes) in [("(3, 2, 4)", 24), ("(4, 0, 3)", 0)] {
        let said = with_imgs(npy("|u1", shape, &vec![0; bytes]));
        assert!(said.ends_with("expected (4, height, width), a picture for each row of latents_classes"), "{said}");
    }
    let said = with_classes(npy("<i8", "(6, 4)", &classes()));
    assert_eq!(
        said,
        "its array latents_classes has the shape [6, 4]: expected (pictures, 6): colour, shape, scale, rotation, x, y"
    );
    assert!(with_classes(npy("<i8", "(0, 6)", &[])).contains("has the shape [0, 6]"));
}

/// A pixel that is neither 0 nor 1 is found, wherever it is, with its place.
#[test]
fn grey_pixels() {
    for (at, place) in
        [(0, "picture 0, row 0, column 0"), (10, "picture 1, row 1, column 1"), (23, "picture 3, row 1, column 2")]
    {
        let mut imgs = imgs();
        imgs[at] = 255;
        let said = with_imgs(npy("|u1", "(4, 2, 3)", &imgs));
        assert_eq!(said, format!("its array imgs has a pixel of 255 in {place}: expected 0 or 1"));
    }
}

/// Classes that do not count through all combinations are refused at the first row that is wrong.
#[test]
fn other_classes() {
    let with = |all: &[[i64; 6]]| with_classes(npy("<i8", &format!("({}, 6)", all.len()), &rows(all)));
    let said = with(&[[0; 6], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1]]);
    let tail = "all combinations in order, the last factor the fastest";
    let start = "its array latents_classes has [0, 1, 0, 0, 0, 0] in row 1: expected [0, 0, 0, 0, 0, 1]";
    assert_eq!(said, format!("{start}; {tail}"));
    for last in [[0, 1, 0, 0, 0, 2], [3, 0, 0, 0, 0, 0], [0, -1, 0, 0, 0, 3], [0, i64::MAX, i64::MAX, 3, 3, 3]] {
        let said = with(&[[0; 6], [0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 0], last]);
        assert!(said.starts_with(&format!("its array latents_classes ends with {last:?} in row 3 of 4")), "{said}");
    }
}

/// Damage to the archive is damage to the file, and nothing is allocated for what a header only claims.
#[test]
fn damage() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let whole = sound(method);
        for cut in 0..whole.len() {
            assert!(message(&whole[..cut]).starts_with("is not a sound .npz archive ("), "{cut}");
        }
        // One wrong byte in the checksum, and an end that comes too early.
        let mut bytes = whole.clone();
        let at = field(&bytes, "imgs.npy", 16);
        bytes[at] ^= 1;
        assert!(message(&bytes).starts_with("its array imgs is damaged (Invalid checksum); fetch the file again"));
        let (mut bytes, at) = (whole.clone(), field(&whole, "imgs.npy", 20));
        bytes[at] -= 4;
        // Stored bytes that are fewer have another checksum; packed ones end in the middle.
        let said = message(&bytes);
        assert!(said.starts_with("its array imgs is ") && said.contains("fetch the file again"), "{said}");
    }
    let said = with_imgs(npy("|u1", "(1000000000000000, 64, 64)", &imgs()));
    let claim = "its array imgs is not what it says: its header announces [1000000000000000, 64, 64] of 1 bytes each, but its part \
                 of the archive has 24 bytes for them";
    assert!(said.starts_with(claim), "{said}");
    assert!(with_classes(npy("<i8", "(18446744073709551615, 6)", &classes())).contains("is not what it says"));
    // The archive's own record agrees with the header, but its file is too small for both.
    let classes = npy("<i8", "(1000000, 6)", &classes());
    let length = (classes.len() - 192 + 48_000_000) as u32;
    let mut bytes = of(npy("|u1", "(4, 2, 3)", &imgs()), classes, CompressionMethod::Deflated);
    let at = field(&bytes, "latents_classes.npy", 24);
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    let said = message(&bytes);
    assert!(said.contains("has 48000000 bytes for them, and a file of"), "{said}");
    for broken in
        [&b"\x93NUMPY\x01\x00\xff\xff{"[..], b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", b"\x93NUMP", b"{}        ", b""]
    {
        let said = with_imgs(broken.into());
        assert!(
            said.starts_with("its array imgs is damaged (") || said.starts_with("its array imgs is cut short"),
            "{said}"
        );
    }
    let said = with_imgs(npy("|u1", "(4, 2, ", &imgs()));
    assert!(said.contains("a header that NumPy does not write: \"{'descr': '|u1'"), "{said}");
}
