//! Programs that run servers by `.run()`, as processes of their own: how they end, and what a full log does to them.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod support;

#[cfg(target_os = "linux")]
#[path = "processes/program.rs"]
mod program;

#[cfg(target_os = "linux")]
#[path = "processes/checks.rs"]
mod checks;

#[cfg(target_os = "linux")]
fn main() {
    match std::env::var("PROGRAM_PORT") {
        Ok(port) => program::run(port.parse().expect("a port")),
        Err(_) => checks::run(),
    }
}
