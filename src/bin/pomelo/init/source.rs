//! The source from which a new project gets pomelo-rs.

use std::path::{Path, PathBuf, absolute};

use super::InitError;
use crate::cli::Init;

/// Where a new project gets pomelo-rs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A directory, absolute.
    Path(PathBuf),
    /// A git repository.
    Git(String),
    /// The registry.
    Version(String),
}

impl Source {
    /// What the command line says; else the checkout that this tool was built from; else its version.
    ///
    /// # Errors
    /// If the directory that was named is none of pomelo-rs.
    pub fn choose(init: &Init) -> Result<Self, InitError> {
        if let Some(path) = &init.pomelo_path {
            return match absolute(path) {
                Ok(path) if path.join("Cargo.toml").is_file() => Ok(Self::Path(path)),
                _ => Err(InitError::NoPomelo { path: path.clone() }),
            };
        }
        if let Some(url) = &init.pomelo_git {
            return Ok(Self::Git(url.clone()));
        }
        if let Some(version) = &init.pomelo_version {
            return Ok(Self::Version(version.clone()));
        }
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        Ok(if is_checkout(built_from) {
            Self::Path(built_from.to_owned())
        } else {
            Self::Version(env!("CARGO_PKG_VERSION").to_owned())
        })
    }

    /// The line in `[dependencies]`.
    pub fn dependency(&self) -> String {
        let (key, value) = match self {
            Self::Path(path) => ("path", path.display().to_string()),
            Self::Git(url) => ("git", url.clone()),
            Self::Version(version) => ("version", version.clone()),
        };
        // A JSON text is a TOML text too.
        format!("pomelo-rs = {{ {key} = {} }}", serde_json::Value::from(value))
    }
}

/// Whether that directory is there, and isn't cargo's copy of a published package, which cargo may delete.
fn is_checkout(directory: &Path) -> bool {
    directory.join("Cargo.toml").is_file() && !directory.join("Cargo.toml.orig").exists()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn awkward_paths_are_quoted() {
        let line = Source::Path(PathBuf::from(r#"/srv/"my" games\x"#)).dependency();
        let table: toml::Table = toml::from_str(&line).unwrap();
        assert_eq!(table["pomelo-rs"]["path"].as_str(), Some(r#"/srv/"my" games\x"#));
    }

    #[test]
    fn a_published_package_is_no_checkout() {
        let dir = TempDir::new().unwrap();
        assert!(!is_checkout(dir.path()));
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        assert!(is_checkout(dir.path()));
        std::fs::write(dir.path().join("Cargo.toml.orig"), "").unwrap();
        assert!(!is_checkout(dir.path()));
    }
}
