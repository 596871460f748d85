//! The map in `lib.rs` is true: each room uses only those above it, which leaves no room for a circle, and only `ops` knows what kind
//! a device is.
//!
//! The paths are read from the text, without comments and tests: what a test uses binds nobody.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Files outside the map, which may use all rooms.
const ABOVE_ALL: [&str; 2] = ["lib.rs", "cuda_checks.rs"];

/// What asks for a device's kind, or for what `ops` makes of it.
const KINDS: [&str; 8] = [
    "ops::kernels",
    "ops::cuda",
    "is_cuda(",
    "is_cpu(",
    "is_metal(",
    "Device::Cuda",
    "Device::Metal",
    "DeviceLocation",
];

/// Who asks nevertheless, and why.
const MAY_ASK: [(&str, &str); 1] = [("device.rs", "chooses a device and names it to people")];

/// A source file by its path in `src`, without comments and tests.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn room(&self) -> String {
        let first = self.path.iter().next().unwrap().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first).into()
    }

    /// How many modules deep: 1 for that of a room.
    fn depth(&self) -> usize {
        self.path.iter().count() - usize::from(self.path.ends_with("mod.rs"))
    }
}

fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let no_comment = |line: &str| line.split("//").next().unwrap().to_string();
    text.lines().map(no_comment).collect::<Vec<_>>().join("\n")
}

fn sources(folder: &Path, all: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            let text = code(&std::fs::read_to_string(&path).unwrap());
            all.push(Source { path: path.strip_prefix("src").unwrap().into(), text });
        }
    }
}

fn library() -> Vec<Source> {
    let mut all = vec![];
    // Cargo runs tests in the crate's folder.
    sources(Path::new("src"), &mut all);
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// The rooms in the order of the table: | [`name`] or `name` | what it is |.
fn map(lib: &str) -> Vec<String> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    let name = |cell: &str| cell.trim_matches(['[', ']', '`']).to_string();
    rows.filter(|cell| cell.contains('`')).map(name).collect()
}

/// Names of the crate's root that lead into a room: `pub use room::{name, other};`.
fn shortcuts(lib: &str, rooms: &[String]) -> BTreeMap<String, String> {
    let imports = lib.lines().filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';'));
    let paths =
        imports.flat_map(tree).filter_map(|path| Some(path.split_once("::")?).map(|(a, b)| (b.into(), a.into())));
    paths.filter(|(_, room)| rooms.contains(room)).collect()
}

/// All paths of an import's tree, `a::{b, c::{d, e}}`; of a path in code, that one.
fn tree(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (head, rest) = text.split_at(end);
    let Some(group) = rest.strip_prefix('{').filter(|_| head.is_empty() || head.ends_with("::")) else {
        return vec![head.trim_end_matches(':').to_string()];
    };
    let (mut depth, mut paths, mut start) = (0usize, vec![], 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let part = group[start..at].trim();
                paths.extend(tree(part).into_iter().filter(|_| !part.is_empty()).map(|path| format!("{head}{path}")));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    paths
}

/// The paths from the crate's root that a file names: those that begin with `crate`, and with enough of `super`.
fn paths(text: &str, depth: usize, rooms: &[String]) -> Vec<String> {
    let own = text.match_indices("crate::").map(|(at, word)| &text[at + word.len()..]);
    let climb = "super::".repeat(depth);
    let climbs = text.match_indices(&climb).filter(|(at, _)| !text[..*at].ends_with("super::"));
    // A module inside a file climbs to its own file first; what it finds there has no room's name.
    let to_a_room = |path: &String| rooms.iter().any(|room| path.split("::").next() == Some(room));
    let climbed = climbs.flat_map(|(at, _)| tree(&text[at + climb.len()..])).filter(to_a_room);
    own.flat_map(tree).chain(climbed).collect()
}

/// Each room uses only rooms above it in the map, and every module of the crate is on the map.
#[test]
fn arrows_point_up() {
    let lib = std::fs::read_to_string("src/lib.rs").unwrap();
    let rooms = map(&lib);
    let shortcuts = shortcuts(&lib, &rooms);
    let place = |name: &String| rooms.iter().position(|room| room == name);
    let mut wrong = vec![];
    for source in library().iter().filter(|source| !ABOVE_ALL.iter().any(|name| source.path.ends_with(name))) {
        let (path, room) = (source.path.display(), source.room());
        let Some(own) = place(&room) else {
            wrong.push(format!("{path}: the map in lib.rs has no room {room}"));
            continue;
        };
        for name in paths(&source.text, source.depth(), &rooms) {
            let first = name.split("::").next().unwrap().to_string();
            let used = shortcuts.get(&first).unwrap_or(&first);
            match place(used) {
                Some(other) if other > own => wrong.push(format!("{path}: {room} uses {name}, which is below it")),
                None if first == "prelude" => wrong.push(format!("{path}: the prelude is for users of the crate")),
                _ => {}
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these do not keep to the map in lib.rs, where each room uses only those above it:\n{}",
        wrong.join("\n")
    );
}

/// Outside of `ops`, nothing asks what kind a device is, and nothing goes past the rooms to the kernels.
#[test]
fn only_ops_knows_devices() {
    let mut wrong = vec![];
    for source in library().iter().filter(|source| source.room() != "ops") {
        let imports = paths(&source.text, source.depth(), &["ops".to_string()]).join("\n");
        let asks: Vec<_> = KINDS.iter().filter(|kind| source.text.contains(*kind) || imports.contains(*kind)).collect();
        let reason = MAY_ASK.iter().find(|(name, _)| source.path == Path::new(name));
        match (asks.is_empty(), reason) {
            (false, None) => {
                wrong.push(format!("{}: {asks:?}; ask an operation in ops instead", source.path.display()))
            }
            (true, Some((name, _))) => wrong.push(format!("{name} asks no longer: take it off the list")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "only ops may know what kind a device is:\n{}", wrong.join("\n"));
}

/// The reading of sources finds what is used, however it is written, and nothing in comments and tests.
#[test]
fn sources_are_read_rightly() {
    let text = "use crate::{\n    Error, data::{Batch, images},\n    ops::{cuda, kernels::tile},\n};\nuse super::super::viz;\n\
                //! crate::no\nfn f() { crate::nn::g(x); super::h() } // crate::no\n#[cfg(test)]\nmod tests {\nuse crate::no;\n}";
    let found = paths(&code(text), 2, &["viz".to_string()]);
    let wanted = ["Error", "data::Batch", "data::images", "ops::cuda", "ops::kernels::tile", "nn::g", "viz"];
    assert_eq!(found, wanted);
    let lib = "//! | module | what |\n//! |---|---|\n//! | `io` | files |\n//! | [`device`] | which |\npub use device::{best, worst};";
    assert_eq!(map(lib), ["io", "device"]);
    assert_eq!(shortcuts(lib, &map(lib)).into_keys().collect::<Vec<_>>(), ["best", "worst"]);
}
