//! Folders of pictures: what becomes of their pixels and names, and what lies in folders that is none.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use vae_core::{
    data,
    image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage},
    prelude::*,
};

const CPU: Device = Device::Cpu;

/// A temporary folder that pictures are put into.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a picture; the format is that of the name.
    fn picture(&self, name: &str, image: impl Into<DynamicImage>) -> PathBuf {
        let path = self.file(name, b"");
        image.into().save(&path).unwrap();
        path
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn read(&self, config: FolderConfig) -> Result<Folder> {
        data::folder(self.0.path(), config, &CPU)
    }

    fn error(&self) -> String {
        let text = self.read(small()).unwrap_err().to_string();
        let (path, problem) = text.split_once(": ").unwrap();
        assert_eq!(Path::new(path), self.0.path());
        problem.into()
    }
}

fn flat(grey: u8) -> GrayImage {
    GrayImage::from_pixel(3, 3, Luma([grey]))
}

fn small() -> FolderConfig {
    FolderConfig { size: (2, 2), colour: false, ..Default::default() }
}

/// The first byte of each picture.
fn firsts(folder: &Folder) -> Vec<u8> {
    let images = folder.images(&(0..folder.len()).collect::<Vec<_>>()).unwrap();
    images.bytes().chunks(images.pixels_per_image()).map(|image| image[0]).collect()
}

fn skipped(folder: &Folder) -> Vec<(String, &str)> {
    folder.skipped().iter().map(|skipped| (skipped.path.display().to_string(), skipped.reason.as_str())).collect()
}

/// Sub-folders are the classes in the order of their names, whatever lies deeper is theirs, and files come sorted by name.
#[test]
fn sub_folders_are_classes() {
    let home = Home::new();
    for (name, grey) in [
        ("dogs/b.png", 5),
        ("cats/2.png", 2),
        ("cats/10.png", 1),
        ("dogs/a/deeper/z.png", 3),
        ("dogs/a.png", 4),
        ("Zebras/1.png", 0),
    ] {
        home.picture(name, flat(grey));
    }
    let pets = home.read(small()).unwrap();
    assert_eq!(pets.class_names(), ["Zebras", "cats", "dogs"]);
    assert_eq!((pets.labels(), firsts(&pets)), (&[0, 1, 1, 2, 2, 2][..], vec![0, 1, 2, 3, 4, 5]));
    assert!(pets.paths().nth(3).unwrap().ends_with("dogs/a/deeper/z.png"));
    let batch = pets.batch(&[5, 0]).unwrap();
    assert_eq!(batch.y.unwrap().to_vec1::<u32>().unwrap(), [2, 0]);
    assert_eq!((Data::len(&pets), Data::shape(&pets).dims(), batch.x.dims()), (6, &[1, 2, 2][..], &[2, 1, 2, 2][..]));
    assert_eq!(pets.kept().unwrap().of_class(2).len(), 3);
}

/// Pictures that lie in the folder itself have no classes, and their batches no labels.
#[test]
fn pictures_without_classes() {
    let home = Home::new();
    home.picture("2.png", flat(2));
    home.picture("1.png", flat(1));
    fs::create_dir(home.0.path().join("empty")).unwrap();
    let faces = home.read(small()).unwrap();
    assert!(faces.labels().is_empty() && faces.class_names().is_empty() && faces.skipped().is_empty());
    assert_eq!(firsts(&faces), [1, 2]);
    assert!(faces.batch(&[1]).unwrap().y.is_none());
    home.picture("cats/1.png", flat(3));
    let problem = home.error();
    assert!(problem.contains("cats/1.png, 1.png") && problem.contains("move one or the other away"), "{problem}");
}

/// A class without a picture keeps its number, so that two folders with the same sub-folders agree, and is listed.
#[test]
fn empty_classes_keep_their_number() {
    let home = Home::new();
    home.picture("c/1.png", flat(1));
    fs::create_dir(home.0.path().join("a")).unwrap();
    home.file("b/notes.txt", b"none yet");
    let classes = home.read(small()).unwrap();
    assert_eq!((classes.class_names().len(), classes.labels()), (3, &[2][..]));
    let listed = skipped(&classes);
    assert_eq!(listed.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["b/notes.txt", "a", "b"]);
    assert_eq!(listed[1].1, "a class without a picture");
}

