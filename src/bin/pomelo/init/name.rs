//! The package name of a new game server.

use std::path::Path;

use super::InitError;

/// The name that was asked for, or one after the project's directory.
///
/// # Errors
/// If the one that was asked for can't be a package's name.
pub fn choose(asked: Option<&str>, path: &Path) -> Result<String, InitError> {
    match asked {
        Some(name) => check(name).map(|()| name.to_owned()),
        None => Ok(after_directory(path)),
    }
}

fn check(name: &str) -> Result<(), InitError> {
    let wrong = |problem| Err(InitError::Name { name: name.to_owned(), problem });
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return wrong("it begins with a letter");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return wrong("it has letters, digits, `-` and `_` only");
    }
    // A crate that is called like something in every crate's reach, or like a word of the language, doesn't compile.
    if TAKEN.contains(&name) {
        return wrong("the compiler means something else by it");
    }
    Ok(())
}

/// The directory's name as far as a package can have it, else `game-server`.
fn after_directory(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let words =
        folder.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match check(&name) {
        Ok(()) => name,
        Err(_) => "game-server".to_owned(),
    }
}

const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directorys_name_is_made_a_packages() {
        for (path, wanted) in [
            ("/srv/HelloWorld", "helloworld"),
            ("/srv/my game (2)", "my-game-2"),
            ("/srv/3d", "game-server"),
            ("/srv/游戏", "game-server"),
            ("/srv/match", "game-server"),
            ("/", "game-server"),
        ] {
            assert_eq!(choose(None, Path::new(path)).unwrap(), wanted, "{path}");
        }
    }

    #[test]
    fn a_name_that_cargo_would_not_take_is_refused() {
        for name in ["", "3d", "a b", "a/b", "fn", "crate", "游戏"] {
            assert!(choose(Some(name), Path::new("x")).is_err(), "{name}");
        }
        assert_eq!(choose(Some("My_game-2"), Path::new("x")).unwrap(), "My_game-2");
    }
}
