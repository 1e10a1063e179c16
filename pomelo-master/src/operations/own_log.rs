//! The log of this process: the file that its output goes into, if that is one.

use std::path::PathBuf;

/// The file that the standard output goes into, or else the standard error output, as `program >file` and systemd's
/// `StandardOutput=append:FILE` have it, and a master. None where they go to a terminal, a pipe or a journal, or the file has no
/// name any more.
#[cfg(target_os = "linux")]
pub(super) fn file() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;

    [1, 2].into_iter().find_map(|descriptor| {
        let link = format!("/proc/self/fd/{descriptor}");
        let open = std::fs::metadata(&link).ok().filter(std::fs::Metadata::is_file)?;
        let named = std::fs::read_link(&link).ok()?;
        let is_same = |found: std::fs::Metadata| (found.dev(), found.ino()) == (open.dev(), open.ino());
        std::fs::metadata(&named).is_ok_and(is_same).then_some(named)
    })
}

/// The system doesn't tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn file() -> Option<PathBuf> {
    None
}
