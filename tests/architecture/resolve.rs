//! Name resolution: where a path leads, through re-exports and globs to the definition.
//!
//! Visibility doesn't matter here, since the compiler has checked it. Where a name has several meanings (a module and a function),
//! all of them count.

use std::collections::HashSet;

use crate::imports::{Import, Written};
use crate::source::{Crate, Module};

/// A module of a crate of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which crate.
    pub krate: usize,
    /// Which of its modules; 0 is the root.
    pub module: usize,
}

/// What a path leads to, and the modules that it touched on its way.
#[derive(Debug, Clone)]
pub struct Found {
    /// A module, or the module in which what was found is defined.
    pub place: Place,
    /// Whether it is the module itself.
    pub is_module: bool,
    /// The modules that were asked for a name, in order; the last is `place`.
    pub through: Vec<Place>,
}

/// The crates that are looked at together.
pub struct House {
    /// In any order.
    pub crates: Vec<Crate>,
}

/// Names that the blocks around a path bring, the innermost last.
pub type Scopes = [Vec<Import>];

/// Imports that are being followed, so that a circle of them ends.
type Followed = HashSet<(Place, usize)>;

impl House {
    /// A module.
    pub fn module(&self, place: Place) -> &Module {
        &self.crates[place.krate].modules[place.module]
    }

