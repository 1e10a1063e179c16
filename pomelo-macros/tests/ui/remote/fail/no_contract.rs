//! An implementation of a trait that has no attribute.

use pomelo::{Result, remote};

pub trait ChatRemote {
    fn add(&self, uid: String) -> Result<usize>;
}

pub struct Chat;

#[remote]
impl ChatRemote for Chat {
    fn add(&self, uid: String) -> Result<usize> {
        Ok(uid.len())
    }
}

fn main() {}
