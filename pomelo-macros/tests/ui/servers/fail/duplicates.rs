//! One thing listed twice.

use pomelo::{Result, remote};

pomelo::servers! {
    chat: { remotes: [a::Room, b::Room], remotes: [] },
    gate: {},
    gate: {},
}

mod a {
    use super::*;

    pub struct Room;

    #[remote]
    impl Room {
        pub async fn enter() -> Result<()> {
            Ok(())
        }
    }
}

mod b {
    use super::*;

    pub struct Room;

    #[remote(rename = "other")]
    impl Room {
        pub async fn enter() -> Result<()> {
            Ok(())
        }
    }
}

fn main() {}
