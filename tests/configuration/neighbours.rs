//! Mistakes in the files beside servers.json.

use std::sync::Arc;

use pomelo::app::Builder;
use pomelo::ext::transport::{BoxFuture, LinkEvents, LinkSender, Member, Transport};
use pomelo::net::cluster::StaticDiscovery;
use pomelo::net::transport::Memory;
use pomelo::{Error, Result};

use crate::world::{Dir, Rpc, SERVERS};

/// In which way an application runs.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Embedded,
    Server,
    Master,
}

const MODES: [Mode; 3] = [Mode::Embedded, Mode::Server, Mode::Master];

/// Why an application with this file does not start.
async fn error(name: &str, text: &str, mode: Mode) -> String {
    let dir = Dir::new(&[("servers.json", SERVERS), (name, text)]);
    let error = match mode {
        Mode::Embedded => dir.start(dir.application()).await.unwrap_err(),
        Mode::Server => {
            let started = dir.application().start_server("chat-1", None).await;
            dir.masked(started.err().expect("it can't start").message())
        }
        Mode::Master => {
            let error = dir.application().args(["start"]).run().await.unwrap_err();
            dir.masked(error.message())
        }
    };
    assert!(!dir.has_logs(), "{mode:?}: no server is started");
    error
}

#[tokio::test]
async fn a_mistake_in_a_common_file_is_an_error_before_anything_starts_in_every_mode() {
    for (name, text, expected) in [
        (
            "cluster.json",
            "{",
            "<dir>/cluster.json is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "cluster.json",
            r#"{ "development": { "whiteList": [] } }"#,
            "<dir>/cluster.json: development.whiteList: there is no such option; did you mean `whitelist`?",
        ),
        (
            "cluster.json",
            r#"{ "speed": 1 }"#,
            "<dir>/cluster.json: speed: there is no such option; known are secret, whitelist, interval, keepalive, deadAfter, \
             goneAfter, connectTimeout, firstFrame, strangers, strangersPerAddress, maxRetry, queueLimit, maxFrame",
        ),
        (
            "cluster.json",
            r#"{ "keepalive": "1s" }"#,
            r#"<dir>/cluster.json: keepalive: found "1s", expected milliseconds, a whole number"#,
        ),
        (
            "cluster.json",
            r#"{ "whitelist": ["10.0.0.0/8", "10.0.0.1"] }"#,
            r#"<dir>/cluster.json: whitelist[1]: found "10.0.0.1", expected a network such as `10.0.0.0/8`"#,
        ),
        (
            "cluster.json",
            r#"{ "whitelist": "10.0.0.0/8" }"#,
            r#"<dir>/cluster.json: whitelist: found "10.0.0.0/8", expected a list, each a network such as `10.0.0.0/8`"#,
        ),
        (
            "cluster.json",
            r#"{ "secret": 7 }"#,
            "<dir>/cluster.json: secret: expected a text that is not empty",
        ),
        (
            "cluster.json",
            r#"{ "maxFrame": 0 }"#,
            "<dir>/cluster.json: maxFrame: found 0, with which there would be no link, allowed is 1 or more",
        ),
        (
            "cluster.json",
            r#"{ "keepalive": 3000 }"#,
            "<dir>/cluster.json: deadAfter: found 3000, expected more than `keepalive`, 3000: every link that is idle would break",
        ),
        (
            "master.json",
            r#"{ "development": { "port": "3005x" } }"#,
            r#"<dir>/master.json: development.port: found "3005x", expected a port, a whole number from 0 to 65535"#,
        ),
        (
            "development/master.json",
            r#"{ "host": 3 .. }"#,
            "<dir>/development/master.json is not JSON: expected `,` or `}` at line 1 column 13",
        ),
        (
            "master.json",
            r#"{ "production": { "id": "m" }, "develoment": { "id": "m" } }"#,
            "<dir>/master.json: top level: there is no environment `development`, it has `production`, `develoment`, \
             did you mean `develoment`?",
        ),
        (
            "adminServer.json",
            r#"[{ "type": "chat", "token": "t" }, { "type": "chat", "token": "u" }]"#,
            "<dir>/adminServer.json: [1].type: the type `chat` is there twice",
        ),
        (
            "adminServer.json",
            r#"{ "development": [{ "token": "t" }] }"#,
            "<dir>/adminServer.json: development[0].type: missing, expected a type of server, a text",
        ),
        (
            "serverProtos.json",
            r#"{ "onChat": { "required text msg": 1 } }"#,
            "<dir>/serverProtos.json: message onChat: field msg has the unknown type text",
        ),
        (
            "dictionary.json",
            r#"{ "onChat": 1 }"#,
            "<dir>/dictionary.json: top level: found an object, expected a list of routes or {}",
        ),
        (
            "dictionary.json",
            r#"["onChat", 7]"#,
            "<dir>/dictionary.json: [1]: found a number, expected a route, a text",
        ),
    ] {
        for mode in MODES {
            assert_eq!(error(name, text, mode).await, expected, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn a_mistake_in_what_only_the_master_reads_is_none_of_a_server_by_itself() {
    let (name, text) = ("adminUser.json", r#"[{ "username": "a", "password": "b", "level": "root" }]"#);
    for mode in [Mode::Embedded, Mode::Master] {
        assert_eq!(
            error(name, text, mode).await,
            r#"<dir>/adminUser.json: [0].level: found "root", expected 1 (everything) or 2 (list, show and log)"#
        );
    }
}

#[tokio::test]
async fn values_as_texts_comments_and_other_environments_are_read() {
    for (name, text) in [
        (
            "cluster.json",
            r#"{ "//": "links", "keepalive": "500", "deadAfter": 3000.0, "secret": "s", "whitelist": null }"#,
        ),
        ("cluster.json", "\u{feff}{ \"development\": {}, \"@about\": {} }"),
        ("cluster.json", r#"{ "production": { "secret": "s" } }"#),
        (
            "master.json",
            r#"{ "@describe": { "port": "of the master" }, "id": "m", "host": "[::1]", "port": "3005" }"#,
        ),
        ("master.json", r#"{ "development": {}, "production": { "id": "m", "port": 3005.0 } }"#),
        (
            "adminServer.json",
            r#"[{ "type": "chat", "token": 12345, "//": "comment" }, { "type": "area", "token": "t" }]"#,
        ),
        ("adminUser.json", r#"[{ "id": 1, "username": "a", "password": 123456, "level": "1" }]"#),
        ("dictionary.json", r#"{}"#),
        ("dictionary.json", r#"{ "//": "no routes yet" }"#),
        ("dictionary.json", r#"["onChat", "onAdd"]"#),
    ] {
        let dir = Dir::new(&[("servers.json", SERVERS), (name, text)]);
        assert_eq!(dir.start(dir.application()).await, Ok(vec![]), "{name}: {text}");
    }
}

#[tokio::test]
async fn what_may_be_a_mistake_is_warned_of_once() {
    for (name, text, expected) in [
        (
            "master.json",
            r#"{ "development": { "id": "m", "prot": 3010, "clientPort": 3014 } }"#,
            &[
                "<dir>/master.json: development.prot: is not read; did you mean `port`?",
                "<dir>/master.json: development.clientPort: is not read; known are `id`, `host`, `port`, `sshConfigParams`, `ssh_config_params`",
            ][..],
        ),
        (
            "cluster.json",
            r#"{ "goneAfter": 2000 }"#,
            &[
                "<dir>/cluster.json: goneAfter: found 2000, which should be more than `deadAfter`, 3000: a link that breaks can't be \
               made again in time",
            ],
        ),
        (
            "cluster.json",
            r#"{ "develpoment": { "secret": "s" } }"#,
            &["<dir>/cluster.json: develpoment: servers run in `development`, and nothing is for that"],
        ),
        (
            "adminServer.json",
            r#"[{ "type": "chats", "token": "t" }, { "type": "connector", "token": "t" }]"#,
            &["<dir>/adminServer.json: there are no servers of type `chats`, did you mean `chat`?"],
        ),
        (
            "master.json",
            r#"{ "id": "m", "port": 3010, "prot": 3010, "port": 3011 }"#,
            &[
                "<dir>/master.json: port: is there twice, and the last one counts",
                "<dir>/master.json: prot: is not read; did you mean `port`, which is there, too?",
            ],
        ),
        (
            "cluster.json",
            r#"{ "development": { "deadAfter": 3000, "deadAfter": 4000 }, "production": { "secret": "a", "secret": "b" } }"#,
            &["<dir>/cluster.json: development.deadAfter: is there twice, and the last one counts"],
        ),
        (
            "adminServer.json",
            r#"[{ "type": "chat", "token": "t", "token": "u" }, { "type": "connector", "token": "t" }]"#,
            &["<dir>/adminServer.json: [0].token: is there twice, and the last one counts"],
        ),
        (
            "adminUser.json",
            r#"[{ "id": "u", "username": "u", "username": "v", "password": "p", "level": 1 }]"#,
            &["<dir>/adminUser.json: [0].username: is there twice, and the last one counts"],
        ),
        (
            "serverProtos.json",
            r#"{ "onChat": { "required string msg": 1 }, "onChat": { "required string text": 1 } }"#,
            &["<dir>/serverProtos.json: onChat: is there twice, and the last one counts"],
        ),
        (
            "crons.json",
            r#"{ "development": { "chta": [{ "id": 1, "time": "0 0 5 * * *", "action": "a.b" }] } }"#,
            &["<dir>/crons.json: development.chta: `servers!` lists no such type, did you mean `chat`?"],
        ),
        ("crons.json", r#"{ "development": { "chat": [] } }"#, &[]),
        (
            "development/log4js.json",
            r#"{ "appenders": [{ "type": "console" }] }"#,
            &[
                "<dir>/development/log4js.json: is not read: logs are those of the `tracing` subscriber that the program sets up",
            ],
        ),
        (
            "masterha.json",
            r#"{ "masterha": [{ "id": "m" }] }"#,
            &[
                "<dir>/masterha.json: is not read: servers go on without their master, and find the one that is started next",
            ],
        ),
        ("adminUsers.json", "[]", &["<dir>/adminUsers.json: is not read; did you mean `adminUser.json`?"]),
        (
            "development/servers.json",
            "{}",
            &["<dir>/development/servers.json: is not read, since there is <dir>/servers.json"],
        ),
    ] {
        let dir = Dir::new(&[("servers.json", SERVERS), (name, text)]);
        let expected: Vec<_> = expected.iter().map(|line| (*line).to_owned()).collect();
        assert_eq!(dir.start(dir.application()).await, Ok(expected), "{name}: {text}");
    }
}

#[tokio::test]
async fn an_application_with_links_and_a_discovery_of_its_own_is_not_failed_by_files_that_it_does_not_use() {
    let own = |app: Builder<Rpc>| {
        app.transport(Arc::new(Memory::new())).discovery(Arc::new(StaticDiscovery::new([])))
    };
    let files =
        [("cluster.json", "{"), ("master.json", "{"), ("adminServer.json", "{"), ("adminUser.json", "{")];
    let all: Vec<_> = [("servers.json", SERVERS)].into_iter().chain(files).collect();
    let dir = Dir::new(&all);
    assert_eq!(dir.start(own(dir.application())).await, Ok(vec![]));
    let servers = own(dir.application()).start_server("chat-1", None).await.unwrap();
    servers.stop().await;
    let only_links = dir.application().transport(Arc::new(Memory::new()));
    assert_eq!(
        dir.start(only_links).await.unwrap_err(),
        "<dir>/master.json is not JSON: EOF while parsing an object at line 1 column 1"
    );
}

#[tokio::test]
async fn what_is_replaced_in_clusters_alone_has_its_files_unread_and_stays_as_it_is_in_one_process() {
    let own_links = |app: Builder<Rpc>| app.cluster_transport(Arc::new(Memory::new()));
    let own_list = |app: Builder<Rpc>| app.cluster_discovery(Arc::new(StaticDiscovery::new([])));
    let broken = |name: &'static str| Dir::new(&[("servers.json", SERVERS), (name, "{")]);
    let not_json =
        |name: &str| format!("<dir>/{name} is not JSON: EOF while parsing an object at line 1 column 1");
    for (name, is_of_links) in [("cluster.json", true), ("master.json", false), ("adminServer.json", false)] {
        let dir = broken(name);
        let both = own_links(own_list(dir.application()));
        // One process uses memory and servers.json: connector-1 and chat-1 see each other.
        assert_eq!(dir.start(both).await, Ok(vec![]), "{name}");
        let only_other = |dir: &Dir| match is_of_links {
            true => own_list(dir.application()),
            false => own_links(dir.application()),
        };
        assert_eq!(dir.start(only_other(&dir)).await, Err(not_json(name)));
        let alone = only_other(&dir).start_server("chat-1", None).await.err().expect("it can't start");
        assert_eq!(dir.masked(alone.message()), not_json(name));
        let both = own_links(own_list(dir.application()));
        both.start_server("chat-1", None).await.unwrap().stop().await;
    }
}

#[tokio::test]
async fn a_master_reads_its_files_also_where_servers_have_a_discovery_of_their_own() {
    let dir = Dir::new(&[("servers.json", SERVERS), ("cluster.json", "{"), ("master.json", "{")]);
    let own = dir.application().cluster_transport(Arc::new(Memory::new()));
    let error =
        own.cluster_discovery(Arc::new(StaticDiscovery::new([]))).args(["start"]).run().await.unwrap_err();
    assert_eq!(
        dir.masked(error.message()),
        "<dir>/master.json is not JSON: EOF while parsing an object at line 1 column 1"
    );
}

#[tokio::test]
async fn servers_of_one_process_reach_each_other_by_memory_where_only_clusters_have_a_transport_of_their_own()
{
    /// Carries nothing, and fails whoever binds.
    struct Nothing;

    impl Transport for Nothing {
        fn bind(&self, server: Member, _: Arc<dyn LinkEvents>) -> BoxFuture<'_, Result<Arc<dyn LinkSender>>> {
            Box::pin(async move { Err(Error::new(500, format_args!("no link for {}", server.info.id))) })
        }
    }

    let dir = Dir::new(&[("servers.json", SERVERS)]);
    let application = || dir.application().cluster_transport(Arc::new(Nothing));
    let running = application().start().await.unwrap();
    let connector = running.app("connector-1").unwrap();
    assert!(connector.report().missing_links.is_empty());
    running.stop().await;
    let error = application().start_server("chat-1", None).await.err().expect("it has no links");
    assert_eq!(error.message(), "chat-1: no link for chat-1");
}
