//! Rewrites a source with the names of before by `docs/renames.txt`, as its sed does.

use std::path::Path;
use std::{env, fs};

fn main() {
    let [renames, before] = ["../../docs/renames.txt", "before/renamed.rs"];
    let mut text = fs::read_to_string(before).expect("a source with the old names");
    for line in fs::read_to_string(renames).expect("the names").lines() {
        let (old, new) = line.split_once(' ').expect("two names on each line");
        text = text.replace(old, new);
    }
    let out = env::var_os("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&out).join("renamed.rs"), text).expect("it can be written");
    for path in [renames, before] {
        println!("cargo:rerun-if-changed={path}");
    }
}
