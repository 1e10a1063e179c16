//! Compile tests: what compiles without a warning, and what a user's mistakes look like.
//!
//! The snapshots belong to the pinned toolchain; `TRYBUILD=overwrite cargo test --test ui` writes them.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    for name in ["cron", "filter", "handler", "remote", "servers"] {
        cases.pass(format!("tests/ui/{name}/pass/*.rs"));
        cases.compile_fail(format!("tests/ui/{name}/fail/*.rs"));
    }
    // What compiles is in tests/errors.rs, where it is run, too.
    cases.compile_fail("tests/ui/error_code/fail/*.rs");
}