/// There may be more classes than a byte can tell apart.
#[test]
fn hundreds_of_classes() {
    let home = Home::new();
    for class in 0..300 {
        home.picture(&format!("{class:03}/1.png"), flat(class as u8));
    }
    let classes = home.read(small()).unwrap();
    assert_eq!(classes.labels(), (0..300).collect::<Vec<u32>>());
    assert_eq!(classes.kept().unwrap().of_class(299).bytes(), [43; 4]);
    let y = classes.batch(&[299]).unwrap().y.unwrap();
    assert_eq!(y.to_vec1::<u32>().unwrap(), [299]);
    assert!(classes.summary().contains("300 pictures of 1×2×2 in 300 classes, "), "{classes}");
}

/// Colour becomes red, green and blue, channel by channel, or the luminance to the nearest byte.
#[test]
fn colour_and_grey() {
    let home = Home::new();
    let pixels = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]];
    home.picture("1.png", RgbImage::from_fn(2, 2, |x, y| Rgb(pixels[(2 * y + x) as usize])));
    let colour = home.read(FolderConfig { size: (2, 2), ..Default::default() }).unwrap();
    assert_eq!(colour.shape(), (3, 2, 2));
    let bytes = [255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30];
    assert_eq!(colour.images(&[0]).unwrap().bytes(), bytes);
    let x = colour.batch(&[0]).unwrap().x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(x, bytes.map(|byte| f32::from(byte) / 255.0));
    // 0.2126·255 = 54.2, 0.7152·255 = 182.4, 0.0722·255 = 18.4, 0.2126·10 + 0.7152·20 + 0.0722·30 = 18.6
    assert_eq!(home.read(small()).unwrap().images(&[0]).unwrap().bytes(), [54, 182, 18, 19]);
}

/// Cropping cuts the same off both sides and keeps the proportions; stretching keeps everything.
#[test]
fn crop_and_stretch() {
    let home = Home::new();
    home.picture("1.png", GrayImage::from_fn(4, 2, |x, _| Luma([[0, 0, 140, 140][x as usize]])));
    let bytes = |fit, size| {
        let config = FolderConfig { fit, size, ..small() };
        home.read(config).unwrap().images(&[0]).unwrap().bytes().to_vec()
    };
    assert_eq!(bytes(Fit::Crop, (2, 2)), [0, 140, 0, 140]);
    assert_eq!(bytes(Fit::Crop, (2, 4)), [0, 0, 140, 140, 0, 0, 140, 140]);
    // Half as wide is a whole factor: means of two columns.
    assert_eq!(bytes(Fit::Stretch, (2, 2)), [0, 140, 0, 140]);
    // Two rows of proportions 1 : 4 do not fit into two of four columns; one does, the upper.
    assert_eq!(bytes(Fit::Crop, (1, 4)), [0, 0, 140, 140]);
    // A row of 1×1 out of 4×2 is the middle of it: columns 1 and 2, by halves.
    assert_eq!(bytes(Fit::Crop, (1, 1)), [70]);
}

/// Sides of nothing, and of more than a picture is resized to, are refused before a file is read.
#[test]
fn sizes_are_checked() {
    for size in [(0, 64), (64, 0), (4097, 64), (usize::MAX, usize::MAX)] {
        let error = data::folder("nowhere", FolderConfig { size, ..Default::default() }, &CPU).unwrap_err().to_string();
        assert!(error.contains("sides of 1 to 4096 pixels"), "{error}");
    }
}

/// JPEG is told by its content, whatever the file is called, and close to what was compressed.
#[test]
fn jpeg() {
    let home = Home::new();
    let smooth = |x: u32, y: u32| Rgb([(8 * x) as u8, (8 * y) as u8, 100]);
    let path = home.picture("a.jpg", RgbImage::from_fn(32, 32, smooth));
    fs::rename(&path, home.0.path().join("a.png")).unwrap();
    home.picture("b.png", RgbImage::from_fn(32, 32, smooth));
    let config = FolderConfig { size: (32, 32), ..Default::default() };
    let images = home.read(config).unwrap().images(&[0, 1]).unwrap();
    let (jpeg, png) = images.bytes().split_at(3 * 32 * 32);
    let largest = jpeg.iter().zip(png).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(0 < largest && largest < 20, "{largest}");
}

/// A JPEG file with an EXIF note of this orientation after its first mark.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    // A TIFF header, one entry: tag 0112, a short.
    let mut note = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
    note[29] = orientation;
    [&jpeg[..2], &note, &jpeg[2..]].concat()
}

