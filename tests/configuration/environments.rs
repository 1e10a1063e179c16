//! Environments that steps name, and those that there are.

use pomelo::Hybrid;

use crate::world::{Dir, SERVERS};

/// The warnings of an application whose chat servers have a step for these environments.
async fn warnings(files: &[(&str, &str)], envs: &str) -> Vec<String> {
    let dir = Dir::new(files);
    let builder = dir.application().configure(envs, "chat", |_| {});
    dir.start(builder).await.unwrap()
}

#[tokio::test]
async fn a_step_for_environments_that_there_are_not_is_warned_of() {
    let files = &[("servers.json", SERVERS)];
    for envs in ["all", "development", "production", "production|staging", "test|production|development"] {
        assert_eq!(warnings(files, envs).await, [""; 0], "{envs}");
    }
    assert_eq!(
        warnings(files, "prodution|develop").await,
        [
            r#".configure("prodution|develop", "chat", …): there is no environment `prodution`, did you mean `production`?"#
        ]
    );
    assert_eq!(
        warnings(files, "development|prodcution").await,
        [
            r#".configure("development|prodcution", "chat", …): there is no environment `prodcution`, did you mean `production`?"#
        ]
    );
    assert_eq!(
        warnings(files, "staging|test").await,
        [concat!(
            r#".configure("staging|test", "chat", …) is for no environment that there is: "#,
            "servers run in `development`, known are `development`, `production`"
        )]
    );
}

#[tokio::test]
async fn a_directory_with_servers_is_an_environment() {
    let servers = r#"{ "chat": [{ "id": "chat-1" }] }"#;
    let files = &[("development/servers.json", servers), ("staging/servers.json", servers)];
    assert_eq!(warnings(files, "staging").await, [""; 0]);
    assert_eq!(
        warnings(files, "stagign").await,
        [r#".configure("stagign", "chat", …): there is no environment `stagign`, did you mean `staging`?"#]
    );
}

#[tokio::test]
async fn an_environment_that_no_step_is_for_is_warned_of() {
    let dir = Dir::new(&[("servers.json", r#"{ "chat": [{ "id": "chat-1" }] }"#)]);
    assert_eq!(
        dir.start(dir.application().env("staging")).await.unwrap(),
        ["no .configure(…) is for the environment `staging`, they are for `development`, `production`"]
    );
    assert_eq!(
        dir.start(dir.application().configure("all", "chat", |_| {}).env("staging")).await.unwrap(),
        [""; 0]
    );
}

#[tokio::test]
async fn an_environment_without_servers_is_an_error_that_names_the_others() {
    let dir = Dir::new(&[("servers.json", SERVERS)]);
    assert_eq!(
        dir.start(dir.application().env("prodution")).await.unwrap_err(),
        "<dir>/servers.json: top level: there is no environment `prodution`, it has `development`, `production`, did you mean \
         `production`?"
    );
}

#[tokio::test]
async fn an_application_without_servers_does_not_start() {
    for text in ["{}", r#"{ "chat": [] }"#, r#"{ "//": "none yet" }"#] {
        let dir = Dir::new(&[("servers.json", text)]);
        let error = dir.start(dir.application()).await.unwrap_err();
        assert_eq!(error, "<dir>/servers.json: found no server, expected at least one", "{text}");
    }
}

#[tokio::test]
async fn a_frontend_that_no_step_gives_a_connector_is_an_error() {
    let dir = Dir::new(&[("servers.json", r#"{ "gate": [{ "id": "gate-1", "frontend": true }] }"#)]);
    let missing = |env: &str| {
        format!(
            "<dir>/servers.json: gate-1 is a frontend and has no connector in the environment `{env}`: \
             .configure(\"{env}\", \"gate\", |app| app.connector(…)) adds one"
        )
    };
    assert_eq!(dir.start(dir.bare_application()).await.unwrap_err(), missing("development"));
    assert_eq!(dir.start(dir.application().env("staging")).await.unwrap_err(), missing("staging"));
    let empty = dir.bare_application().configure("all", "gate", |_| {});
    assert_eq!(dir.start(empty).await.unwrap_err(), missing("development"));
    let dir = Dir::new(&[("servers.json", r#"{ "gate": [{ "id": "gate-1" }] }"#)]);
    let backend = dir.bare_application().configure("all", "gate", |app| app.connector(Hybrid::new()));
    assert_eq!(
        dir.start(backend).await.unwrap_err(),
        "<dir>/servers.json: gate-1 has a connector and is no frontend: set \"frontend\": true"
    );
}
