//! Two handlers of one name in a type of server.

use pomelo::{Result, handler, remote};

pomelo::servers! {
    chat: { handlers: [a::Chat, b::Chat], remotes: [a::Room, b::Room as other_room] },
}

mod a {
    use super::*;

    pub struct Chat;

    #[handler]
    impl Chat {
        pub async fn send() -> Result<()> {
            Ok(())
        }
    }

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

    pub struct Chat;

    #[handler]
    impl Chat {
        pub async fn send() -> Result<()> {
            Ok(())
        }
    }

    pub struct Room;

    #[remote]
    impl Room {
        pub async fn enter() -> Result<()> {
            Ok(())
        }
    }
}

fn main() {}
