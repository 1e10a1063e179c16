//! `use` declarations, flattened: one [`Import`] for each name that they bring.

use syn::spanned::Spanned;
use syn::{ItemUse, UseTree};

/// A path as it was written: `crate::value::Error`, `::std::mem`, `super::Name`.
#[derive(Debug, Clone, Default)]
pub struct Written {
    /// Whether it begins with `::`, so that its first segment is a crate.
    pub leading: bool,
    /// Its segments; `$crate` is one.
    pub segments: Vec<String>,
    /// Where it stands in its file.
    pub line: usize,
}

impl Written {
    /// How it reads in the source.
    pub fn text(&self) -> String {
        format!("{}{}", if self.leading { "::" } else { "" }, self.segments.join("::"))
    }
}

/// One name of a `use` declaration.
#[derive(Debug, Clone)]
pub struct Import {
    /// What is imported; of a glob, that of which everything is.
    pub path: Written,
    /// The name it has here; none for a glob and for `as _`.
    pub name: Option<String>,
    /// Whether it is `…::*`.
    pub glob: bool,
}

/// The names that a declaration brings.
pub fn imports_of(item: &ItemUse) -> Vec<Import> {
    let mut imports = Vec::new();
    let start = Written { leading: item.leading_colon.is_some(), segments: Vec::new(), line: 0 };
    flatten(&item.tree, &start, &mut imports);
    imports
}

fn flatten(tree: &UseTree, before: &Written, imports: &mut Vec<Import>) {
    let line = tree.span().start().line;
    let add = |name: &syn::Ident| {
        let mut path = Written { line, ..before.clone() };
        // `a::{self}` is `a`.
        if name != "self" || path.segments.is_empty() {
            path.segments.push(name.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(path) => flatten(&path.tree, &add(&path.ident), imports),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, before, imports)),
        UseTree::Glob(_) => {
            imports.push(Import { path: Written { line, ..before.clone() }, name: None, glob: true });
        }
        UseTree::Name(name) => {
            let path = add(&name.ident);
            let name = path.segments.last().cloned();
            imports.push(Import { path, name, glob: false });
        }
        UseTree::Rename(rename) => {
            let name = (rename.rename != "_").then(|| rename.rename.to_string());
            imports.push(Import { path: add(&rename.ident), name, glob: false });
        }
    }
}
