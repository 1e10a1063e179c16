//! A crate as its sources have it: modules, and in each the items, imports and macros.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod};

use crate::imports::{Import, Written, imports_of};
use crate::only_tests::only_in_tests;

/// Source files by their path from the crate's root file's folder.
pub type Files = BTreeMap<PathBuf, String>;

/// One crate.
pub struct Crate {
    /// How other crates name it: `pomelo_core`.
    pub name: String,
    /// Where its root file's folder is, for messages.
    pub folder: String,
    /// Its modules; the first is the root. What exists in tests alone isn't here.
    pub modules: Vec<Module>,
    /// Files of modules that exist in tests alone.
    pub tests: BTreeSet<PathBuf>,
    /// Files that no module is in, and declarations that no file was found for.
    pub astray: Vec<String>,
}

/// One module, a file's or an inline one.
pub struct Module {
    /// From the root: `["session", "hooks"]`; empty for the root.
    pub path: Vec<String>,
    /// The file that its code is in, from the root file's folder.
    pub file: PathBuf,
    /// Lines of code, comments and blanks, without those for tests and of inline modules' own.
    pub lines: usize,
    /// The module that declares it.
    pub parent: Option<usize>,
    /// Modules that it declares.
    pub children: HashMap<String, usize>,
    /// Names that are defined here, modules not counted.
    pub defined: HashSet<String>,
    /// `use` declarations outside of functions.
    pub imports: Vec<Import>,
    /// Bodies of its `macro_rules!`.
    pub macros: HashMap<String, TokenStream>,
    /// Those of its macros that are seen at the crate's root, wherever they are defined.
    pub exported: HashSet<String>,
    /// Whether its macros are seen after it without a path, by `#[macro_use]`.
    pub macro_use: bool,
    /// Its code, without modules.
    pub items: Vec<Item>,
}

impl Crate {
    /// Reads the crate that begins with a root file.
    pub fn read(name: &str, folder: &str, root: &str, files: &Files) -> Self {
        let mut reader = Reader { files, seen: BTreeSet::new(), made: Self::empty(name, folder) };
        reader.file(PathBuf::from(root), Vec::new(), None, PathBuf::new());
        let Reader { seen, mut made, .. } = reader;
        let astray = files.keys().filter(|file| !seen.contains(*file) && !made.is_for_tests(file));
        let astray: Vec<String> =
            astray.map(|file| format!("{folder}/{}: no `mod` leads to this file", file.display())).collect();
        made.astray.extend(astray);
        made
    }

    fn empty(name: &str, folder: &str) -> Self {
        let (name, folder) = (name.to_owned(), folder.to_owned());
        Self { name, folder, modules: Vec::new(), tests: BTreeSet::new(), astray: Vec::new() }
    }

    /// A module of tests has its files beside or below its own.
    fn is_for_tests(&self, file: &Path) -> bool {
        self.tests.iter().any(|tests| {
            let is_folder = tests.file_name().is_some_and(|name| name == "mod.rs");
            let below =
                if is_folder { tests.parent().unwrap_or(tests).to_owned() } else { tests.with_extension("") };
            file == tests || file.starts_with(below)
        })
    }

    /// The top-level module that a module is in; none for the root.
    pub fn top(&self, module: usize) -> Option<&str> {
        self.modules[module].path.first().map(String::as_str)
    }

    /// The top-level modules.
    pub fn tops(&self) -> BTreeSet<&str> {
        self.modules.iter().filter_map(|module| module.path.first().map(String::as_str)).collect()
    }

    /// Lines of a top-level module with all that is in it.
    pub fn lines(&self, top: &str) -> usize {
        let within = self.modules.iter().filter(|module| module.path.first().is_some_and(|name| name == top));
        within.map(|module| module.lines).sum()
    }
}

struct Reader<'a> {
    files: &'a Files,
    seen: BTreeSet<PathBuf>,
    made: Crate,
}

