//! Arrows: which module uses which, with every place in the code where it does.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::Written;
use crate::mentions::{Form, Mention, mentions_in, mentions_of};
use crate::resolve::{House, Place};

/// A top-level module of a crate; without a name, the crate's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Top {
    /// The crate's name.
    pub krate: String,
    /// The module's.
    pub module: Option<String>,
}

/// Where one module uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The file, from the workspace's folder.
    pub file: String,
    /// The line in it.
    pub line: usize,
    /// The path as it is written there.
    pub path: String,
    /// Where the definition is, if the path as written doesn't say it.
    pub defined: String,
}

/// All that was found in a house.
#[derive(Default)]
pub struct Arrows {
    /// Who uses whom, and where.
    pub uses: BTreeMap<(Top, Top), BTreeSet<Use>>,
    /// Inherent `impl`s of a type that another top-level module defines.
    pub strangers: BTreeMap<(Top, Top), BTreeSet<Use>>,
    /// Paths of which only an expansion knows the end.
    pub open: BTreeSet<Use>,
    /// Files that `include!` hides.
    pub included: BTreeSet<Use>,
}

impl Arrows {
    /// Reads the arrows of all crates.
    pub fn of(house: &House) -> Self {
        let mut arrows = Self::default();
        for from in house.places() {
            for mention in mentions_of(house.module(from)) {
                arrows.mention(house, from, &mention, true);
            }
        }
        arrows
    }

    fn mention(&mut self, house: &House, from: Place, mention: &Mention, expand: bool) {
        let Mention { path, form, scopes } = mention;
        match form {
            Form::Macro if expand => self.invocation(house, from, mention),
            // `use` has said it.
            Form::Code | Form::Tokens if path.segments.len() == 1 && is_imported(house, from, mention) => {
                return;
            }
            _ => {}
        }
        for found in house.resolve(from, scopes, path) {
            if found.is_module && path.segments.len() == 1 && *form != Form::Use && *form != Form::Open {
                // A variable that has a module's name.
                continue;
            }
            if found.is_module && *form == Form::Open {
                self.open.insert(place_of(house, from, path, found.place));
            }
            if *form == Form::Inherent {
                self.stranger(house, from, path, found.place);
            }
            for through in found.through {
                self.add(house, from, path, through, found.place);
            }
        }
    }

    /// What a `macro_rules!` writes is written where it is invoked.
    fn invocation(&mut self, house: &House, from: Place, mention: &Mention) {
        let Some(name) = mention.path.segments.last() else { return };
        if name == "include" {
            self.included.insert(place_of(house, from, &mention.path, from));
        }
        let mut owners: BTreeSet<Place> =
            house.resolve(from, &mention.scopes, &mention.path).iter().map(|found| found.place).collect();
        if mention.path.segments.len() == 1 {
            owners.extend(house.macros_named(from, name));
        }
        for owner in owners.into_iter().filter(|owner| owner.krate == from.krate) {
            let Some(tokens) = house.module(owner).macros.get(name) else { continue };
            self.add(house, from, &mention.path, owner, owner);
            for mut written in mentions_in(tokens).into_iter().filter(|mention| mention.form != Form::Open) {
                written.path.line = mention.path.line;
                self.mention(house, from, &written, false);
            }
        }
    }

    fn add(&mut self, house: &House, from: Place, path: &Written, to: Place, defined: Place) {
        if to.krate == from.krate && to.module == 0 && to != defined {
            // `crate::` alone uses nothing of the root.
            return;
        }
        let (user, used) = (top(house, from), top(house, to));
        if user != used {
            self.uses.entry((user, used)).or_default().insert(place_of(house, from, path, defined));
        }
    }

    fn stranger(&mut self, house: &House, from: Place, path: &Written, defined: Place) {
        let (user, owner) = (top(house, from), top(house, defined));
        if user != owner {
            self.strangers.entry((user, owner)).or_default().insert(place_of(house, from, path, defined));
        }
    }
}

/// Whether a bare name is one that a `use` of the module or of a block brings by name.
fn is_imported(house: &House, from: Place, mention: &Mention) -> bool {
    let name = mention.path.segments.first();
    let imports = mention.scopes.iter().flatten().chain(&house.module(from).imports);
    !mention.path.leading && imports.into_iter().any(|import| import.name.as_ref() == name)
}

fn top(house: &House, place: Place) -> Top {
    let krate = &house.crates[place.krate];
    Top { krate: krate.name.clone(), module: krate.top(place.module).map(str::to_owned) }
}

fn place_of(house: &House, from: Place, path: &Written, defined: Place) -> Use {
    let owner = &house.crates[defined.krate];
    let module = owner.modules[defined.module].path.iter().map(String::as_str);
    Use {
        file: format!("{}/{}", house.crates[from.krate].folder, house.module(from).file.display()),
        line: path.line,
        path: path.text(),
        defined: [owner.name.as_str()].into_iter().chain(module).collect::<Vec<_>>().join("::"),
    }
}
