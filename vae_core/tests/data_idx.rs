//! IDX files that are right, and every way in which they can be wrong.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};

use vae_core::candle::Device;
use vae_core::data::{Images, idx};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An image file with the given sizes in its header and `body` bytes of 9.
fn images(sizes: [u32; 3], body: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(vec![9; body]);
    bytes
}

fn labels(count: u32, body: usize) -> Vec<u8> {
    [&[0, 0, 8, 1][..], &count.to_be_bytes(), &vec![3; body]].concat()
}

/// The message about an image file of these bytes, without its path.
fn message(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-images-idx3-ubyte");
    std::fs::write(&path, bytes).unwrap();
    let message = idx::read_images(&path).unwrap_err().to_string();
    let (path, message) = message.split_once(": ").unwrap();
    assert!(path.ends_with("train-images-idx3-ubyte"), "{path}");
    message.to_string()
}

/// A set of 4 training and 2 test images of 2×3, plain or gzipped, whatever the files are called.
fn folder(suffix: &str, pack: fn(&[u8]) -> Vec<u8>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("train-images-idx3-ubyte", images([4, 2, 3], 24)),
        ("train-labels-idx1-ubyte", labels(4, 4)),
        ("t10k-images-idx3-ubyte", images([2, 2, 3], 12)),
        ("t10k-labels-idx1-ubyte", labels(2, 2)),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.path().join(format!("{name}{suffix}")), pack(&bytes)).unwrap();
    }
    let path = folder.path().to_path_buf();
    (folder, path)
}

fn read(folder: &Path) -> vae_core::Result<(Images, Images)> {
    idx::read_folder(folder, &Device::Cpu)
}

/// Plain and gzipped files are told apart by what is in them, not by what they are called.
#[test]
fn gzip_is_seen_by_content() {
    for suffix in ["", ".gz"] {
        for pack in [gzip as fn(&[u8]) -> Vec<u8>, <[u8]>::to_vec] {
            let (_guard, path) = folder(suffix, pack);
            let (train, test) = read(&path).unwrap();
            assert_eq!((train.len(), test.len(), train.shape()), (4, 2, (1, 2, 3)));
            assert_eq!((train.bytes(), train.labels()), (&[9; 24][..], &[3; 4][..]));
        }
    }
}

/// What is written is read back, gzipped by the name, and no temporary file stays behind.
#[test]
fn written_files_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/set");
    let pixels: Vec<u8> = (0..5 * 784).map(|i| (i % 251) as u8).collect();
    let images = Images::new(pixels, vec![3, 1, 4, 1, 5], (1, 28, 28), &Device::Cpu).unwrap();
    idx::write_folder(&path, &images, &images.take(2)).unwrap();
    let (train, test) = read(&path).unwrap();
    assert_eq!((train.bytes(), train.labels()), (images.bytes(), images.labels()));
    assert_eq!((test.len(), test.image(1)), (2, images.image(1)));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 4);

    let plain = path.join("plain");
    idx::write_labels(&plain, &images).unwrap();
    assert_eq!(std::fs::read(&plain).unwrap(), [0, 0, 8, 1, 0, 0, 0, 5, 3, 1, 4, 1, 5]);
    let colour = Images::new(vec![0; 12], vec![0], (3, 2, 2), &Device::Cpu).unwrap();
    let error = idx::write_images(&plain, &colour).unwrap_err().to_string();
    assert_eq!(error, "IDX image files are grey: expected 1 channel, got 3");
}

/// Another magic number is named, and a mix-up of images and labels is recognized.
#[test]
fn wrong_magic() {
    let expected = "expected an IDX file of images, which starts with 00000803, got 00000801 (a label file)";
    assert_eq!(message(&labels(30, 30)), expected);
    assert!(message(b"<html><body>Not found").ends_with("got 3c68746d"));
}

/// A file that ends inside the header, at its end or inside the pixels is cut short, plain or gzipped.
#[test]
fn truncation() {
    let whole = images([4, 2, 3], 24);
    for cut in [0, 3, 4, 11, 15] {
        assert!(message(&whole[..cut]).contains(&format!("is cut short: expected 16 bytes, got {cut}")), "{cut}");
        assert!(
            message(&gzip(&whole[..cut])).contains(&format!("is cut short: expected 16 bytes, got {cut}")),
            "{cut}"
        );
    }
    assert!(message(&whole[..39]).contains("expected 40 bytes, got 39; fetch it again"));
    assert!(message(&gzip(&whole[..39])).contains("expected 40 bytes, got 39; fetch it again"));
    let packed = gzip(&whole);
    for cut in 2..packed.len() {
        let message = message(&packed[..cut]);
        assert!(message.contains("is cut short: the gzip stream ends too early"), "{cut}: {message}");
    }
}

