//! Fixtures: small crates that break one rule each, and others that look as if they did.
//!
//! Every crate has the modules `low` and `beside` on one floor, and `high` above, with `Thing`, `make`, `Trait` and a macro `thing!` in it.

use std::path::PathBuf;

use crate::aliases;
use crate::docs;
use crate::manifest::{BUILT_OF, TESTED_WITH, dependencies};
use crate::resolve::House;
use crate::rules::{Plan, below, findings};
use crate::source::{Crate, Files};

const ROOT: &str = "pub mod beside; pub mod high; pub mod low;";
const HIGH: &str = "
    pub struct Thing;
    pub enum Kind { One }
    pub trait Trait { fn act(); }
    pub fn make() {}
    pub mod derives { pub use std::clone::Clone as Derived; }
    pub mod text { pub fn serialize() {} }
    #[macro_export] macro_rules! thing { () => { () } }
";
const PLAN: Plan<'static> = Plan { krate: "small", floors: &[&["high"], &["low", "beside"]], weighed: false };

fn house(files: &[(&str, &str)]) -> House {
    let mut all = Files::new();
    for (file, text) in
        [("lib.rs", ROOT), ("high.rs", HIGH), ("low.rs", ""), ("beside.rs", "")].iter().chain(files)
    {
        all.insert(PathBuf::from(file), (*text).to_owned());
    }
    House { crates: vec![Crate::read("small", "small/src", "lib.rs", &all)] }
}

/// What is said of a crate in which some files are replaced or added.
fn said_of(files: &[(&str, &str)]) -> Vec<String> {
    findings(&house(files), &[&["small"]], &[PLAN])
}

/// What is said of a crate with this code in its lower module.
fn said(low: &str) -> Vec<String> {
    said_of(&[("low.rs", low)])
}

#[track_caller]
fn points_up(low: &str) {
    let said = said(low);
    let upward = |text: &String| {
        text.contains("`low` uses `high`, which is above it") && text.contains("small/src/low.rs:")
    };
    assert!(said.iter().any(upward), "{low}: {said:#?}");
}

#[track_caller]
fn points_nowhere(low: &str) {
    let said = said(low);
    assert!(said.is_empty(), "{low}: {said:#?}");
}

#[test]
fn an_empty_crate_is_in_order() {
    points_nowhere("");
}

#[test]
fn notices_use_in_all_its_forms() {
    points_up("use crate::high::Thing;");
    points_up("use crate::high;");
    points_up("use crate::high as other;");
    points_up("use crate::high::Thing as _;");
    points_up("use crate::{beside, high::{self, Thing}};");
    points_up("use super::{high};");
    points_up("pub use crate::high::*;");
    points_up("use crate::high::Kind::*;");
    points_up("fn f() { use crate::high::make; make() }");
    points_up("fn f() { { use super::high as up; up::make() } }");
    points_up("use crate as house; fn f() { house::high::make() }");
    points_up("extern crate self as own; use own::high::Thing;");
    points_up("use ::small::high::Thing;");
}

#[test]
fn notices_full_paths_in_code() {
    points_up("fn f() { crate::high::make() }");
    points_up("struct S { t: Vec<crate::high::Thing> }");
    points_up("fn f(k: u8) { match k { crate::high::Kind::One => {} } }");
    points_up("fn f<T: crate::high::Trait>() {}");
    points_up("fn f<T>() where T: Into<crate::high::Thing> {}");
    points_up("fn f(t: &dyn crate::high::Trait) {}");
    points_up("fn f() -> impl crate::high::Trait { todo!() }");
    points_up("fn f<T>() { <T as crate::high::Trait>::act() }");
    points_up("fn f() { <crate::high::Thing>::new() }");
    points_up("fn f() { Vec::<crate::high::Thing>::new(); }");
    points_up("type T = <crate::high::Thing as Iterator>::Item;");
    points_up("impl crate::high::Trait for u8 { fn act() {} }");
    points_up("const C: fn() = crate::high::make;");
    points_up("static S: [u8; crate::high::N] = [];");
    points_up("trait T { type X: crate::high::Trait; fn f() { crate::high::make() } }");
    points_up("enum E { A { x: crate::high::Thing } }");
    points_up("async fn f() { async { crate::high::make() }.await }");
    points_up("fn f() { let g = || crate::high::make(); }");
}

