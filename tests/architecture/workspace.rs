//! The tests of this workspace: its sources keep the rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::aliases;
use crate::docs;
use crate::floors::{CRATES, FACADE, GUESTS, PLANS, SHOWN_BY_FACADE, SOURCES};
use crate::manifest::{BUILT_OF, TESTED_WITH, dependencies};
use crate::resolve::House;
use crate::rules::{below, findings};
use crate::source::{Crate, Files};

/// The folder of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn house() -> House {
    House {
        crates: SOURCES
            .iter()
            .map(|(name, folder, root)| Crate::read(name, folder, root, &files(name, folder)))
            .collect(),
    }
}

/// The sources of a crate: the facade's are not those of the tool, and the tool's not those of the project that it writes.
fn files(name: &str, folder: &str) -> Files {
    let folder = workspace().join(folder);
    let inner = if name == "tool" { folder.join("init/template") } else { folder.join("bin") };
    let files = rust_files(&folder).into_iter().filter(|file| !file.starts_with(&inner));
    files.map(|file| (file.strip_prefix(&folder).expect("it is within").to_owned(), read(&file))).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Fails with all findings, one below the other.
fn nothing_in(findings: &[String]) {
    assert!(findings.is_empty(), "\n\n{}\n\n{} findings\n", findings.join("\n\n"), findings.len());
}

#[test]
fn modules_use_only_floors_below_their_own() {
    nothing_in(&findings(&house(), CRATES, PLANS));
}

#[test]
fn the_table_for_readers_of_pomelo_core_is_the_one_that_is_checked() {
    let text = read(&workspace().join("pomelo-core/src/lib.rs"));
    let table = text.lines().skip_while(|line| *line != "//! | floor | modules |");
    let rows = table.filter_map(|line| line.strip_prefix("//! | ")).skip(1);
    let written: Vec<BTreeSet<String>> = rows.map(modules_in).collect();
    let plan = PLANS.iter().find(|plan| plan.krate == "pomelo_core").expect("it is planned");
    let planned: Vec<BTreeSet<String>> =
        plan.floors.iter().map(|floor| floor.iter().map(|name| (*name).to_owned()).collect()).collect();
    assert_eq!(written, planned);
}

/// The links of a table's row.
fn modules_in(row: &str) -> BTreeSet<String> {
    row.split("[`")
        .skip(1)
        .filter_map(|link| link.split_once("`]"))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn crates_depend_only_on_crates_below_them() {
    let mut findings = Vec::new();
    for (name, folder, _) in SOURCES.iter().filter(|(name, ..)| *name != "tool") {
        let manifest =
            workspace().join(folder).parent().expect("sources are in a package").join("Cargo.toml");
        let text = read(&manifest);
        let mut ours = dependencies(&text, TESTED_WITH);
        if SHOWN_BY_FACADE.contains(name) {
            ours.remove(FACADE);
        }
        ours.extend(dependencies(&text, BUILT_OF));
        let ours = ours.iter().map(|used| if used == FACADE { "pomelo" } else { used.as_str() });
        for used in ours.filter(|used| SOURCES.iter().any(|(name, ..)| name == used)) {
            if !below(CRATES, name, used) {
                findings
                    .push(format!("{}: {name} depends on {used}, which isn't below it", manifest.display()));
            }
        }
    }
    nothing_in(&findings);
}

#[test]
fn every_member_of_the_workspace_is_checked_or_a_guest() {
    let manifest: toml::Table = read(&workspace().join("Cargo.toml")).parse().expect("it is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("a list");
    for member in members.iter().filter_map(toml::Value::as_str) {
        let checked =
            SOURCES.iter().any(|(_, folder, _)| *folder == format!("{member}/src") || member == ".");
        let guest = GUESTS.iter().any(|guest| member.split('/').next() == Some(guest));
        assert!(checked || guest, "{member} is in no table of floors.rs");
    }
}

#[test]
fn headers_open_with_a_noun() {
    let root = workspace();
    let mut folders: Vec<PathBuf> = SOURCES.iter().map(|(_, folder, _)| root.join(folder)).collect();
    folders.extend(
        [
            "benches",
            "examples",
            "fuzz",
            "tests",
            "pomelo-json/tests",
            "pomelo-master/tests",
            "pomelo-net/tests",
        ]
        .map(|folder| root.join(folder)),
    );
    let files: BTreeSet<PathBuf> = folders.iter().flat_map(|folder| rust_files(folder)).collect();
    let files = files.into_iter().filter(|file| !is_data(file));
    let wrong = files.filter_map(|file| {
        Some(format!("{} {}", file.strip_prefix(&root).ok()?.display(), docs::header(&read(&file))?))
    });
    nothing_in(&wrong.collect::<Vec<_>>());
}

#[test]
fn files_that_the_picture_of_the_house_names_are_there() {
    let root = workspace();
    let mut roots: Vec<PathBuf> = SOURCES.iter().map(|(_, folder, _)| root.join(folder)).collect();
    roots.push(root.clone());
    let text = read(&root.join("ARCHITECTURE.md"));
    let is_there = |path: &str| {
        roots.iter().any(|root| ["", ".rs"].iter().any(|end| root.join(format!("{path}{end}")).exists()))
    };
    let named = docs::paths(&text);
    assert!(named.len() > 20, "these are all that it names: {named:?}");
    let gone: Vec<_> = named.iter().filter(|path| !is_there(path)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md names what isn't there any more: {gone:?}");
}

/// Sources that tests or the tool take as data.
fn is_data(file: &Path) -> bool {
    file.components().any(|part| {
        ["ui", "template", "before", "node_modules", "target"].iter().any(|data| part.as_os_str() == *data)
    })
}

#[test]
fn public_async_functions_say_what_happens_when_they_are_dropped() {
    let house = house();
    let mut findings = Vec::new();
    for place in house.places().filter(|place| house.crates[place.krate].name != "tool") {
        let (krate, module) = (&house.crates[place.krate], house.module(place));
        for (name, line) in docs::without_cancel_safety(module) {
            let file = module.file.display();
            findings.push(format!("{}/{file}:{line}: `{name}` has no `# Cancel safety`", krate.folder));
        }
    }
    nothing_in(&findings);
}

#[test]
fn names_of_pomelo_are_found_by_the_search_of_the_documentation() {
    let house = house();
    let missing = aliases::missing(aliases::POMELO, house.places().map(|place| house.module(place)));
    assert!(missing.is_empty(), "nothing is found for {missing:?}: give the counterpart a `#[doc(alias)]`");
}

#[test]
#[ignore = "prints what is there: `cargo test --test architecture -- --ignored --nocapture arrows`"]
fn arrows_of_every_crate() {
    for ((user, used), places) in crate::arrows::Arrows::of(&house()).uses {
        let name = |top: &Option<String>| top.clone().unwrap_or_else(|| "(root)".to_owned());
        println!(
            "{} {} -> {} {} ({})",
            user.krate,
            name(&user.module),
            used.krate,
            name(&used.module),
            places.len()
        );
    }
}
