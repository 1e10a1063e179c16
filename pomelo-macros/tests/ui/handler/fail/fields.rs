//! Fields without a name, and `fields` where there are none.

use pomelo::{Result, Session, handler, remote};

pub struct ChatHandler;

#[handler(fields)]
impl ChatHandler {
    pub async fn a((text, to): (String, String)) -> Result<String> {
        Ok(text + &to)
    }

    pub async fn b(#[pomelo(default)] session: &Session, text: String) -> Result<String> {
        Ok(format!("{}: {text}", session.id()))
    }
}

pub struct ChatRemote;

#[remote(fields)]
impl ChatRemote {
    pub async fn add(uid: String) -> Result<String> {
        Ok(uid)
    }
}

#[handler(fields)]
pub trait Contract {
    async fn send(&self, text: String, to: String) -> Result<String>;
}

pub struct Chat;

#[handler(fields)]
impl Contract for Chat {
    async fn send(&self, text: String, to: String) -> Result<String> {
        Ok(text + &to)
    }
}

fn main() {}
