//! The public interface as one text, `api.txt`, so that a change in it is seen when it is made. `make api` writes it anew.
//!
//! It is the source without bodies, comments and private parts. What is `pub` is public: the lint `unreachable_pub` sees to it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use syn::{Attribute, Fields, ImplItem, Item, TraitItem, Type, Visibility, parse_quote};

/// The attributes that a user of the item notices.
const NOTICED: [&str; 5] = ["cfg", "derive", "must_use", "non_exhaustive", "deprecated"];

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn noticed(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| NOTICED.iter().any(|name| attribute.path().is_ident(name)));
}

fn sources(folder: &Path, files: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, files),
            // CUDA C lies beside it.
            false if path.extension().is_some_and(|kind| kind == "rs") => drop(files.insert(path)),
            false => {}
        }
    }
}

/// The public fields.
fn fields(fields: &mut Fields) {
    let public = |field: &syn::Field| is_public(&field.vis);
    match fields {
        Fields::Named(named) => {
            named.named = std::mem::take(&mut named.named).into_iter().filter(public).collect();
            named.named.iter_mut().for_each(|field| noticed(&mut field.attrs));
        }
        Fields::Unnamed(unnamed) => {
            unnamed.unnamed = std::mem::take(&mut unnamed.unnamed).into_iter().filter(public).collect();
        }
        Fields::Unit => {}
    }
}

/// The item as a user sees it; `None` for a private one. `types` are the names of the public types.
fn public(mut item: Item, types: &BTreeSet<String>) -> Option<Item> {
    match &mut item {
        Item::Fn(function) if is_public(&function.vis) => {
            noticed(&mut function.attrs);
            function.block = parse_quote!({});
        }
        Item::Struct(structure) if is_public(&structure.vis) => {
            noticed(&mut structure.attrs);
            fields(&mut structure.fields);
        }
        Item::Enum(choice) if is_public(&choice.vis) => {
            noticed(&mut choice.attrs);
            for variant in &mut choice.variants {
                noticed(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| noticed(&mut field.attrs));
            }
        }
        Item::Trait(behaviour) if is_public(&behaviour.vis) => {
            noticed(&mut behaviour.attrs);
            for item in &mut behaviour.items {
                let TraitItem::Fn(method) = item else { continue };
                noticed(&mut method.attrs);
                if method.default.is_some() {
                    method.default = Some(parse_quote!({}));
                }
            }
        }
        Item::Impl(implementation) => {
            let Type::Path(own) = &*implementation.self_ty else { return None };
            if !types.contains(&own.path.segments.last()?.ident.to_string()) {
                return None;
            }
            noticed(&mut implementation.attrs);
            let shown = implementation.trait_.is_none();
            implementation.items.retain(|item| match item {
                ImplItem::Fn(method) => shown && is_public(&method.vis),
                ImplItem::Const(constant) => shown && is_public(&constant.vis),
                ImplItem::Type(_) => true,
                _ => false,
            });
            for item in &mut implementation.items {
                let ImplItem::Fn(method) = item else { continue };
                noticed(&mut method.attrs);
                method.block = parse_quote!({});
            }
            return (!shown || !implementation.items.is_empty()).then_some(item);
        }
        Item::Const(constant) if is_public(&constant.vis) => noticed(&mut constant.attrs),
        Item::Type(alias) if is_public(&alias.vis) => noticed(&mut alias.attrs),
        Item::Use(import) if is_public(&import.vis) => noticed(&mut import.attrs),
        Item::Mod(module) if is_public(&module.vis) => {
            noticed(&mut module.attrs);
            if let Some((_, items)) = &mut module.content {
                *items = std::mem::take(items).into_iter().filter_map(|item| public(item, types)).collect();
            }
        }
        _ => return None,
    }
    Some(item)
}

/// The name of a public type.
fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        Item::Enum(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        Item::Type(item) if is_public(&item.vis) => Some(item.ident.to_string()),
        _ => None,
    }
}

/// The public interface is the one in `api.txt`: whoever changes it says so by `make api` in the same commit.
#[test]
fn the_public_interface_is_as_written() {
    // Cargo runs tests in the crate's folder.
    let root = Path::new("");
    let mut paths = BTreeSet::new();
    sources(&root.join("src"), &mut paths);
    let parse = |path: &PathBuf| syn::parse_file(&std::fs::read_to_string(path).unwrap()).unwrap();
    let files: Vec<(&PathBuf, syn::File)> = paths.iter().map(|path| (path, parse(path))).collect();
    let types = files.iter().flat_map(|(_, file)| file.items.iter().filter_map(type_name)).collect();
    let mut text = String::new();
    for (path, mut file) in files {
        file.attrs.clear();
        file.items = file.items.into_iter().filter_map(|item| public(item, &types)).collect();
        if !file.items.is_empty() {
            let name = path.display();
            text += &format!("// {name}\n{}\n", prettyplease::unparse(&file));
        }
    }
    let written = root.join("api.txt");
    if std::env::var_os("VAE_API").is_some_and(|value| value == "write") {
        std::fs::write(&written, &text).unwrap();
    }
    let old = std::fs::read_to_string(&written).unwrap();
    let (new, old): (BTreeSet<&str>, BTreeSet<&str>) = (text.lines().collect(), old.lines().collect());
    let changes: Vec<_> = old.difference(&new).map(|line| format!("- {line}")).collect();
    let additions: Vec<_> = new.difference(&old).map(|line| format!("+ {line}")).collect();
    let changes = [changes, additions].concat().join("\n");
    assert!(changes.is_empty(), "the public interface changed; if it should, run `make api`:\n{changes}");
}
