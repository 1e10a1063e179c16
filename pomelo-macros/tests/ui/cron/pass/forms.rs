//! Both forms of a cron, what it is lent, and what it returns.

use pomelo::Result;
use pomelo::cron::{CronRun, cron};

pomelo::servers! {
    chat: { crons: [ChatCron, night, Kept] },
}

struct ChatCron;

#[cron]
impl ChatCron {
    pub async fn send_money(app: &App, run: &CronRun) -> Result<()> {
        println!("{} {}", app.server_id(), run.id());
        Ok(())
    }

    pub async fn nothing() {}

    fn helper() {}
}

#[cron(rename = "nightly")]
mod night {
    use super::Rooms;

    pub async fn clean(rooms: &Rooms) {
        println!("{}", rooms.0);
    }
}

pub struct Rooms(u32);

struct Kept(App);

#[cron]
impl Kept {
    fn new(app: App) -> Self {
        Self(app)
    }

    pub async fn count(&self) -> Result<()> {
        println!("{}", self.0.server_id());
        Ok(())
    }
}

fn main() {
    ChatCron::helper();
    drop(App::builder().insert(Rooms(1)));
}