/// Photographs are turned upright as their EXIF data say: half black, half white, from left to right, in eight ways.
#[test]
fn photographs_are_upright() {
    let home = Home::new();
    let path = home.picture("1.jpg", GrayImage::from_fn(32, 16, |x, _| Luma([if x < 16 { 0 } else { 255 }])));
    let jpeg = fs::read(&path).unwrap();
    let (left, right, top, bottom) = ([0, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 0, 0]);
    for (orientation, expected) in (0..=9).zip([left, left, right, right, left, top, top, bottom, bottom, left]) {
        fs::write(&path, oriented(&jpeg, orientation)).unwrap();
        let size = if (5..=8).contains(&orientation) { (32, 16) } else { (16, 32) };
        assert_eq!(Picture::open(&path).unwrap().size(), size, "orientation {orientation}");
        let folder = home.read(FolderConfig { fit: Fit::Stretch, ..small() }).unwrap();
        let bytes = folder.images(&[0]).unwrap().bytes().iter().map(|byte| byte / 128).collect::<Vec<_>>();
        assert_eq!(bytes, expected, "orientation {orientation}");
    }
}

/// What a header needs to promise 60,000 × 60,000 pixels.
fn bomb(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    bytes[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut crc = flate2::Crc::new();
    crc.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    bytes
}

/// Files that are none of ours, broken, or bombs are listed with a reason, in order, and the others are read.
#[test]
fn hostile_files_are_skipped() {
    let home = Home::new();
    let png = fs::read(home.picture("good.png", flat(7))).unwrap();
    let jpeg = fs::read(home.picture("good.jpg", flat(8))).unwrap();
    let mut wide = jpeg.clone();
    let frame = wide.windows(2).position(|pair| pair == b"\xff\xc0").unwrap();
    wide[frame + 5..frame + 9].fill(0xff);
    for (name, bytes) in [
        (".DS_Store", &b"\0\0\0\x01Bud1"[..]),
        ("._photo.jpg", &jpeg),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
        ("a-bomb.png", &bomb(&png)),
        ("bomb.jpg", &wide),
        ("cut.jpg", &jpeg[..jpeg.len() - 9]),
        ("cut.png", &png[..png.len() - 30]),
        ("empty.png", b""),
        ("film.gif", b"GIF89a"),
        ("header.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
        ("text.png", b"hello"),
    ] {
        home.file(name, bytes);
    }
    let folder = home.read(small()).unwrap();
    assert_eq!(firsts(&folder), [8, 7]);
    let expected = [
        (".DS_Store", "is hidden"),
        ("._photo.jpg", "is hidden"),
        ("Thumbs.db", "neither a PNG nor a JPEG"),
        ("a-bomb.png", "is larger than what is read"),
        ("bomb.jpg", "is larger than what is read"),
        ("cut.jpg", "is cut short"),
        ("cut.png", "is not a readable picture"),
        ("empty.png", "neither a PNG nor a JPEG"),
        ("film.gif", "neither a PNG nor a JPEG"),
        ("header.jpg", "is cut short"),
        ("text.png", "save or convert it"),
    ];
    let listed = skipped(&folder);
    assert_eq!(listed.len(), expected.len(), "{listed:#?}");
    for ((path, reason), (name, words)) in listed.iter().zip(expected) {
        assert!(path == name && reason.contains(words), "{path}: {reason}");
    }
    let text = folder.to_string();
    assert!(text.contains("2 pictures of 1×2×2, 0.0 MB in memory; 11 left out\n  .DS_Store: is hidden"), "{text}");
    assert!(text.ends_with("\n  … and 6 more, see `.skipped()`") && text.lines().count() == 7, "{text}");
}

/// Links are followed, but what they lead back to is read once, and links to nothing are listed.
#[cfg(target_os = "linux")]
#[test]
fn links() {
    use std::os::unix::fs::symlink;
    let (home, other) = (Home::new(), Home::new());
    let root = home.0.path();
    home.picture("b/1.png", flat(1));
    other.picture("2.png", flat(2));
    for (target, link) in [
        (root, "b/loop"),
        (&root.join("b"), "a"),
        (root.parent().unwrap(), "b/up"),
        (other.0.path(), "c"),
        (other.0.path(), "d"),
        (&other.0.path().join("2.png"), "b/3.png"),
        (Path::new("nowhere"), "b/4.png"),
        (Path::new("itself"), "itself"),
        (Path::new("/dev/zero"), "b/5.png"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    let folder = home.read(small()).unwrap();
    assert_eq!((firsts(&folder), folder.labels()), (vec![1, 2, 2], &[1, 1, 2][..]));
    assert_eq!(folder.class_names(), ["a", "b", "c", "d"]);
    let again = "is a link to a folder that is read by another name";
    let expected = [
        ("a", again),
        ("b/4.png", "No such file or directory (os error 2)"),
        ("b/5.png", "is no plain file: expected a PNG or JPEG picture"),
        ("b/loop", again),
        ("b/up", again),
        ("d", again),
        ("itself", "Too many levels of symbolic links (os error 40)"),
        ("a", "a class without a picture"),
        ("d", "a class without a picture"),
    ];
    assert_eq!(skipped(&folder), expected.map(|(path, reason)| (path.to_string(), reason)));
    let through = root.join("link");
    symlink(root.join("b"), &through).unwrap();
    assert_eq!(data::folder(&through, small(), &CPU).unwrap().len(), 2);
}

/// Names that are not Unicode are names like others.
#[cfg(target_os = "linux")]
#[test]
fn names_of_any_bytes() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let home = Home::new();
    let class = home.0.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&class).unwrap();
    fs::rename(home.picture("1.png", flat(4)), class.join(OsStr::from_bytes(b"\xff.png"))).unwrap();
    fs::write(class.join(OsStr::from_bytes(b"\xfe")), "x").unwrap();
    let folder = home.read(FolderConfig { memory: 0, ..small() }).unwrap();
    assert_eq!((folder.class_names(), firsts(&folder)), (&["caf\u{fffd}".to_string()][..], vec![4]));
    assert_eq!(folder.skipped().len(), 1);
}

/// What may not be read is listed; the folder itself is an error. Not for those to whom nothing is forbidden.
#[cfg(unix)]
#[test]
fn permissions() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.picture("a/1.png", flat(1));
    let forbidden = [home.picture("a/2.png", flat(2)), home.picture("b/3.png", flat(3)), home.0.path().into()];
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(&forbidden[0], 0);
    allow(forbidden[1].parent().unwrap(), 0);
    if fs::read(&forbidden[0]).is_ok() {
        println!("skipped: this user may read what is forbidden");
    } else {
        let folder = home.read(small()).unwrap();
        let denied = "Permission denied (os error 13)";
        let expected = [("a/2.png", denied), ("b", denied), ("b", "a class without a picture")];
        assert_eq!(skipped(&folder), expected.map(|(path, reason)| (path.to_string(), reason)));
        allow(&forbidden[2], 0);
        assert!(home.error().contains(denied));
        allow(&forbidden[2], 0o700);
    }
    allow(forbidden[1].parent().unwrap(), 0o700);
}

/// A pipe is not waited for.
#[cfg(target_os = "linux")]
#[test]
fn pipes_are_no_files() {
    let home = Home::new();
    home.picture("a.png", flat(1));
    let made = std::process::Command::new("mkfifo").arg(home.0.path().join("b.png")).status().unwrap();
    assert!(made.success());
    let folder = home.read(small()).unwrap();
    assert_eq!(skipped(&folder), [("b.png".to_string(), "is no plain file: expected a PNG or JPEG picture")]);
}

/// No folder, a file in its place, an empty one, and one of broken files alone: one error that says so.
#[test]
fn folders_without_pictures() {
    let home = Home::new();
    let error = |path: &Path| data::folder(path, small(), &CPU).unwrap_err().to_string();
    let text = error(&home.0.path().join("nowhere"));
    assert!(text.contains("nowhere: no such folder: expected one with pictures in it"), "{text}");
    let text = error(&home.picture("class/one.png", flat(1)));
    assert!(text.contains("one.png: is not a folder: expected one with pictures"), "{text}");
    fs::remove_file(home.0.path().join("class/one.png")).unwrap();
    assert_eq!(home.error(), "holds no PNG or JPEG picture that can be read");
    home.file("class/a.png", b"broken");
    home.file("class/b.jpg", b"\xff\xd8\xff\xe0");
    let expected = "holds no PNG or JPEG picture that can be read; 2 left out, the first because \
                    class/a.png: is neither a PNG nor a JPEG picture";
    assert!(home.error().starts_with(expected), "{}", home.error());
}

/// Forty pictures of many sizes and both formats in three classes, and some that are broken.
fn many() -> Home {
    let home = Home::new();
    for i in 0..40u32 {
        let picture =
            RgbImage::from_fn(5 + i % 7, 4 + i % 5, |x, y| Rgb([(6 * i) as u8, (40 * x) as u8, (50 * y) as u8]));
        home.picture(&format!("{}/{i:02}.{}", i % 3, ["png", "jpg"][(i % 2) as usize]), picture);
        home.file(&format!("{}/{i:02}.broken", i % 3), b"broken");
    }
    home
}

/// Pictures that are read from the disk batch by batch are those that are kept, byte for byte, whatever the number of threads.
#[test]
fn disk_and_memory_agree() {
    let home = many();
    let config = FolderConfig { size: (6, 5), ..Default::default() };
    let disk = FolderConfig { memory: 80 * 3 * 30 - 1, ..config.clone() };
    let kept = home.read(config).unwrap();
    let all: Vec<usize> = (0..40).collect();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (disk, again) = pool.install(|| (home.read(disk.clone()).unwrap(), home.read(kept_config()).unwrap()));
        assert!(
            disk.kept().is_none() && disk.summary().contains("read from the disk batch by batch; 40 left out"),
            "{disk}"
        );
        assert_eq!(again.kept().unwrap().bytes(), kept.kept().unwrap().bytes());
        assert_eq!((disk.labels(), skipped(&disk)), (kept.labels(), skipped(&kept)));
        pool.install(|| {
            assert_eq!(disk.images(&all).unwrap().bytes(), kept.kept().unwrap().bytes());
            let [a, b] = [&disk, &kept].map(|folder| folder.batch(&[7, 39, 7]).unwrap());
            let bits = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(bits(&a.x), bits(&b.x));
            assert_eq!(a.y.unwrap().to_vec1::<u32>().unwrap(), b.y.unwrap().to_vec1::<u32>().unwrap());
        });
    }
}

