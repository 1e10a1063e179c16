//! The location of an application's binary.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{env, fs};

use serde::Deserialize;

use crate::failure::Failure;

/// What `pomelo start` runs, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Application {
    /// The directory it runs in; its configuration is below.
    pub directory: PathBuf,
    /// The program, absolute.
    pub binary: PathBuf,
}

impl Application {
    /// The application in a directory: `given`, or the newest that cargo has built of the package there, or a program
    /// in the directory or its `bin` that is named like the package or the directory.
    ///
    /// In the directory of a whole project it is the application in `game-server`.
    ///
    /// # Errors
    /// If there is none: says where it looked.
    pub fn find(directory: &Path, given: Option<&Path>) -> Result<Self, Failure> {
        let directory = fs::canonicalize(directory).map_err(|error| Failure::NoBinary {
            directory: directory.to_owned(),
            looked: vec![],
            problem: Some(error.to_string()),
        })?;
        if let Some(given) = given {
            let binary =
                fs::canonicalize(given).map_err(|error| Failure::Run { binary: given.to_owned(), error })?;
            return Ok(Self { directory, binary });
        }
        let inner = directory.join("game-server");
        let directory =
            if !directory.join("Cargo.toml").exists() && inner.is_dir() { inner } else { directory };
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        find_built(directory, target.as_deref())
    }
}

fn find_built(directory: PathBuf, target: Option<&Path>) -> Result<Application, Failure> {
    let (names, problem) = match names_in_manifest(&directory) {
        Ok(names) => (names, None),
        Err(problem) => (vec![], Some(problem)),
    };
    let built = names.iter().flat_map(|name| built_by_cargo(&directory, target, name));
    let built: Vec<PathBuf> = built.collect();
    let newest = built.iter().filter(|path| path.is_file()).max_by_key(|path| modified(path));
    if let Some(binary) = newest {
        return Ok(Application { binary: binary.clone(), directory });
    }
    let folder = directory.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let mut deployed = Vec::new();
    for name in names.iter().chain(&folder) {
        let file = format!("{name}{EXE_SUFFIX}");
        deployed.extend([directory.join(&file), directory.join("bin").join(&file)]);
    }
    if let Some(binary) = deployed.iter().find(|path| path.is_file()) {
        return Ok(Application { binary: binary.clone(), directory });
    }
    Err(Failure::NoBinary { directory, looked: built.into_iter().chain(deployed).collect(), problem })
}

/// Where cargo leaves a program: in the target directory of the package or, if it is a member, of its workspace.
fn built_by_cargo(directory: &Path, target: Option<&Path>, name: &str) -> Vec<PathBuf> {
    let targets = match target {
        Some(target) => vec![directory.join(target)],
        None => directory
            .ancestors()
            .filter(|above| above.join("Cargo.toml").exists())
            .map(|above| above.join("target"))
            .collect(),
    };
    let files = targets.iter().flat_map(|target| ["release", "debug"].map(|profile| target.join(profile)));
    files.map(|folder| folder.join(format!("{name}{EXE_SUFFIX}"))).collect()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
    #[serde(default)]
    bin: Vec<Binary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    default_run: Option<String>,
}

#[derive(Deserialize)]
struct Binary {
    name: Option<String>,
}

/// What the program is called, the likeliest first; nothing if there is no Cargo.toml, as in production.
fn names_in_manifest(directory: &Path) -> Result<Vec<String>, String> {
    let Ok(text) = fs::read_to_string(directory.join("Cargo.toml")) else { return Ok(vec![]) };
    let manifest: Manifest = toml::from_str(&text).map_err(|error| format!("Cargo.toml: {error}"))?;
    let Some(package) = manifest.package else {
        return Err("Cargo.toml has no package; -d names the directory of the server's package".into());
    };
    if let Some(name) = package.default_run {
        return Ok(vec![name]);
    }
    let binaries = manifest.bin.into_iter().filter_map(|binary| binary.name);
    let mut names: Vec<String> = std::iter::once(package.name).chain(binaries).collect();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    fn file(directory: &Path, path: &str, text: &str) -> PathBuf {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn exe(directory: &Path, path: &str) -> PathBuf {
        file(directory, &format!("{path}{EXE_SUFFIX}"), "")
    }

    fn find(directory: &Path) -> Result<Application, Failure> {
        find_built(directory.to_owned(), None)
    }

    #[test]
    fn the_newest_build_is_taken() {
        let dir = TempDir::new().unwrap();
        file(dir.path(), "Cargo.toml", "[package]\nname = \"game\"\n");
        let (release, debug) = (exe(dir.path(), "target/release/game"), exe(dir.path(), "target/debug/game"));
        for (older, newer) in [(&release, &debug), (&debug, &release)] {
            let old = SystemTime::now() - Duration::from_secs(60);
            fs::File::options().append(true).open(older).unwrap().set_modified(old).unwrap();
            fs::File::options().append(true).open(newer).unwrap().set_modified(SystemTime::now()).unwrap();
            assert_eq!(&find(dir.path()).unwrap().binary, newer);
        }
    }

    #[test]
    fn a_member_of_a_workspace_is_built_in_its_target_directory() {
        let dir = TempDir::new().unwrap();
        file(dir.path(), "Cargo.toml", "[workspace]\nmembers = [\"game-server\"]\n");
        file(dir.path(), "game-server/Cargo.toml", "[package]\nname = \"game\"\ndefault-run = \"serve\"\n");
        let binary = exe(dir.path(), "target/release/serve");
        assert_eq!(find(&dir.path().join("game-server")).unwrap().binary, binary);
    }

    #[test]
    fn in_production_a_program_beside_the_configuration_is_enough() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("arena");
        let binary = exe(&folder, "bin/arena");
        assert_eq!(find(&folder).unwrap(), Application { directory: folder, binary });
    }

    #[test]
    fn a_whole_project_means_its_game_server() {
        let dir = TempDir::new().unwrap();
        let binary = exe(dir.path(), "game-server/game-server");
        let found = Application::find(dir.path(), None).unwrap();
        assert_eq!(found.binary, fs::canonicalize(binary).unwrap());
        assert!(found.directory.ends_with("game-server"));
    }

    #[test]
    fn an_error_says_where_it_looked() {
        let dir = TempDir::new().unwrap();
        file(dir.path(), "Cargo.toml", "[package]\nname = \"game\"\n");
        let error = find(dir.path()).unwrap_err().to_string();
        for place in ["target/release/game", "target/debug/game", "bin/game"] {
            assert!(error.contains(place), "{error}");
        }
    }

    #[test]
    fn a_manifest_that_is_none_is_told() {
        let dir = TempDir::new().unwrap();
        file(dir.path(), "Cargo.toml", "[package\n");
        let error = find(dir.path()).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml: "), "{error}");
    }
}
