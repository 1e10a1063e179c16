//! All servers of the rooms example in one process.

use rooms_contract::App;

#[tokio::main]
async fn main() -> pomelo::Result<()> {
    let builder = App::builder().config_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
    rooms_chat::add_to(rooms_connector::add_to(builder)).run().await
}
