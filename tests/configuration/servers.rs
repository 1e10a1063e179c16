//! Mistakes in servers.json.

use crate::world::Dir;

#[test]
fn a_mistake_in_servers_json_is_named_by_file_and_key_with_what_was_found_and_expected() {
    for (text, expected) in [
        ("", "<dir>/servers.json is not JSON: EOF while parsing a value at line 1 column 0"),
        ("{ chat: [] }", "<dir>/servers.json is not JSON: key must be a string at line 1 column 3"),
        ("[]", "<dir>/servers.json: top level: found a list, expected an object"),
        (
            r#"{ "development": {}, "production": { "chat": [{ "id": "chat-1" }] } }"#,
            "<dir>/servers.json: development: found no server, expected at least one; the file also has `production`",
        ),
        (
            r#"{ "production": { "chat": [{ "id": "chat-1" }] }, "//": {}, "test": {} }"#,
            "<dir>/servers.json: top level: there is no environment `development`, it has `production`, `test`",
        ),
        (
            r#"{ "develpoment": { "chat": [{ "id": "chat-1" }] } }"#,
            "<dir>/servers.json: top level: there is no environment `development`, it has `develpoment`, did you mean \
             `develpoment`?",
        ),
        (
            r#"{ "development": { "chat": { "id": "chat-1" } } }"#,
            "<dir>/servers.json: development.chat: found an object, expected a list of servers",
        ),
        (r#"{ "chat": ["chat-1"] }"#, r#"<dir>/servers.json: chat[0]: found "chat-1", expected an object"#),
        (
            r#"{ "chat": [{ "port": 1 }] }"#,
            "<dir>/servers.json: chat[0].id: missing, expected the id of the server, a text",
        ),
        (
            r#"{ "chat": [{ "id": ["a"] }] }"#,
            "<dir>/servers.json: chat[0].id: found a list, expected the id of the server, a text",
        ),
        (
            r#"{ "development": { "chat": [{ "id": "a" }, { "id": "a" }] } }"#,
            "<dir>/servers.json: development.chat[1].id: `a` is taken by development.chat[0]",
        ),
        (
            r#"{ "chat": [{ "id": "a", "port": 70000 }] }"#,
            "<dir>/servers.json: chat[0].port: found 70000, expected a port, a whole number from 0 to 65535",
        ),
        (
            r#"{ "development": { "connector": [{ "id": "a", "clientPort": "3010a" }] } }"#,
            r#"<dir>/servers.json: development.connector[0].clientPort: found "3010a", expected a port, a whole number from 0 to 65535"#,
        ),
        (
            r#"{ "chat": [{ "id": "a", "port": 4050.5 }] }"#,
            "<dir>/servers.json: chat[0].port: found 4050.5, expected a port, a whole number from 0 to 65535",
        ),
        (
            r#"{ "chat": [{ "id": "a", "host": { "ip": "10.0.0.1" } }] }"#,
            "<dir>/servers.json: chat[0].host: found an object, expected a host name or an address, a text",
        ),
        (
            r#"{ "chat": [{ "id": "a", "host": "10.0.0.1:6050" }] }"#,
            "<dir>/servers.json: chat[0].host: `10.0.0.1:6050` is no host: a port has a key of its own, and an IPv6 address looks \
             like ::1",
        ),
        (
            r#"{ "chat": [{ "id": "a", "clientHost": true }] }"#,
            "<dir>/servers.json: chat[0].clientHost: found true, expected a host name or an address, a text",
        ),
        (
            r#"{ "gate": [{ "id": "a", "frontend": "yes" }] }"#,
            r#"<dir>/servers.json: gate[0].frontend: found "yes", expected true or false"#,
        ),
        (
            r#"{ "chat": [{ "id": "a", "auto-restart": "on" }] }"#,
            r#"<dir>/servers.json: chat[0].auto-restart: found "on", expected true or false"#,
        ),
        (
            r#"{ "gate": [{ "id": "a", "max-connections": "many" }] }"#,
            r#"<dir>/servers.json: gate[0].max-connections: found "many", expected a whole number"#,
        ),
        (
            r#"{ "chat": [{ "id": "a", "weight": -1 }] }"#,
            "<dir>/servers.json: chat[0].weight: found -1, expected a whole number",
        ),
        (
            r#"{ "chat": [{ "id": "a", "args": 7 }] }"#,
            "<dir>/servers.json: chat[0].args: found 7, expected a text or a list of texts",
        ),
        (
            r#"{ "chat": [{ "id": "a", "cpu": true }] }"#,
            "<dir>/servers.json: chat[0].cpu: found true, expected a number or a text such as `0,2-3`",
        ),
        (
            r#"{ "chat": [{ "clusterCount": 0 }] }"#,
            "<dir>/servers.json: chat[0].clusterCount: found 0, expected a whole number from 1 to 10000",
        ),
        (
            r#"{ "chat": [{ "clusterCount": "20000" }] }"#,
            r#"<dir>/servers.json: chat[0].clusterCount: found "20000", expected a whole number from 1 to 10000"#,
        ),
        (
            r#"{ "chat": [{ "clusterCount": 2, "port": "x++" }] }"#,
            r#"<dir>/servers.json: chat[0].port: found "x++", expected a number before `++`"#,
        ),
        (
            r#"{ "chat": [{ "clusterCount": 10, "port": "65530++" }] }"#,
            r#"<dir>/servers.json: chat[0].port: found "65530++", which counts up to 65536: no port is above 65535"#,
        ),
        (
            r#"{ "chat": [{ "id": "a", "host": "localhost", "port": 6050 }, { "id": "b", "port": "6050" }] }"#,
            "<dir>/servers.json: chat[1].port: found 6050 for b, expected a port that no other server has at 127.0.0.1: a has it \
             (chat[0].port)",
        ),
        (
            r#"{ "gate": [{ "id": "g", "host": "10.0.0.1", "clientPort": 3014, "frontend": true }],
                 "connector": [{ "id": "c", "host": "10.0.0.1", "port": 3014 }] }"#,
            "<dir>/servers.json: connector[0].port: found 3014 for c, expected a port that no other server has at 10.0.0.1: g has it \
             (gate[0].clientPort)",
        ),
        (
            r#"{ "gate": [{ "id": "g", "port": 3014, "clientPort": 3014, "frontend": true }] }"#,
            "<dir>/servers.json: gate[0].clientPort: found 3014 for g, expected a port that no other server has at 127.0.0.1: g has it \
             (gate[0].port)",
        ),
        (
            r#"{ "chat": [{ "clusterCount": 2, "port": 6050 }] }"#,
            "<dir>/servers.json: chat[0].port: found 6050 for cluster-server-chat-2, expected a port that no other server has at \
             127.0.0.1: cluster-server-chat-1 has it (chat[0].port)",
        ),
    ] {
        let dir = Dir::new(&[("servers.json", text)]);
        assert_eq!(dir.read("development").unwrap_err(), expected, "{text}");
    }
}

