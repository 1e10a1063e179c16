//! Start errors: each mistake is a variant that names its server, with a source, and `?` makes an `Error` of it with the same text.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use pomelo::app::{Builder, Configure};
use pomelo::config::ConfigError;
use pomelo::error::ErrorKind;
use pomelo::error::StartError;
use pomelo::ext::discovery::{BoxFuture, Discovery, Member, MembershipEvents, Registration};
use pomelo::net::transport::{Tcp, TcpOptions};
use pomelo::{Component, Error, Hybrid, Result, handler, remote};

pomelo::servers! {
    connector: { handlers: [EntryHandler] },
    chat: { remotes: [impl RoomRemote] },
    area: {},
}

/// What nobody inserts.
struct World;

struct EntryHandler;

#[handler]
impl EntryHandler {
    pub async fn enter(_world: &World) {}
}

#[remote]
trait RoomRemote {
    async fn close(&self) -> Result<()>;
}

const CONNECTOR: &str = r#"{ "connector": [{ "id": "connector-1", "frontend": true }] }"#;
const CHAT: &str = r#"{ "chat": [{ "id": "chat-1" }] }"#;
const AREA: &str = r#"{ "area": [{ "id": "area-1", "port": 1 }] }"#;

fn application(servers: &str) -> Builder<Rpc> {
    App::builder().servers(servers)
}

/// Why it does not start.
async fn error(builder: Builder<Rpc>) -> StartError {
    builder.start().await.err().expect("it can't start")
}

fn set_up(servers: &str, step: impl Fn(&mut Configure<Rpc>) + Send + Sync + 'static) -> Builder<Rpc> {
    application(servers).configure("all", "all", step)
}

/// The first cause of that type.
fn cause<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    std::iter::successors(error.source(), |&cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

#[tokio::test]
async fn a_file_that_is_wrong_is_config_with_what_reading_it_said() {
    let missing = error(App::builder().config_dir("no/such/directory")).await;
    assert!(matches!(missing, StartError::Config { .. }) && missing.server().is_none());
    assert!(matches!(cause(&missing), Some(ConfigError::Missing { .. })));
    assert!(missing.to_string().contains("no/such/directory/servers.json, nor "), "{missing}");

    let broken = error(application("{")).await;
    assert!(cause::<serde_json::Error>(&broken).is_some(), "{broken}");
    assert_eq!(
        broken.to_string(),
        "servers.json is not JSON: EOF while parsing an object at line 1 column 1"
    );
}

#[tokio::test]
async fn code_that_does_not_fit_the_configuration_is_config() {
    let error = error(application(CHAT).configure("all", "caht", |_| {})).await;
    assert!(matches!(error, StartError::Config { .. }));
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn options_of_a_connector_that_make_no_sense_are_config() {
    let hybrid = || Hybrid::new().heartbeat(Duration::ZERO);
    let error = error(set_up(CONNECTOR, move |app| {
        app.insert(World);
        app.connector(hybrid());
    }))
    .await;
    assert!(matches!(error, StartError::Config { .. }), "{error}");
}

#[tokio::test]
async fn what_an_application_does_not_give_is_missing_at_its_server() {
    let connector = || Hybrid::new().address(([127, 0, 0, 1], 0));
    let lent = error(set_up(CONNECTOR, move |app| app.connector(connector()))).await;
    let no_connector = error(set_up(CONNECTOR, |app| app.insert(World))).await;
    let no_implementation = error(application(CHAT)).await;
    for (error, id) in [(lent, "connector-1"), (no_connector, "connector-1"), (no_implementation, "chat-1")] {
        assert!(
            matches!(&error, StartError::Missing { server, source } if *server == *id && source.message() == error.message()),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_bind_with_the_error_of_the_system() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let for_clients = error(set_up(CONNECTOR, move |app| {
        app.insert(World);
        app.connector(Hybrid::new().address(address));
    }))
    .await;
    let servers = AREA.replace("\"port\": 1", &format!("\"port\": {}", address.port()));
    let for_servers = error(application(&servers).transport(Arc::new(Tcp::new(TcpOptions::default())))).await;
    for (error, id) in [(for_clients, "connector-1"), (for_servers, "area-1")] {
        assert!(matches!(&error, StartError::Bind { server, .. } if *server == *id), "{error}");
        let system = cause::<io::Error>(&error).expect("the error of the system");
        assert_eq!(system.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().ends_with(&system.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_hook_or_a_component_that_fails_is_hook() {
    struct Clock;

    impl Component<App> for Clock {
        async fn start(&self, _: &App) -> Result<()> {
            Err(Error::new(503, "the clock stands"))
        }
    }

    let hooks = [
        set_up(AREA, |app| app.before_startup(|_| async { Err(Error::new(503, "no pool")) })),
        set_up(AREA, |app| app.after_startup(|_| async { Err(Error::new(503, "no pool")) })),
        set_up(AREA, |app| app.after_start_all(|_| async { Err(Error::new(503, "no pool")) })),
        set_up(AREA, |app| app.component(Clock)),
    ];
    for builder in hooks {
        let error = error(builder).await;
        assert!(matches!(&error, StartError::Hook { server, .. } if *server == *"area-1"), "{error}");
        assert!(error.to_string().starts_with("area-1: "), "{error}");
        assert_eq!(Error::from(error).code(), 503);
    }
}

#[tokio::test]
async fn a_cluster_that_does_not_take_a_server_has_refused_it() {
    struct Closed;

    impl Discovery for Closed {
        fn register(
            &self,
            _: Member,
            _: Arc<dyn MembershipEvents>,
        ) -> BoxFuture<'_, Result<Arc<dyn Registration>>> {
            Box::pin(async { Err(Error::of(ErrorKind::Refused, "wrong token")) })
        }
    }

    let error = error(application(AREA).discovery(Arc::new(Closed))).await;
    assert!(matches!(&error, StartError::Refused { server, .. } if *server == *"area-1"));
    assert_eq!(error.to_string(), "area-1: wrong token");
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[tokio::test]
async fn code_of_the_application_that_panics_while_a_server_is_put_together_has_failed() {
    let error = error(set_up(AREA, |_| panic!("no such table"))).await;
    assert!(matches!(&error, StartError::Failed { server, .. } if *server == *"area-1"));
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(error.to_string(), "putting area-1 together panicked: no such table");
}

#[tokio::test]
async fn a_question_mark_keeps_text_and_kind_and_run_has_the_start_error_among_its_sources() {
    async fn start(servers: &str) -> Result<()> {
        application(servers).start().await?.stop().await;
        Ok(())
    }
    let error = start(CHAT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().starts_with("chat-1: `servers!` lists `roomRemote` by its trait"), "{error}");
    assert_eq!(format!("{error:?}"), error.message(), "`main` prints the text and nothing else");

    let error = application(AREA).args(["strat"]).run().await.unwrap_err();
    assert_eq!(error.message(), "unexpected argument `strat`; --help says what there is");
    let start = cause::<StartError>(&error.into_std()).map(std::string::ToString::to_string);
    assert_eq!(start.as_deref(), Some("unexpected argument `strat`; --help says what there is"));
}
