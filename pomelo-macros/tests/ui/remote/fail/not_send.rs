//! A method of a trait that can't move between threads.

use std::rc::Rc;

use pomelo::{Result, remote};

#[remote]
pub trait ChatRemote {
    async fn add(&self, uid: String) -> Result<usize>;
}

pub struct Chat;

#[remote]
impl ChatRemote for Chat {
    async fn add(&self, uid: String) -> Result<usize> {
        let uid = Rc::new(uid);
        std::future::ready(()).await;
        Ok(uid.len())
    }
}

fn main() {}
