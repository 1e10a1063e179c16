//! What a remote can't be lent.

use pomelo::{Request, Result, Session, remote};

pub struct ChatRemote;

#[remote]
impl ChatRemote {
    pub async fn a(session: &Session) -> Result<String> {
        Ok(session.id().to_string())
    }

    pub async fn b(request: &Request) -> Result<Option<u64>> {
        Ok(request.id())
    }

    pub async fn c(name: &str) -> Result<usize> {
        Ok(name.len())
    }
}

fn main() {}
