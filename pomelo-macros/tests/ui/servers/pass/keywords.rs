//! Server types that are named like keywords.

use pomelo::{Result, key, remote};

pomelo::servers! {
    match: { remotes: [MatchRemote, MatchRemote2 as type] },
    loop: {},
    r#type: { remotes: [MatchRemote] },
}

struct MatchRemote;

#[remote]
impl MatchRemote {
    pub async fn find(app: &App, uid: String) -> Result<usize> {
        app.rpc.r#match.r#type.find(key("k"), uid).await
    }
}

struct MatchRemote2;

#[remote]
impl MatchRemote2 {
    pub async fn find(app: &App, uid: String) -> Result<usize> {
        app.rpc.r#type.match_remote.find(key("k"), uid).await
    }
}

fn main() {
    let names = <Rpc as pomelo::app::Cluster>::SERVERS.iter().map(|server| server.name);
    assert_eq!(names.collect::<Vec<_>>(), ["match", "loop", "type"]);
}