impl Reader<'_> {
    /// Reads a file's module; `folder` is where its children's files are.
    fn file(&mut self, file: PathBuf, path: Vec<String>, parent: Option<usize>, folder: PathBuf) -> usize {
        self.seen.insert(file.clone());
        let text = &self.files[&file];
        let syntax = syn::parse_file(text).unwrap_or_else(|error| {
            panic!("{}/{}:{}: {error}", self.made.folder, file.display(), error.span().start().line)
        });
        let lines = text.lines().count();
        self.module(syntax.items, lines, Module::new(path, file, parent), &folder)
    }

    fn module(&mut self, items: Vec<Item>, lines: usize, mut module: Module, folder: &Path) -> usize {
        let id = self.made.modules.len();
        let (tests, items): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| only_in_tests(attributes(item)));
        module.lines = lines.saturating_sub(tests.iter().map(lines_of).sum());
        let mut inner = Declared::default();
        items.iter().for_each(|item| inner.visit_item(item));
        items.into_iter().for_each(|item| module.take(item));
        let (file, path) = (module.file.clone(), module.path.clone());
        self.made.modules.push(module);
        for item in tests.iter().filter_map(module_of) {
            let found = self.find(item, &file, folder);
            self.made.tests.extend(found.map(|(file, _)| file));
        }
        for item in inner.0 {
            self.child(item, id, &file, &path, folder);
        }
        id
    }

    fn child(&mut self, item: ItemMod, parent: usize, file: &Path, path: &[String], folder: &Path) {
        let name = name_of(&item.ident);
        let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        let id = if let Some((_, items)) = &item.content {
            let lines = lines_of(&Item::Mod(item.clone()));
            let around = &mut self.made.modules[parent].lines;
            *around = around.saturating_sub(lines);
            let module = Module::new(path, file.to_owned(), Some(parent));
            self.module(items.clone(), lines, module, &folder.join(&name))
        } else if let Some((found, folder)) = self.find(&item, file, folder) {
            self.file(found, path, Some(parent), folder)
        } else {
            let line = item.span().start().line;
            let place = format!("{}/{}:{line}", self.made.folder, file.display());
            return self.made.astray.push(format!("{place}: no file for `mod {name}`"));
        };
        let macro_use = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_use"));
        self.made.modules[id].macro_use = macro_use;
        self.made.modules[parent].children.insert(name, id);
    }

    /// The file of a declared module, and the folder of its children's.
    fn find(&self, item: &ItemMod, file: &Path, folder: &Path) -> Option<(PathBuf, PathBuf)> {
        let name = name_of(&item.ident);
        if let Some(path) = path_attribute(&item.attrs) {
            let found = normal(&file.parent().unwrap_or(Path::new("")).join(path));
            let below = found.parent().unwrap_or(Path::new("")).to_owned();
            return self.files.contains_key(&found).then_some((found, below));
        }
        let below = folder.join(&name);
        [folder.join(format!("{name}.rs")), below.join("mod.rs")]
            .into_iter()
            .find(|found| self.files.contains_key(found))
            .map(|found| (found, below))
    }
}

impl Module {
    fn new(path: Vec<String>, file: PathBuf, parent: Option<usize>) -> Self {
        let (children, macros) = (HashMap::new(), HashMap::new());
        let (defined, exported) = (HashSet::new(), HashSet::new());
        let (imports, items) = (Vec::new(), Vec::new());
        Self {
            path,
            file,
            lines: 0,
            parent,
            children,
            defined,
            imports,
            macros,
            exported,
            macro_use: false,
            items,
        }
    }

    fn take(&mut self, item: Item) {
        match &item {
            Item::Mod(_) => return,
            Item::Use(declaration) => self.imports.extend(imports_of(declaration)),
            Item::ExternCrate(declaration) => {
                let line = declaration.span().start().line;
                let name = declaration.rename.as_ref().map_or(&declaration.ident, |(_, name)| name);
                let segments = vec![name_of(&declaration.ident)];
                let path = Written { leading: true, segments, line };
                self.imports.push(Import { path, name: Some(name_of(name)), glob: false });
            }
            Item::Macro(defined) => {
                if let Some(name) = &defined.ident {
                    let name = name_of(name);
                    if defined.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                        self.exported.insert(name.clone());
                    }
                    self.macros.insert(name, defined.mac.tokens.clone());
                }
            }
            _ => self.defined.extend(defined_by(&item)),
        }
        self.items.push(item);
    }
}

/// The name that an item defines.
pub fn defined_by(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name_of(name))
}

/// A name without `r#`.
pub fn name_of(name: &syn::Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Modules that are declared in a module's own code, also within functions.
#[derive(Default)]
struct Declared(Vec<ItemMod>);

impl<'ast> Visit<'ast> for Declared {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.0.push(item.clone());
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !only_in_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }
}

fn module_of(item: &Item) -> Option<&ItemMod> {
    match item {
        Item::Mod(item) => Some(item),
        _ => None,
    }
}

fn lines_of(item: &Item) -> usize {
    let span = item.span();
    span.end().line + 1 - span.start().line
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// A path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part == std::path::Component::ParentDir {
            normal.pop();
        } else if part != std::path::Component::CurDir {
            normal.push(part);
        }
    }
    normal
}

/// The attributes of an item.
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
