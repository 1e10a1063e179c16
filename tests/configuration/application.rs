//! Mistakes in how an application is put together.

use pomelo::app::Builder;
use pomelo::error::ErrorKind;
use pomelo::pick;

use crate::world::{Dir, Rpc, SERVERS};

async fn start(change: impl Fn(Builder<Rpc>) -> Builder<Rpc>) -> Result<Vec<String>, String> {
    let dir = Dir::new(&[("servers.json", SERVERS)]);
    dir.start(change(dir.application())).await
}

#[tokio::test]
async fn a_type_that_servers_does_not_list_is_an_error_wherever_it_is_named() {
    for (change, expected) in [
        (
            (|app| app.configure("all", "conector", |_| {})) as fn(Builder<Rpc>) -> Builder<Rpc>,
            r#".configure("all", "conector", …) is for servers of type `conector`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, did you mean `connector`?"#,
        ),
        (
            |app| app.configure("all", "chat|area", |_| {}),
            r#".configure("all", "chat|area", …) is for servers of type `area`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`"#,
        ),
        (
            |app| app.configure("all", "gate,connector", |_| {}),
            r#".configure("all", "gate,connector", …) is for servers of type `gate,connector`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`; types are separated by `|`"#,
        ),
        (
            |app| app.configure("production", "Chat", |_| {}),
            r#".configure("production", "Chat", …) is for servers of type `Chat`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, did you mean `chat`?"#,
        ),
        (
            |app| app.route("chatt", |by, servers| pick(by.key_or("rid")?, servers)),
            r#".route("chatt", …) is for servers of type `chatt`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, did you mean `chat`?"#,
        ),
        (
            |app| app.mount("cht", |_, _| {}),
            r#".mount("cht", …) is for servers of type `cht`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, did you mean `chat`?"#,
        ),
        (
            |app| {
                app.configure("all", "connector", |app| {
                    app.route("chats", |by, servers| pick(by.key_or("rid")?, servers));
                })
            },
            "connector-1: a router is for servers of type `chats`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, did you mean `chat`?",
        ),
    ] {
        assert_eq!(start(change).await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn a_type_of_servers_json_that_servers_does_not_list_is_an_error() {
    let dir = Dir::new(&[("servers.json", r#"{ "development": { "chatt": [{ "id": "chat-1" }] } }"#)]);
    assert_eq!(
        dir.start(dir.application()).await.unwrap_err(),
        "<dir>/servers.json: chat-1 is of type `chatt`, which `servers!` doesn't list: it lists `gate`, `connector`, `chat`, \
         did you mean `chat`?"
    );
}

#[tokio::test]
async fn pomelos_master_is_accepted_with_a_warning() {
    let master = "does nothing: the master is no server here, master.json has what it is set up with";
    assert_eq!(
        start(|app| app.configure("all", "master|chat", |_| {})).await.unwrap(),
        [format!(r#".configure("all", "master|chat", …) {master}"#)]
    );
    assert_eq!(
        start(|app| app.route("master", |by, servers| pick(by.key_or("rid")?, servers))).await.unwrap(),
        [format!(r#".route("master", …) {master}"#)]
    );
}

#[tokio::test]
async fn a_setting_that_pomelo_reads_is_warned_of_with_where_it_belongs() {
    let set = |app: Builder<Rpc>| {
        app.configure("all", "chat", |app| {
            app.set("ssh_config_params", ["-p", "2222"]).unwrap();
            app.set("own", 7).unwrap();
        })
    };
    assert_eq!(
        start(set).await.unwrap(),
        [
            "chat-1: app.set(\"ssh_config_params\", …) is a setting like any other, and nothing reads it: the arguments of ssh are \
          `sshConfigParams` in master.json"
        ]
    );
}

#[tokio::test]
async fn what_is_right_is_taken_without_a_word() {
    let right = |app: Builder<Rpc>| {
        app.configure("all", "all", |_| {})
            .configure("production | development", "gate | chat", |app| {
                app.route("connector", |by, servers| pick(by.key_or("rid")?, servers));
            })
            .route("default", |by, servers| pick(by.key_or("rid")?, servers))
            .route("chat", |by, servers| pick(by.key_or("rid")?, servers))
            .mount("chat", |_, _| {})
    };
    assert_eq!(start(right).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_mistake_is_an_error_before_a_master_starts_anything() {
    let dir = Dir::new(&[("servers.json", SERVERS), ("master.json", r#"{ "port": 0 }"#)]);
    let builder = dir.application().configure("all", "conector", |_| {}).args(["start"]);
    let error = builder.run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.message().starts_with(r#".configure("all", "conector", …) is for servers of type"#),
        "{error}"
    );
    assert!(!dir.has_logs());
}

#[tokio::test]
async fn a_server_or_type_that_there_is_not_is_named_with_what_was_meant() {
    let dir = Dir::new(&[("servers.json", SERVERS)]);
    let error = dir.application().start_server("conector-1", None).await.err().unwrap();
    assert_eq!(
        dir.masked(error.message()),
        "<dir>/servers.json: there is no server `conector-1` in the environment `development`, did you mean `connector-1`?"
    );
    for (arguments, expected) in [
        (
            ["start", "--type", "chatt"],
            "server of type `chatt` in the environment `development`, did you mean `chat`?",
        ),
        (["start", "--id", "area-7"], "server `area-7` in the environment `development`"),
    ] {
        let error = dir.application().args(arguments).run().await.unwrap_err();
        assert_eq!(dir.masked(error.message()), format!("<dir>/servers.json: there is no {expected}"));
        assert!(!dir.has_logs());
    }
}