#[test]
fn notices_chains_of_super_and_self() {
    points_up("mod a { mod b { fn f() { super::super::super::high::make() } } }");
    points_up("fn f() { self::super::high::make() }");
    points_up("mod a { use super::super::high as up; mod b { fn f() { super::up::make() } } }");
    points_up("fn f() { mod inner { pub fn g() { crate::high::make() } } inner::g() }");
}

#[test]
fn notices_what_a_reexport_hides() {
    let through = |beside: &str, low: &str| said_of(&[("beside.rs", beside), ("low.rs", low)]).join("\n");
    for (beside, low) in [
        ("pub use crate::high::Thing;", "use crate::beside::Thing;"),
        ("pub use crate::high as up;", "fn f() { crate::beside::up::make() }"),
        ("pub use crate::high::*;", "use crate::beside::Thing;"),
        (
            "pub use self::a::Thing; mod a { pub use super::b::*; } mod b { pub use crate::high::Thing; }",
            "use super::beside::Thing;",
        ),
    ] {
        let said = through(beside, low);
        assert!(
            said.contains("`low` uses `high`") && said.contains("defined in small::high"),
            "{beside}: {said}"
        );
    }
    let root = "pub mod beside; pub mod high; pub mod low; pub use high::Thing; pub use high::make as other;";
    for low in ["use crate::Thing;", "fn f() { crate::other() }", "fn f() { super::Thing; }"] {
        let said = said_of(&[("lib.rs", root), ("low.rs", low)]).join("\n");
        assert!(said.contains("`low` uses `high`"), "{low}: {said}");
    }
    let hidden = "pub mod beside; pub mod high; pub mod low; #[doc(hidden)] pub mod __private { pub use crate::high::Thing; }";
    let said = said_of(&[("lib.rs", hidden), ("low.rs", "use crate::__private::Thing;")]).join("\n");
    assert!(said.contains("`low` uses `high`") && said.contains("`__private` is on no floor"), "{said}");
}

#[test]
fn a_glob_of_the_root_is_an_arrow_to_all_of_it() {
    assert!(said("use crate::*;").join("\n").contains("uses what the crate's root defines or all its names"));
    points_up("use crate::*; fn f() { high::make() }");
    points_up("use super::*; type T = high::Thing;");
}

#[test]
fn notices_paths_in_the_tokens_of_macros() {
    points_up("fn f() { vec![crate::high::make()]; }");
    points_up("fn f() { tokio::select! { _ = g() => { if true { super::high::make() } } } }");
    points_up("foo! { use crate::{beside, high::Thing}; }");
    points_up("foo! { use crate::high::*; }");
    points_up("foo! { struct S(<u8 as crate::high::Trait>::X); }");
    points_up("fn f(k: u8) { assert!(matches!(k, crate::high::Kind::One)) }");
    points_up("fn f() { use crate::high::Thing as T; vec![T]; }");
    points_up("thread_local! { static X: crate::high::Thing = const { crate::high::Thing }; }");
}

#[test]
fn notices_paths_that_macro_rules_write() {
    points_up("macro_rules! m { () => { $crate::high::make() } }");
    points_up("macro_rules! m { () => { crate::high::make() } }");
    points_up("macro_rules! m { ($t:ty) => { impl $crate::high::Trait for $t {} } }");
    points_up("fn f() { macro_rules! m { () => { super::high::make() } } m!() }");
    points_up("macro_rules! m { ($p:path) => { $p() } } fn f() { m!(crate::high::make) }");
    let root = "pub mod high; #[macro_use] pub mod beside; pub mod low;";
    let said = said_of(&[
        ("lib.rs", root),
        ("beside.rs", "macro_rules! up { () => { super::super::high::make() } }"),
        ("low.rs", "mod inner { fn f() { up!() } }"),
    ]);
    let said = said.join("\n");
    assert!(said.contains("`low` uses `high`") && said.contains("`low` uses `beside`, a sibling"), "{said}");
}