fn kept_config() -> FolderConfig {
    FolderConfig { size: (6, 5), ..Default::default() }
}

/// Training does not notice where the pictures are: the weights are equal to the bit.
#[test]
fn training_from_the_disk() {
    let home = many();
    let train = |memory| {
        let folder = home.read(FolderConfig { memory, ..kept_config() }).unwrap();
        let config = MlpVaeConfig { image: folder.shape(), hidden: vec![8], latent: 2, ..Default::default() };
        let mut vae = MlpVae::new(config, &CPU, 1).unwrap();
        Trainer::new(Elbo::default()).epochs(2).batch_size(16).validation(8).quiet().fit(&mut vae, &folder).unwrap();
        vae.params()
            .iter()
            .flat_map(|(_, var)| var.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(train(0), train(u64::MAX));
}

/// Parts are those of `Images::split`, and hold their own pictures, labels and files, kept or not.
#[test]
fn parts() {
    let home = many();
    let [kept, disk] = [u64::MAX, 0].map(|memory| home.read(FolderConfig { memory, ..kept_config() }).unwrap());
    let (rest, held) = kept.kept().unwrap().split(10, 3).unwrap();
    for folder in [kept, disk] {
        let (train, test) = folder.split(10, 3).unwrap();
        let bytes = |part: &Folder| part.images(&(0..part.len()).collect::<Vec<_>>()).unwrap();
        assert_eq!((bytes(&train).bytes(), bytes(&test).bytes()), (rest.bytes(), held.bytes()));
        assert_eq!((train.labels(), test.labels()), (rest.labels(), held.labels()));
        assert_eq!((train.paths().len(), test.paths().len(), train.skipped()), (30, 10, &[][..]));
        for wrong in [folder.select(&[40]).map(drop), folder.images(&[40]).map(drop), folder.batch(&[40]).map(drop)] {
            assert_eq!(wrong.unwrap_err().to_string(), "image 40: there are 40 images, counted from 0");
        }
        assert!(folder.split(40, 1).unwrap_err().to_string().contains("cannot hold out 40 of 40"));
        assert!(folder.images(&[]).unwrap().is_empty());
        assert!(folder.preview(9).to_svg().contains(">0</text>"));
    }
}

/// A file that is gone, or became another, when its batch is read is an error with its name.
#[test]
fn files_that_change() {
    let home = Home::new();
    let (gone, other) = (home.picture("1.png", flat(1)), home.picture("2.png", flat(2)));
    let disk = home.read(FolderConfig { memory: 0, ..small() }).unwrap();
    fs::remove_file(&gone).unwrap();
    fs::write(&other, "something else").unwrap();
    for (i, words) in [(0, "1.png: No such file"), (1, "2.png: is neither a PNG nor a JPEG")] {
        let text = disk.batch(&[i]).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
}
