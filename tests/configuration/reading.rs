//! servers.json in all the forms in which published games have it.

use crate::world::Dir;

/// What is read of a server, on one line.
fn servers(dir: &Dir, env: &str) -> Vec<String> {
    let config = dir.read(env).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    let line = |port: Option<u16>| port.map_or("-".to_owned(), |port| port.to_string());
    let servers = config.servers.iter().map(|info| {
        let (port, client_port) = (line(info.port), line(info.client_port));
        let side = if info.frontend { "frontend" } else { "backend" };
        format!("{} {} {} {port} {client_port} {side}", info.server_type, info.id, info.host)
    });
    servers.collect()
}

#[test]
fn every_form_of_servers_json_is_read_as_pomelo_reads_it() {
    for (form, file, text, expected) in [
        (
            "with environments",
            "servers.json",
            r#"{ "development": { "chat": [{ "id": "chat-1", "host": "10.0.0.1", "port": 6050 }] }, "production": {} }"#,
            &["chat chat-1 10.0.0.1 6050 - backend"][..],
        ),
        (
            "bare",
            "servers.json",
            r#"{ "chat": [{ "id": "chat-1", "host": "10.0.0.1", "port": 6050 }] }"#,
            &["chat chat-1 10.0.0.1 6050 - backend"],
        ),
        (
            "in the environment's directory",
            "development/servers.json",
            r#"{ "chat": [{ "id": "chat-1", "host": "10.0.0.1", "port": 6050 }] }"#,
            &["chat chat-1 10.0.0.1 6050 - backend"],
        ),
        (
            "with a byte order mark",
            "servers.json",
            "\u{feff}{ \"chat\": [{ \"id\": \"chat-1\" }] }",
            &["chat chat-1 127.0.0.1 - - backend"],
        ),
        (
            "ports as texts and with a point",
            "servers.json",
            r#"{ "gate": [{ "id": "gate-1", "port": "11911", "clientPort": " 3014 ", "frontend": true }],
                 "chat": [{ "id": "chat-1", "port": 4050.0 }, { "id": "chat-2", "port": "4051.0" }] }"#,
            &[
                "gate gate-1 127.0.0.1 11911 3014 frontend",
                "chat chat-1 127.0.0.1 4050 - backend",
                "chat chat-2 127.0.0.1 4051 - backend",
            ],
        ),
        (
            "booleans as texts",
            "servers.json",
            r#"{ "gate": [{ "id": "a", "frontend": "true" }, { "id": "b", "frontend": "false" }, { "id": "c", "frontend": "" },
                          { "id": "d", "frontend": 0 }, { "id": "e", "frontend": null }] }"#,
            &[
                "gate a 127.0.0.1 - - frontend",
                "gate b 127.0.0.1 - - backend",
                "gate c 127.0.0.1 - - backend",
                "gate d 127.0.0.1 - - backend",
                "gate e 127.0.0.1 - - backend",
            ],
        ),
        (
            "what says nothing",
            "servers.json",
            r#"{ "chat": [{ "id": "chat-1", "host": "", "port": null, "clientPort": null, "clientHost": "", "args": "",
                            "clusterCount": null }] }"#,
            &["chat chat-1 127.0.0.1 - - backend"],
        ),
        (
            "comments in a bare file",
            "development/servers.json",
            r#"{ "@describe": { "@chat": "rooms", "list": [] }, "//": "comment", "//chat": [{ "id": "out" }], "_note": {},
                 "description": "comment", "chat": [{ "id": "chat-1", "//": "comment", "@port": { "of": "servers" } }] }"#,
            &["chat chat-1 127.0.0.1 - - backend"],
        ),
        (
            "comments beside and in an environment",
            "servers.json",
            r#"{ "@describe": { "id": "of a server" }, "comments": ["a list", { "id": "x" }],
                 "development": { "//": ["comment"], "chat": [{ "id": "chat-1" }] } }"#,
            &["chat chat-1 127.0.0.1 - - backend"],
        ),
        (
            "clusters",
            "servers.json",
            r#"{ "chat": [{ "clusterCount": 2, "port": "6050++" }, { "clusterCount": "1", "port": "7000", "id": "not mine" },
                          { "clusterCount": 1.0, "port": 8000 }, { "id": "chat-9" }] }"#,
            &[
                "chat cluster-server-chat-1 127.0.0.1 6050 - backend",
                "chat cluster-server-chat-2 127.0.0.1 6051 - backend",
                "chat cluster-server-chat-3 127.0.0.1 7000 - backend",
                "chat cluster-server-chat-4 127.0.0.1 8000 - backend",
                "chat chat-9 127.0.0.1 - - backend",
            ],
        ),
        (
            "an IPv6 host in brackets, blanks, an id that is a number",
            "servers.json",
            r#"{ "chat": [{ "id": 7, "host": "[::1]" }, { "id": "chat-2", "host": " 10.0.0.7\t" }] }"#,
            &["chat 7 ::1 - - backend", "chat chat-2 10.0.0.7 - - backend"],
        ),
        (
            "keys of the application's own",
            "servers.json",
            r#"{ "area": [{ "id": "area-1", "area": 1, "instance": true, "remote": "10.0.0.1", "httpPort": "x", "outHost": 3,
                            "hostname": "t0", "useSSL": false, "token": "t", "gameId": 3, "clientPort2": "none", "path": {} }] }"#,
            &["area area-1 127.0.0.1 - - backend"],
        ),
    ] {
        assert_eq!(servers(&Dir::new(&[(file, text)]), "development"), expected, "{form}");
    }
}

#[test]
fn what_is_no_utf_8_is_replaced() {
    let dir = Dir::of_bytes(&[(
        "servers.json",
        b"{ \"//\": \"\xb7\xfe\xce\xf1\", \"chat\": [{ \"id\": \"chat-1\" }] }",
    )]);
    assert_eq!(servers(&dir, "development"), ["chat chat-1 127.0.0.1 - - backend"]);
}

#[test]
fn settings_that_mean_something_are_what_they_should_be_and_others_as_they_stand() {
    let dir = Dir::new(&[(
        "servers.json",
        r#"{ "chat": [{ "id": "chat-1", "max-connections": "300", "weight": 2.0, "auto-restart": "true", "restart-force": "",
                        "cpu": 1, "args": ["--a"], "area": "7", "open": "true" }] }"#,
    )]);
    let config = dir.read("development").unwrap();
    assert_eq!(
        serde_json::to_string(&config.servers[0].settings).unwrap(),
        r#"{"max-connections":300,"weight":2,"auto-restart":true,"restart-force":"","cpu":1,"args":["--a"],"area":"7","open":"true"}"#
    );
}

#[test]
fn an_applications_own_file_is_read_by_the_same_rules() {
    let dir = Dir::new(&[
        ("servers.json", r#"{ "chat": [{ "id": "chat-1" }] }"#),
        ("area.json", "\u{feff}{ \"development\": { \"size\": 1 }, \"production\": { \"size\": 2 } }"),
        ("development/redis.json", r#"{ "port": "6379" }"#),
    ]);
    let config = dir.read("development").unwrap();
    assert_eq!(config.load("area.json").unwrap().unwrap().to_string(), r#"{"size":1}"#);
    assert_eq!(config.load("none.json").unwrap(), None);
    let redis = config.section("redis.json").unwrap().unwrap();
    assert_eq!(redis.entry().unwrap().port("port").unwrap(), Some(6379));
    let error = redis.entry().unwrap().unexpected("host", "a host").to_string();
    assert_eq!(dir.masked(&error), "<dir>/development/redis.json: host: missing, expected a host");
}