#[test]
fn notices_a_macro_of_a_floor_above() {
    points_up("fn f() { crate::thing!() }");
    points_up("use crate::thing; fn f() { thing!() }");
    points_up("fn f() { vec![crate::thing!()]; }");
    let root = "#[macro_use] pub mod high; pub mod beside; pub mod low;";
    let said = said_of(&[("lib.rs", root), ("low.rs", "fn f() { thing!() }")]).join("\n");
    assert!(said.contains("`low` uses `high`"), "{said}");
}

#[test]
fn a_part_that_only_an_expansion_knows_is_an_error() {
    for low in [
        "macro_rules! m { ($m:ident) => { $crate::$m::make() } }",
        "macro_rules! m { ($m:ident) => { super::$m::make() } }",
        "macro_rules! m { ($m:ident) => { use crate::{$m}; } }",
        "macro_rules! m { ($m:ident) => { use crate::beside::$m; } }",
    ] {
        assert!(said(low).join("\n").contains("hides in a macro"), "{low}: {:?}", said(low));
    }
    points_nowhere("macro_rules! m { ($t:ident) => { $t::new(); Self::$t() } }");
}

#[test]
fn notices_paths_in_attributes() {
    points_up("#[derive(crate::high::derives::Derived)] struct S;");
    points_up("#[crate::high::attribute] fn f() {}");
    points_up("struct S { #[serde(with = \"crate::high::text\")] x: u8 }");
    points_up("#[serde(crate = \"crate::high\", from = \"super::high::Thing\")] struct S;");
    points_up("#[error(transparent)] struct S(#[from] crate::high::Thing);");
    points_up("struct S { #[serde(serialize_with = \"crate::high::text::serialize\")] x: u8 }");
}

#[test]
fn code_that_a_build_has_beside_tests_counts() {
    points_up("#[cfg(any(test, feature = \"x\"))] use crate::high::Thing;");
    points_up("#[cfg(not(test))] use crate::high::Thing;");
    points_up("#[cfg(feature = \"x\")] mod a { use crate::high::Thing; }");
    points_up("#[cfg_attr(test, derive(Debug))] struct S(crate::high::Thing);");
}

