//! The files in a folder and in its sub-folders, in an order that depends on nothing but their names.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// A file or folder, below the root.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The number of the root's sub-folder in which it lies, at whatever depth.
    pub(super) class: Option<u32>,
    /// Why it is not to be opened, where that is so.
    pub(super) problem: Option<String>,
}

/// What lies in a folder.
pub(super) struct Tree {
    /// The folder, without links in its path.
    pub(super) root: PathBuf,
    /// Its sub-folders, sorted.
    pub(super) classes: Vec<OsString>,
    /// Files, and what cannot be entered: folder by folder, sorted by name.
    pub(super) found: Vec<Found>,
}

/// Lists all files below `root`. Links are followed, but none that leads back, so that the list ends.
///
/// # Errors
/// When `root` is no folder, or cannot be read.
pub(super) fn scan(root: &Path) -> Result<Tree> {
    let absent = |error| match error {
        error if io::Error::kind(&error) == io::ErrorKind::NotFound => Error::file(
            root,
            "no such folder: expected one with pictures in it, or with a folder of pictures for each class",
        ),
        error => Error::io(root)(error),
    };
    let real = fs::canonicalize(root).map_err(absent)?;
    if !real.is_dir() {
        let problem = "is not a folder: expected one with pictures in it, or with a folder of pictures for each class";
        return Err(Error::file(root, problem));
    }
    let mut tree = Tree { root: real.clone(), classes: vec![], found: vec![] };
    let mut entered = HashSet::from([real.clone()]);
    for name in names(&real).map_err(Error::io(root))? {
        let class = (real.join(&name).is_dir() && !is_hidden(&name)).then(|| {
            tree.classes.push(name.clone());
            (tree.classes.len() - 1) as u32
        });
        tree.visit(name.into(), class, &mut entered);
    }
    Ok(tree)
}

impl Tree {
    fn visit(&mut self, path: PathBuf, class: Option<u32>, entered: &mut HashSet<PathBuf>) {
        let here = self.root.join(&path);
        let problem = if path.file_name().is_some_and(is_hidden) {
            Some("is hidden: its name starts with a dot".to_string())
        } else if !here.is_dir() {
            None
        } else {
            match self.enter(&here, entered) {
                Ok(names) => return names.into_iter().for_each(|name| self.visit(path.join(name), class, entered)),
                Err(problem) => Some(problem),
            }
        };
        self.found.push(Found { path, class, problem });
    }

    /// The names in a folder, unless it cannot be read or was read before.
    fn enter(&self, here: &Path, entered: &mut HashSet<PathBuf>) -> Result<Vec<OsString>, String> {
        let real = fs::canonicalize(here).map_err(|error| error.to_string())?;
        // What lies below the root is read by its own name, whatever links to it.
        let back = here.is_symlink() && (real.starts_with(&self.root) || self.root.starts_with(&real));
        if back || !entered.insert(real) {
            return Err("is a link to a folder that is read by another name".into());
        }
        names(here).map_err(|error| error.to_string())
    }
}

fn is_hidden(name: impl AsRef<std::ffi::OsStr>) -> bool {
    name.as_ref().as_encoded_bytes().starts_with(b".")
}

/// The names in a folder, sorted byte by byte.
fn names(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}