#[test]
fn the_same_port_of_other_hosts_and_one_that_nobody_listens_on_are_taken_without_a_word() {
    let text = r#"{ "chat": [{ "id": "a", "host": "10.0.0.1", "port": 6050 }, { "id": "b", "host": "10.0.0.2", "port": 6050 },
                             { "id": "c", "port": 0 }, { "id": "d", "port": 0, "clientPort": 7 }, { "id": "e", "port": 7 }] }"#;
    let dir = Dir::new(&[("servers.json", text)]);
    assert_eq!(dir.read("development").unwrap().warnings, [""; 0]);
}

#[test]
fn the_file_that_was_read_is_named() {
    let dir = Dir::new(&[("development/servers.json", r#"{ "chat": [{ "id": "a", "port": "x" }] }"#)]);
    assert_eq!(
        dir.read("development").unwrap_err(),
        r#"<dir>/development/servers.json: chat[0].port: found "x", expected a port, a whole number from 0 to 65535"#
    );
    assert_eq!(
        dir.read("production").unwrap_err(),
        "there is no <dir>/servers.json, nor <dir>/production/servers.json: `.config_dir(…)` or the variable POMELO_CONFIG names \
         the directory"
    );
}

#[test]
fn a_path_is_named_whole_where_the_directory_is_relative() {
    let error = pomelo::config::Config::read("no/such/config", "development").unwrap_err().to_string();
    let whole = std::env::current_dir().unwrap().join("no/such/config/servers.json");
    assert!(error.starts_with(&format!("there is no {}, nor ", whole.display())), "{error}");
}

#[test]
fn what_may_be_a_mistake_is_a_warning() {
    for (text, expected) in [
        (
            r#"{ "development": { "chat": [{ "id": "a", "auto-restrat": true, "maxConnections": 5, "prot": 1, "rgs": "" }] } }"#,
            &[
                "<dir>/servers.json: development.chat[0].auto-restrat: is not read; did you mean `auto-restart`?",
                "<dir>/servers.json: development.chat[0].maxConnections: is not read; did you mean `max-connections`?",
                "<dir>/servers.json: development.chat[0].prot: is not read; did you mean `port`?",
                "<dir>/servers.json: development.chat[0].rgs: is not read; did you mean `args`?",
            ][..],
        ),
        (
            r#"{ "gate": [{ "id": "a", "wsPort": 3014 }] }"#,
            &["<dir>/servers.json: gate[0].wsPort: is not read, as in pomelo; did you mean `clientPort`?"],
        ),
        (
            r#"{ "chat": [{ "id": "a", "port": 1, "ports": [1, 2], "hosts": "the application's own", "host": "h" }] }"#,
            &[],
        ),
        (
            r#"{ "chat": [{ "id": "a", "port": 1, "prot": 2, "hots": "g", "host": "h" }] }"#,
            &[
                "<dir>/servers.json: chat[0].prot: is not read; did you mean `port`, which is there, too?",
                "<dir>/servers.json: chat[0].hots: is not read; did you mean `host`, which is there, too?",
            ],
        ),
        (
            r#"{ "development": { "chat": [{ "id": "a", "port": 1, "port": 2 }], "gate": [{ "id": "b" }], "gate": [] },
                "production": { "chat": [{ "id": "c", "id": "d" }] } }"#,
            &[
                "<dir>/servers.json: development.chat[0].port: is there twice, and the last one counts",
                "<dir>/servers.json: development.gate: is there twice, and the last one counts",
            ],
        ),
        (
            r#"{ "gate": [{ "id": "a", "host": "ws://127.0.0.1:8018" }] }"#,
            &[
                r#"<dir>/servers.json: gate[0].host: found "ws://127.0.0.1:8018", by which no server can be reached: clientHost is what clients are told"#,
            ],
        ),
        (
            r#"{ "gate": [{ "id": "a" }], "describe": { "gate": "first" }, "version": 3 }"#,
            &[
                "<dir>/servers.json: describe: found an object, which is no list of servers and is left out",
                "<dir>/servers.json: version: found 3, which is no list of servers and is left out",
            ],
        ),
    ] {
        let dir = Dir::new(&[("servers.json", text)]);
        let warnings = dir.read("development").unwrap().warnings;
        let warnings: Vec<_> = warnings.iter().map(|line| dir.masked(line)).collect();
        assert_eq!(warnings, expected, "{text}");
    }
}