#[test]
fn code_for_tests_alone_makes_no_arrows() {
    points_nowhere("#[cfg(test)] mod tests { use crate::high::Thing; }");
    points_nowhere("#[cfg(all(test, unix))] use crate::high::Thing;");
    points_nowhere("#[test] fn f() { crate::high::make() }");
    points_nowhere("#[tokio::test] async fn f() { crate::high::make() }");
    points_nowhere("struct S; impl S { #[cfg(test)] fn f() { crate::high::make() } }");
    for file in ["low/tests.rs", "low/tests/mod.rs"] {
        let tests = [(file, "use crate::high::Thing; mod more;"), ("low/tests/more.rs", "use crate::high;")];
        let said = said_of(&[("low.rs", "#[cfg(test)] mod tests;"), tests[0], tests[1]]);
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn links_visibility_and_variables_make_no_arrows() {
    points_nowhere("/// See [`crate::high::Thing`] and [Trait](super::high::Trait).\nfn f() {}");
    points_nowhere("//! [`Thing`]\n//!\n//! [`Thing`]: crate::high::Thing\n");
    points_nowhere("foo! { /// [`crate::high::Thing`]\n fn f() {} }");
    points_nowhere("mod a { pub(in crate::low) fn f() {} pub(super) fn g() {} pub(crate) fn h() {} }");
    points_nowhere("fn f(high: u8) -> u8 { println!(\"{}\", high); high + 1 }");
    points_nowhere("fn f() { let text = \"crate::high::Thing\"; g(text) }");
    points_nowhere("fn f(x: S) { x.high.make(); vec![x.high]; }");
    points_nowhere("mod high { pub fn make() {} } fn f() { high::make() }");
}

#[test]
fn downward_and_inward_arrows_are_in_order() {
    let high = format!("{HIGH} use crate::low::Low; use super::beside; mod inner {{ use super::Thing; }}");
    let said = said_of(&[
        ("high.rs", &high),
        ("low.rs", "pub struct Low; mod a { use super::Low; use crate::low; }"),
    ]);
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn notices_arrows_between_siblings() {
    let said = said("use crate::beside;").join("\n");
    assert!(said.contains("`low` uses `beside`, a sibling on its floor"), "{said}");
}

#[test]
fn notices_circles() {
    let said = said_of(&[("high.rs", "use crate::low;"), ("low.rs", "use crate::high;")]).join("\n");
    assert!(said.contains("in a circle: {\"high\", \"low\"}"), "{said}");
    assert!(said.contains("low -> high: small/src/low.rs:1  crate::high"), "{said}");
}

#[test]
fn notices_modules_on_no_floor_and_files_in_no_module() {
    let root = format!("{ROOT} mod attic;");
    assert!(said_of(&[("lib.rs", &root), ("attic.rs", "")]).join("\n").contains("`attic` is on no floor"));
    assert!(said_of(&[("attic.rs", "")]).join("\n").contains("attic.rs: no `mod` leads to this file"));
    assert!(said_of(&[("lib.rs", &root)]).join("\n").contains("no file for `mod attic`"));
    assert!(said_of(&[("lib.rs", "mod high; mod low;")]).join("\n").contains("`beside` is planned"));
}

#[test]
fn follows_paths_to_the_files_of_modules() {
    let moved =
        |low: &str, file: &str| said_of(&[("low.rs", low), (file, "use crate::high::Thing;")]).join("\n");
    assert!(moved("#[path = \"odd/name.rs\"] mod a;", "odd/name.rs").contains("small/src/odd/name.rs:1"));
    assert!(moved("mod a { mod b; }", "low/a/b.rs").contains("small/src/low/a/b.rs:1"));
    assert!(moved("mod a;", "low/a/mod.rs").contains("small/src/low/a/mod.rs:1"));
    assert!(moved("mod r#match;", "low/match.rs").contains("small/src/low/match.rs:1"));
}

#[test]
fn notices_methods_that_another_floor_gives_a_type() {
    let high = format!("{HIGH} impl crate::low::Low {{ pub fn up(&self) {{}} }}");
    let said = said_of(&[("high.rs", &high), ("low.rs", "pub struct Low;")]).join("\n");
    assert!(said.contains("`high` has an inherent `impl` of a type of `low`"), "{said}");
    points_nowhere("pub struct Low; mod a { impl super::Low {} impl Clone for super::Low {} }");
}

#[test]
fn notices_code_that_is_included() {
    assert!(said("include!(\"other.in\");").join("\n").contains("`include!` hides code"));
}

#[test]
fn notices_a_floor_with_over_a_quarter_of_the_lines() {
    let plan = Plan { weighed: true, ..PLAN };
    let house = house(&[("low.rs", &"// A line.\n".repeat(40))]);
    let said = findings(&house, &[&["small"]], &[plan]).join("\n");
    assert!(said.contains("the floor [\"low\", \"beside\"] has 40 of"), "{said}");
}

#[test]
fn lines_of_tests_weigh_nothing() {
    let tests = format!("\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// A line.\n".repeat(40));
    assert!(house(&[("low.rs", &tests)]).crates[0].lines("low") < 3);
}

#[test]
fn notices_crates_that_use_what_is_above_them() {
    let one = |name: &str, text: &str| {
        Crate::read(name, name, "lib.rs", &Files::from([(PathBuf::from("lib.rs"), text.to_owned())]))
    };
    let plan = |krate| Plan { krate, floors: &[], weighed: false };
    let house = House { crates: vec![one("upper", "pub fn f() {}"), one("lower", "fn f() { upper::f() }")] };
    let said = findings(&house, &[&["upper"], &["lower"]], &[plan("upper"), plan("lower")]).join("\n");
    assert!(said.contains("the crate lower uses upper, which isn't below it"), "{said}");
}

#[test]
fn reads_all_dependencies_of_a_manifest() {
    let manifest = "
        [dependencies]
        pomelo-core.workspace = true
        other = { package = \"pomelo-net\", path = \"..\" }
        [target.'cfg(unix)'.dependencies]
        rustix = \"1\"
        [dev-dependencies]
        proptest = \"1\"
        [target.x.build-dependencies]
        cc = \"1\"
    ";
    let found = dependencies(manifest, &[BUILT_OF, TESTED_WITH].concat());
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["cc", "pomelo_core", "pomelo_net", "proptest", "rustix"]
    );
    assert_eq!(dependencies(manifest, TESTED_WITH).into_iter().collect::<Vec<_>>(), ["proptest"]);
    let floors: &[&[&str]] = &[&["pomelo_net"], &["pomelo_core", "pomelo_json"]];
    assert!(below(floors, "pomelo_net", "pomelo_core"));
    assert!(!below(floors, "pomelo_core", "pomelo_net"));
    assert!(!below(floors, "pomelo_core", "pomelo_json"));
}

#[test]
fn headers_that_ask_or_are_missing_are_noticed() {
    for (text, wrong) in [
        ("//! Latency histograms.\n", false),
        ("//! Whatever is left.\n", false),
        ("//! What became of it.\n", true),
        ("//! Who's there.\n", true),
        ("//! How: so.\n", true),
        ("use std::mem;\n", true),
    ] {
        assert_eq!(docs::header(text).is_some(), wrong, "{text}");
    }
}

#[test]
fn async_functions_without_cancel_safety_are_noticed() {
    let silent = |low: &str| {
        let house = house(&[("low.rs", low)]);
        let modules = &house.crates[0].modules;
        modules.iter().flat_map(docs::without_cancel_safety).map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(silent("pub async fn f() {}"), ["f"]);
    assert_eq!(silent("/// F.\n///\n/// # Cancel safety\n/// Yes.\npub async fn f() {}"), [""; 0]);
    assert_eq!(
        silent(
            "pub struct S; impl S { pub async fn g(&self) {} async fn own() {} pub(crate) async fn h() {} }"
        ),
        ["g"]
    );
    assert_eq!(silent("pub trait T { fn h(&self) -> BoxFuture<'_, ()>; fn i(); }"), ["h"]);
    assert_eq!(silent("pub fn f() -> impl Future<Output = ()> + Send { async {} }"), ["f"]);
    assert_eq!(silent("async fn f() {} fn g() {}"), [""; 0]);
}

#[test]
fn paths_are_what_is_in_backticks_and_has_a_slash() {
    let text = "`a/b` and `c`, not a/b/c; `d/*`\nis `e/f.rs` of `g::h`";
    assert_eq!(docs::paths(text), ["a/b", "e/f.rs"]);
}

#[test]
fn a_name_that_is_neither_an_items_nor_an_alias_is_noticed() {
    let missing = |low: &str| {
        let house = house(&[("low.rs", low)]);
        aliases::missing(&["pushAll", "kick"], &house.crates[0].modules).join(" ")
    };
    assert_eq!(missing("pub fn push_all() {}"), "kick");
    assert_eq!(missing("#[doc(alias = \"pushAll\")] pub struct S; impl S { pub fn kick() {} }"), "");
    assert_eq!(missing("pub enum E { #[doc(alias = \"kick\")] K } pub struct S { pub push_all: u8 }"), "");
    assert_eq!(missing("fn push_all() {} #[doc(hidden)] pub(crate) fn kick() {}"), "pushAll kick");
    assert_eq!(missing("/// pushAll, kick\npub trait T { fn kicks(); }"), "pushAll kick");
}
