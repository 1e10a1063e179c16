//! A cluster without a master: servers as processes over tcp, whom the `pomelo` tool speaks to by one of them.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod support;

#[cfg(target_os = "linux")]
#[path = "masterless/program.rs"]
mod program;

#[cfg(target_os = "linux")]
#[path = "masterless/cluster.rs"]
mod cluster;

#[cfg(target_os = "linux")]
#[path = "masterless/checks.rs"]
mod checks;

#[cfg(target_os = "linux")]
fn main() {
    match std::env::var_os(program::CONFIG) {
        Some(dir) => program::run(dir.as_ref()),
        None => checks::run(),
    }
}
