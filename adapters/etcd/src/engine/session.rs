//! A session: one connection to etcd, on which requests are made and changes are told.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, Error as ClientError, EventType, GetOptions, KeyValue, LeaseKeepAliveStream,
    LeaseKeeper, PutOptions, Txn, TxnOp, TxnOpResponse, WatchOptions, WatchResponse, WatchStream,
};
use tokio::time::timeout;

use super::trouble::Trouble;
use crate::entry::Entry;
use crate::keys::{Key, Keys};
use crate::registrant::{Change, Found, Reply, Request, Snapshot};

/// How long etcd may take to reply. A member that has lost its leader takes about a second to have another one.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// What etcd says when there is no such lease.
const NO_LEASE: &str = "requested lease not found";

/// One connection.
#[derive(Clone)]
pub(super) struct Session {
    client: Client,
    keys: Arc<Keys>,
}

/// What keeps a lease.
pub(super) type Keeper = (LeaseKeeper, LeaseKeepAliveStream);

/// What came of a request, and what it has opened.
pub(super) struct Performed {
    pub(super) reply: Reply,
    pub(super) keeper: Option<Keeper>,
    pub(super) watch: Option<WatchStream>,
}

impl Performed {
    fn with(reply: Reply, keeper: Option<Keeper>) -> Self {
        Self { reply, keeper, watch: None }
    }
}

impl Session {
    pub(super) fn new(client: Client, keys: Arc<Keys>) -> Self {
        Self { client, keys }
    }

    /// Makes a request; the keeper comes back with what came of it.
    ///
    /// # Errors
    /// If there is no reply that means anything: the connection is of no use any more.
    ///
    /// # Cancel safety
    /// What was asked may be done if it is dropped.
    pub(super) async fn perform(
        self,
        request: Request,
        keeper: Option<Keeper>,
    ) -> Result<Performed, Trouble> {
        let performing = self.ask(request, keeper);
        timeout(REQUEST_TIMEOUT, performing).await.unwrap_or(Err(Trouble::Slow))
    }

    async fn ask(mut self, request: Request, keeper: Option<Keeper>) -> Result<Performed, Trouble> {
        let reply = match request {
            Request::Grant(ttl) => {
                let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
                Reply::Granted { lease: self.client.lease_grant(ttl, None).await?.id() }
            }
            Request::KeepAlive(lease) => return self.keep(lease, keeper).await,
            Request::Range => self.range().await?,
            Request::Watch { from } => {
                let options = WatchOptions::new().with_prefix().with_start_revision(from);
                let watch = self.client.watch(self.keys.all(), Some(options)).await?;
                return Ok(Performed { reply: Reply::Watching, keeper, watch: Some(watch) });
            }
            Request::Write { entry, lease, over } => self.write(&entry, lease, over).await?,
            Request::Ask { id, lease } => {
                let options = PutOptions::new().with_lease(lease);
                match self.client.put(self.keys.question(lease), id.as_str(), Some(options)).await {
                    Ok(_) => Reply::Done,
                    Err(error) => lost(error)?,
                }
            }
            Request::Withdraw { lease } => {
                self.client.delete(self.keys.question(lease), None).await?;
                Reply::Done
            }
            Request::Revoke(lease) => match self.client.lease_revoke(lease).await {
                Ok(_) => Reply::Done,
                Err(error) => lost(error)?,
            },
        };
        Ok(Performed::with(reply, keeper))
    }

    /// Keeps a lease, by the stream that there is for that, or a new one.
    async fn keep(&mut self, lease: i64, keeper: Option<Keeper>) -> Result<Performed, Trouble> {
        let Some((mut keeper, mut kept)) = keeper.filter(|(keeper, _)| keeper.id() == lease) else {
            return match self.client.lease_keep_alive(lease).await {
                Ok(keeper) => Ok(Performed::with(Reply::Kept, Some(keeper))),
                // The client has no other word for it.
                Err(ClientError::LeaseKeepAliveError(_)) => Ok(Performed::with(Reply::LeaseLost, None)),
                Err(error) => Err(error.into()),
            };
        };
        keeper.keep_alive().await?;
        match kept.message().await? {
            Some(response) if response.ttl() > 0 => Ok(Performed::with(Reply::Kept, Some((keeper, kept)))),
            Some(_) => Ok(Performed::with(Reply::LeaseLost, None)),
            None => Err(Trouble::Unwatched("no more of the lease".to_owned())),
        }
    }

    async fn range(&mut self) -> Result<Reply, Trouble> {
        let response = self.client.get(self.keys.all(), Some(GetOptions::new().with_prefix())).await?;
        let revision = response.header().map_or(0, |header| header.revision());
        let mut snapshot = Snapshot { revision, ..Snapshot::default() };
        for kv in response.kvs() {
            match self.keys.read(kv.key()) {
                Some(Key::Server(_)) => snapshot.found.extend(found(&self.keys, kv)),
                Some(Key::Question) => snapshot.asked.extend(kv.value_str().ok().map(Into::into)),
                None => {}
            }
        }
        Ok(Reply::Snapshot(snapshot))
    }