/// More bytes than the header announces are an error too, plain or gzipped.
#[test]
fn trailing_bytes() {
    let expected = "holds more than the 4×2×3 = 24 bytes of images that its header announces";
    assert_eq!(message(&images([4, 2, 3], 25)), expected);
    assert_eq!(message(&gzip(&images([4, 2, 3], 25))), expected);
}

/// Sizes of zero, and sizes that the file could never hold, are refused before anything is allocated for them.
#[test]
fn absurd_sizes() {
    assert_eq!(message(&images([0, 28, 28], 0)), "holds no images: its header says 0×28×28");
    let huge = images([u32::MAX; 3], 24);
    for bytes in [huge.clone(), gzip(&huge), images([1 << 20, 1 << 10, 1 << 10], 24)] {
        let message = message(&bytes);
        assert!(message.contains("its header announces") && message.contains("cannot hold them"), "{message}");
    }
}

/// A gzip bomb is unpacked no further than one byte past what its header announces.
#[test]
fn gzip_bombs_stay_small() {
    let bomb = gzip(&images([4, 2, 3], 50_000_000));
    let start = std::time::Instant::now();
    assert!(message(&bomb).starts_with("holds more than the 4×2×3 = 24 bytes"));
    println!("{} bytes of bomb refused in {:?}", bomb.len(), start.elapsed());
}

/// A flipped bit in a gzipped file is found, at the latest by the checksum.
#[test]
fn corrupt_gzip() {
    let noise: Vec<u8> = (0..600u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let packed = gzip(&[&images([1, 20, 30], 0)[..], &noise].concat());
    for at in [2, packed.len() / 2, packed.len() - 5, packed.len() - 1] {
        let mut bytes = packed.clone();
        bytes[at] ^= 0x10;
        let message = message(&bytes);
        assert!(message.contains("is not a sound gzip file") || message.contains("is cut short"), "{at}: {message}");
    }
}

/// Folders: missing, a file instead of one, a folder instead of a file, a missing file; each says what to do.
#[test]
fn folders() {
    let (_guard, path) = folder(".gz", gzip);
    let error = |path: &Path| read(path).unwrap_err().to_string();
    let message = error(&path.join("nowhere"));
    assert!(message.contains("nowhere: no such folder: expected a folder with the files train-images"), "{message}");
    let message = error(&path.join("train-images-idx3-ubyte.gz"));
    assert!(message.contains("is not a folder: expected"), "{message}");

    std::fs::remove_file(path.join("t10k-labels-idx1-ubyte.gz")).unwrap();
    let message = error(&path);
    assert!(message.contains("the file t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz) is missing"), "{message}");
    std::fs::create_dir(path.join("t10k-labels-idx1-ubyte")).unwrap();
    let message = error(&path);
    assert!(message.contains("t10k-labels-idx1-ubyte: is a folder: expected an IDX file of labels"), "{message}");
    let message = idx::read_labels(&path.join("nothing")).unwrap_err().to_string();
    assert!(message.contains("nothing: No such file"), "{message}");
}

/// Images and labels that differ in number, and parts that differ in shape, are not put together.
#[test]
fn parts_that_disagree() {
    let (_guard, path) = folder("", <[u8]>::to_vec);
    std::fs::write(path.join("train-labels-idx1-ubyte"), labels(5, 5)).unwrap();
    let message = read(&path).unwrap_err().to_string();
    let expected = "train-labels-idx1-ubyte: 5 labels for the 4 images of train-images-idx3-ubyte: expected one label";
    assert!(message.contains(expected), "{message}");

    let (_guard, path) = folder("", <[u8]>::to_vec);
    std::fs::write(path.join("t10k-images-idx3-ubyte"), images([2, 3, 3], 18)).unwrap();
    let message = read(&path).unwrap_err().to_string();
    assert!(message.contains("training images of 2×3 and test images of 3×3: expected one shape"), "{message}");
}

/// The real sets have the sizes and moments that are published for them.
#[test]
fn the_real_sets() {
    let Some(root) = std::env::var_os("VAE_CORE_DATA_DIR") else {
        // Not by `println!`, which the test harness keeps to itself when a test passes.
        let _ =
            writeln!(std::io::stderr(), "skipped: VAE_CORE_DATA_DIR is not set, so there are no real images to read");
        return;
    };
    for (name, mean, std) in [("mnist", 0.1307, 0.3081), ("fashion-mnist", 0.2860, 0.3530)] {
        let start = std::time::Instant::now();
        let (train, test) = read(&Path::new(&root).join(name)).unwrap();
        println!("{name} read in {:?}", start.elapsed());
        assert_eq!((train.len(), test.len(), train.shape()), (60_000, 10_000, (1, 28, 28)));
        assert!(
            (0..10).all(|label| !train.of_class(label).is_empty()) && train.labels().iter().all(|&label| label < 10)
        );
        let moments = train.statistics();
        assert!((moments.0 - mean).abs() < 5e-5 && (moments.1 - std).abs() < 5e-5, "{moments:?}");
    }
}