    /// All modules.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.crates
            .iter()
            .enumerate()
            .flat_map(|(krate, one)| (0..one.modules.len()).map(move |module| Place { krate, module }))
    }

    /// Where a path leads that is written in a module, in the blocks that have these imports.
    pub fn resolve(&self, from: Place, scopes: &Scopes, path: &Written) -> Vec<Found> {
        let mut followed = Followed::new();
        for (depth, imports) in scopes.iter().enumerate().rev() {
            let within = &scopes[..depth];
            let named = imports.iter().filter(|import| import.name.as_ref() == path.segments.first());
            let found: Vec<Found> = named
                .flat_map(|import| self.resolve(from, within, &import.path))
                .flat_map(|found| self.walk(found, &path.segments[1..], &mut followed))
                .collect();
            if !found.is_empty() && !path.leading {
                return found;
            }
        }
        let mut found = self.follow(from, path, &mut followed);
        for import in scopes.iter().flatten().filter(|import| import.glob && !path.leading) {
            for module in self.resolve(from, &[], &import.path) {
                found.extend(self.walk(module, &path.segments, &mut followed));
            }
        }
        found
    }

    fn follow(&self, from: Place, path: &Written, followed: &mut Followed) -> Vec<Found> {
        let mut segments = path.segments.as_slice();
        let mut start = from;
        let Some((first, rest)) = segments.split_first() else { return Vec::new() };
        match first.as_str() {
            // `extern crate self as name`.
            "self" if path.leading => (start.module, segments) = (0, rest),
            _ if path.leading => return self.in_crate(first, rest, followed),
            "crate" | "$crate" => (start.module, segments) = (0, rest),
            "self" | "super" => {
                while let Some((first, rest)) = segments.split_first() {
                    match first.as_str() {
                        "self" => {}
                        "super" => start.module = self.module(start).parent.unwrap_or(0),
                        _ => break,
                    }
                    segments = rest;
                }
            }
            _ => {
                let found = self.lookup(start, first, followed);
                if found.is_empty() {
                    return self.in_crate(first, rest, followed);
                }
                return found.into_iter().flat_map(|found| self.walk(found, rest, followed)).collect();
            }
        }
        let found = Found { place: start, is_module: true, through: vec![start] };
        self.walk(found, segments, followed)
    }

    fn in_crate(&self, name: &str, rest: &[String], followed: &mut Followed) -> Vec<Found> {
        let Some(krate) = self.crates.iter().position(|one| one.name == name) else { return Vec::new() };
        let root = Place { krate, module: 0 };
        self.walk(Found { place: root, is_module: true, through: vec![root] }, rest, followed)
    }

    /// Goes on from what was found, along what remains of the path.
    fn walk(&self, found: Found, rest: &[String], followed: &mut Followed) -> Vec<Found> {
        let Some((first, rest)) = rest.split_first().filter(|_| found.is_module) else { return vec![found] };
        let next = self.lookup(found.place, first, followed);
        if next.is_empty() {
            // A name that a macro made: it is the module's all the same.
            return vec![Found { is_module: false, ..found }];
        }
        next.into_iter()
            .flat_map(|next| {
                let through = found.through.iter().chain(&next.through).copied().collect();
                self.walk(Found { through, ..next }, rest, followed)
            })
            .collect()
    }

    /// The meanings that a name has in a module.
    fn lookup(&self, place: Place, name: &str, followed: &mut Followed) -> Vec<Found> {
        let module = self.module(place);
        let mut found = Vec::new();
        if let Some(&child) = module.children.get(name) {
            let child = Place { module: child, ..place };
            found.push(Found { place: child, is_module: true, through: vec![child] });
        }
        // The root of a crate of macros has functions that are named like the modules behind them.
        let shadowed = place.module == 0 && !found.is_empty();
        if module.defined.contains(name) && !shadowed || module.macros.contains_key(name) {
            found.push(Found { place, is_module: false, through: vec![place] });
        }
        for owner in self.exporters(place, name) {
            found.push(Found { place: owner, is_module: false, through: vec![owner] });
        }
        let named = |import: &Import| import.name.as_deref() == Some(name);
        found.extend(self.imported(place, named, &[], followed));
        if found.is_empty() {
            let globs = |import: &Import| import.glob;
            found.extend(self.imported(place, globs, &[name.to_owned()], followed));
        }
        found
    }

    /// What a module's imports lead to, and from there a path.
    fn imported(
        &self,
        place: Place,
        wanted: impl Fn(&Import) -> bool,
        rest: &[String],
        followed: &mut Followed,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        for (index, import) in self.module(place).imports.iter().enumerate().filter(|(_, it)| wanted(it)) {
            if !followed.insert((place, index)) {
                continue;
            }
            for target in self.follow(place, &import.path, followed) {
                let asked = rest.is_empty() || target.is_module;
                let known =
                    rest.first().is_none_or(|name| !self.lookup(target.place, name, followed).is_empty());
                if asked && known {
                    let mut all = self.walk(target, rest, followed);
                    all.iter_mut().for_each(|found| found.through.insert(0, place));
                    found.append(&mut all);
                }
            }
            followed.remove(&(place, index));
        }
        found
    }

    /// Modules whose exported macro has a name, if it is the root that is asked.
    fn exporters(&self, place: Place, name: &str) -> Vec<Place> {
        let modules = &self.crates[place.krate].modules;
        let all = (0..modules.len()).map(|module| Place { module, ..place });
        all.filter(|owner| place.module == 0 && self.module(*owner).exported.contains(name)).collect()
    }

    /// Modules whose `macro_rules!` an invocation by its bare name may mean: of the module or those around it, else
    /// those that `#[macro_use]` hands on.
    pub fn macros_named(&self, from: Place, name: &str) -> Vec<Place> {
        let mut at = Some(from);
        while let Some(place) = at {
            if self.module(place).macros.contains_key(name) {
                return vec![place];
            }
            at = self.module(place).parent.map(|module| Place { module, ..place });
        }
        let modules = 0..self.crates[from.krate].modules.len();
        let all = modules.map(|module| Place { module, ..from });
        all.filter(|place| self.module(*place).macros.contains_key(name) && self.hands_on(*place)).collect()
    }

    fn hands_on(&self, place: Place) -> bool {
        let module = self.module(place);
        module.macro_use
            && module.parent.is_none_or(|module| module == 0 || self.hands_on(Place { module, ..place }))
    }
}