    async fn write(&mut self, entry: &Entry, lease: i64, over: i64) -> Result<Reply, Trouble> {
        let key = self.keys.server(&entry.member.info.id);
        let put = TxnOp::put(key.clone(), entry.encode(), Some(PutOptions::new().with_lease(lease)));
        let txn = Txn::new()
            .when([Compare::mod_revision(key.clone(), CompareOp::Equal, over)])
            .and_then([put])
            .or_else([TxnOp::get(key, None)]);
        let response = match self.client.txn(txn).await {
            Ok(response) => response,
            Err(error) => return lost(error),
        };
        let revision = response.header().map_or(0, |header| header.revision());
        if response.succeeded() {
            return Ok(Reply::Written { revision });
        }
        let there = response.op_responses().into_iter().find_map(|response| match response {
            TxnOpResponse::Get(got) => got.kvs().first().and_then(|kv| found(&self.keys, kv)),
            _ => None,
        });
        Ok(Reply::Taken { revision, found: there })
    }
}

/// The lease is lost, if that is what etcd says.
fn lost(error: ClientError) -> Result<Reply, Trouble> {
    match &error {
        ClientError::GRpcStatus(status) if status.message().contains(NO_LEASE) => Ok(Reply::LeaseLost),
        _ => Err(error.into()),
    }
}

fn found(keys: &Keys, kv: &KeyValue) -> Option<Found> {
    let Some(Key::Server(id)) = keys.read(kv.key()) else { return None };
    let entry = Entry::decode(kv.value());
    Some(Found { id, revision: kv.mod_revision(), lease: kv.lease(), entry })
}

/// What changes, as the watch tells it.
///
/// # Errors
/// If it is over: a watch from a compacted revision has no error, but is canceled.
pub(super) fn changes(keys: &Keys, response: &WatchResponse) -> Result<Vec<Change>, Trouble> {
    if response.compact_revision() > 0 {
        return Err(Trouble::Compacted(response.compact_revision()));
    }
    if response.canceled() {
        return Err(Trouble::Unwatched(response.cancel_reason().to_owned()));
    }
    let change = |event: &etcd_client::Event| {
        let kv = event.kv()?;
        Some(match (keys.read(kv.key())?, event.event_type()) {
            (Key::Server(_), EventType::Put) => Change::Put(found(keys, kv)?),
            (Key::Server(id), EventType::Delete) => Change::Deleted { id, revision: kv.mod_revision() },
            (Key::Question, EventType::Put) => Change::Asked { id: kv.value_str().ok()?.into() },
            (Key::Question, EventType::Delete) => return None,
        })
    };
    Ok(response.events().iter().filter_map(change).collect())
}

#[cfg(test)]
mod tests {
    use super::super::etcd_server::EtcdServer;
    use super::*;

    #[tokio::test]
    async fn a_watch_from_a_compacted_revision_is_over_though_etcd_calls_that_no_error() {
        let server = EtcdServer::start().await;
        let client = Client::connect([server.url()], None).await.unwrap();
        let mut other = client.clone();
        let mut last = 0;
        for n in 0..5 {
            last = other.put("/game/else", n.to_string(), None).await.unwrap().header().unwrap().revision();
        }
        other.compact(last, None).await.unwrap();
        let keys = Arc::new(Keys::new("/game").unwrap());
        let session = Session::new(client, keys.clone());
        let performed = session.perform(Request::Watch { from: 2 }, None).await.unwrap();
        let mut watch = performed.watch.expect("a watch");
        let over = loop {
            let response = watch.message().await.unwrap().expect("it says that it is over");
            match changes(&keys, &response) {
                Ok(changes) => assert!(changes.is_empty(), "{changes:?}"),
                Err(trouble) => break trouble,
            }
        };
        assert!(matches!(over, Trouble::Compacted(revision) if revision == last), "{over:?}");
    }

    #[tokio::test]
    async fn a_lease_that_is_no_more_is_lost_whatever_is_asked_with_it() {
        let server = EtcdServer::start().await;
        let client = Client::connect([server.url()], None).await.unwrap();
        let session = Session::new(client, Arc::new(Keys::new("/game").unwrap()));
        let granted = session.clone().perform(Request::Grant(Duration::from_secs(60)), None).await.unwrap();
        let Reply::Granted { lease } = granted.reply else { panic!("{:?}", granted.reply) };
        let kept = session.clone().perform(Request::KeepAlive(lease), None).await.unwrap();
        assert!(matches!(kept.reply, Reply::Kept));
        let ended = session.clone().perform(Request::Revoke(lease), kept.keeper).await.unwrap();
        assert!(matches!(ended.reply, Reply::Done));
        let member = crate::registrant::member("chat-1");
        let entry = Box::new(Entry { member, pid: 1, version: 0, left: false });
        let mut keeper = ended.keeper;
        for request in [
            Request::KeepAlive(lease),
            Request::KeepAlive(lease),
            Request::Write { entry, lease, over: 0 },
            Request::Ask { id: "chat-1".into(), lease },
            Request::Revoke(lease),
        ] {
            let performed = session.clone().perform(request.clone(), keeper.take()).await.unwrap();
            assert!(matches!(performed.reply, Reply::LeaseLost), "{request:?}: {:?}", performed.reply);
            keeper = performed.keeper;
        }
    }
}
