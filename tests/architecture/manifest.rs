//! Manifests: which of our crates each crate depends on, tests and build scripts included.

use std::collections::BTreeSet;

use toml::{Table, Value};

/// Tables of what a crate is built of.
pub const BUILT_OF: &[&str] = &["dependencies", "build-dependencies"];
/// Tables of what only its tests and the examples in its documentation take.
pub const TESTED_WITH: &[&str] = &["dev-dependencies"];

/// The names, as in code, of all dependencies that a manifest lists in tables of these kinds.
pub fn dependencies(manifest: &str, kinds: &[&str]) -> BTreeSet<String> {
    let manifest: Table = manifest.parse().unwrap_or_else(|error| panic!("a manifest is no TOML: {error}"));
    let mut found = BTreeSet::new();
    of_tables(&manifest, kinds, &mut found);
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    for target in targets.filter_map(Value::as_table) {
        of_tables(target, kinds, &mut found);
    }
    found
}

fn of_tables(parent: &Table, kinds: &[&str], found: &mut BTreeSet<String>) {
    for kind in kinds {
        let entries = parent.get(*kind).and_then(Value::as_table).into_iter().flatten();
        for (name, entry) in entries {
            let package = entry.get("package").and_then(Value::as_str);
            found.insert(package.unwrap_or(name).replace('-', "_"));
        }
    }
}
