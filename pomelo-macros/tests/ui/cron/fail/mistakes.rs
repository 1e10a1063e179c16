//! What a cron can't have.

use pomelo::cron::cron;
use pomelo::{Result, Session};

pomelo::servers! {
    chat: { crons: [ChatCron as clock, NoCron] },
}

struct NoCron;

struct ChatCron;

#[cron]
impl ChatCron {
    /// The clock brings nothing.
    pub async fn by_value(uid: String) -> Result<()> {
        println!("{uid}");
        Ok(())
    }

    /// There is no client.
    pub async fn session(session: &Session) -> Result<()> {
        println!("{session:?}");
        Ok(())
    }

    #[pomelo(concurrent)]
    pub async fn beside() {}

    /// Nobody would get it.
    pub async fn answers() -> Result<u32> {
        Ok(1)
    }
}

#[cron]
trait Described {
    async fn run();
}

#[cron(fields)]
mod fields {
    pub async fn run() {}
}

fn main() {}
