//! Clients by the hundred that enter chat rooms, talk, and check that everyone hears everything once and in order.

mod args;
mod bot;
mod content;
mod cpu;
mod crowd;
mod display;
mod ledger;
mod report;
mod tally;

use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use clap::{CommandFactory, Parser};
use rustix::process::{Resource, getrlimit, setrlimit};

use args::{Args, Plan};
use crowd::Shared;
use report::Report;

fn main() -> ExitCode {
    let plan = match Args::parse().plan() {
        Ok(plan) => plan,
        Err(error) => Args::command().error(clap::error::ErrorKind::ValueValidation, error).exit(),
    };
    raise_file_limit();
    let json = plan.args.json;
    match run(plan) {
        Ok(report) => {
            if json {
                println!("{}", serde_json::json!(report));
            } else {
                println!("{report}");
            }
            if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the bots on threads of their own, and shows on this one how they are doing.
fn run(plan: Plan) -> std::io::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.args.threads as usize)
        .enable_all()
        .build()?;
    let shared = Shared::new(plan);
    let (done, report) = mpsc::channel();
    runtime.spawn(stop_on_signal(shared.clone()));
    let crowd = shared.clone();
    runtime.spawn(async move { done.send(crowd::run(crowd).await) });
    let report = display::watch(&shared, &report)?;
    report.ok_or_else(|| std::io::Error::other("the bots died"))
}

async fn stop_on_signal(shared: Arc<Shared>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        shared.stop();
    }
}

/// Each client is an open file, and the soft limit is often 1,024. If it can't be raised, connecting says so.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}
