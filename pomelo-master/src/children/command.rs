//! The command line of a server.

use std::collections::HashMap;
use std::sync::Arc;

use pomelo_core::value::{ServerId, ServerInfo};
use serde_json::Value;
use shlex::Quoter;

use crate::token::TOKEN_VARIABLE;

/// What all servers are.
pub(crate) struct Program {
    pub(crate) exe: String,
    /// Before ours.
    pub(crate) args: Vec<String>,
    pub(crate) env: String,
    /// The directory that it runs in.
    pub(crate) dir: String,
    pub(crate) ssh_args: Vec<String>,
    /// The servers of servers.json: others don't find themselves there, or not as they are to be.
    pub(crate) listed: HashMap<ServerId, Arc<ServerInfo>>,
}

/// A program and its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
}

impl Program {
    /// Of a server on this host: the program with `--server-id` and `--env`, for one that was added also `--server-info`
    /// with its entry as JSON, and then the entry's own `args` (a list, or a text that is split as a shell does). With
    /// `cpu`, a list such as `0,2-3`, it runs on these by `taskset`.
    pub(crate) fn here(&self, info: &ServerInfo) -> Result<CommandLine, String> {
        let mut words = Vec::new();
        if let Some(cpu) = setting(info, "cpu")? {
            words.extend(["taskset".to_owned(), "-c".to_owned(), cpu]);
        }
        words.push(self.exe.clone());
        words.extend(self.args.iter().cloned());
        words.extend(["--server-id".to_owned(), info.id.to_string(), "--env".to_owned(), self.env.clone()]);
        if self.listed.get(&info.id).is_none_or(|listed| **listed != *info) {
            let entry = serde_json::to_string(info).map_err(|error| error.to_string())?;
            words.extend(["--server-info".to_owned(), entry]);
        }
        words.extend(own_args(info)?);
        let program = words.remove(0);
        Ok(CommandLine { program, args: words })
    }

    /// Of a server on another host: `ssh` and one text that its shell runs. `with_token` has it read the token of the servers
    /// from its input.
    pub(crate) fn there(&self, info: &ServerInfo, with_token: bool) -> Result<CommandLine, String> {
        let CommandLine { program, args } = self.here(info)?;
        let dir = quote([self.dir.as_str()])?;
        let reading = format!("read -r {TOKEN_VARIABLE} && export {TOKEN_VARIABLE} && exec \"$@\"");
        let reader = ["sh", "-c", reading.as_str(), "sh"];
        let before = if with_token { &reader[..] } else { &[] };
        let words = before.iter().copied().chain([program.as_str()]).chain(args.iter().map(String::as_str));
        Ok(self.ssh(info, format!("cd {dir} && exec {}", quote(words)?)))
    }

    /// Kills a process on the host of a server.
    pub(crate) fn kill_there(&self, info: &ServerInfo, pid: u32) -> Result<CommandLine, String> {
        Ok(self.ssh(info, format!("kill -9 {pid}")))
    }

    fn ssh(&self, info: &ServerInfo, line: String) -> CommandLine {
        let mut args = self.ssh_args.clone();
        // There is nobody to type a password. After `--`, a host can't pass for an option.
        args.extend(["-o", "BatchMode=yes", "--", &info.host, &line].map(str::to_owned));
        CommandLine { program: "ssh".into(), args }
    }
}

/// A text that a shell takes for these words.
fn quote<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
    Quoter::new().join(words).map_err(|error| format!("the command line can't be quoted: {error}"))
}

/// A number or text of the entry, as text.
fn setting(info: &ServerInfo, key: &str) -> Result<Option<String>, String> {
    match info.setting(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(format!("servers.json: {}: `{key}` is a number or a text, not {other}", info.id)),
    }
}

fn own_args(info: &ServerInfo) -> Result<Vec<String>, String> {
    let wrong = || format!("servers.json: {}: `args` is a text or a list of texts", info.id);
    match info.setting("args") {
        None => Ok(vec![]),
        Some(Value::String(text)) => shlex::split(text).ok_or_else(wrong),
        Some(Value::Array(list)) => {
            list.iter().map(|arg| arg.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// Whether an entry says `true`, as a boolean or, as in pomelo, as text.
pub(crate) fn is_set(info: &ServerInfo, key: &str) -> bool {
    info.setting(key).is_some_and(|value| value == true || value == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn program() -> Program {
        Program {
            exe: "/srv/my game/game".into(),
            args: vec![],
            env: "production".into(),
            dir: "/srv/my game".into(),
            ssh_args: vec!["-p".into(), "2222".into()],
            listed: HashMap::new(),
        }
    }

    /// With such a server in its servers.json.
    fn program_of(entry: &Value) -> Program {
        let info = Arc::new(server(entry.clone()));
        Program { listed: HashMap::from([(info.id.clone(), info)]), ..program() }
    }

    fn server(entry: Value) -> ServerInfo {
        serde_json::from_value(entry).unwrap()
    }

    #[test]
    fn a_server_here_is_the_program_with_its_id_and_its_own_arguments_last() {
        for args in [json!("--verbose 'a b'"), json!(["--verbose", "a b"])] {
            let entry = json!({ "id": "chat-1", "args": args });
            let line = program_of(&entry).here(&server(entry)).unwrap();
            assert_eq!(line.program, "/srv/my game/game");
            assert_eq!(line.args, ["--server-id", "chat-1", "--env", "production", "--verbose", "a b"]);
        }
    }

    #[test]
    fn a_cpu_is_set_by_taskset() {
        for cpu in [json!(2), json!("2")] {
            let line = program().here(&server(json!({ "id": "chat-1", "cpu": cpu }))).unwrap();
            assert_eq!(line.program, "taskset");
            assert_eq!(line.args[..4], ["-c", "2", "/srv/my game/game", "--server-id"]);
        }
    }

    #[test]
    fn a_server_that_was_added_or_is_otherwise_than_in_the_file_gets_its_entry() {
        let (listed, changed) = (json!({ "id": "chat-1", "port": 6 }), json!({ "id": "chat-1", "port": 7 }));
        let line = program_of(&listed).here(&server(changed.clone())).unwrap();
        assert_eq!(serde_json::from_str::<ServerInfo>(&line.args[5]).unwrap(), server(changed));
        let added = server(json!({ "id": "chat-9", "serverType": "chat", "port": 7, "area": "x" }));
        let line = program().here(&added).unwrap();
        assert_eq!(line.args[4], "--server-info");
        assert_eq!(serde_json::from_str::<ServerInfo>(&line.args[5]).unwrap(), added);
    }

    #[test]
    fn on_another_host_a_shell_reads_each_word_as_it_was() {
        let id = "it's; rm -rf $HOME";
        let entry = json!({ "id": id, "host": "10.0.0.7" });
        let line = program_of(&entry).there(&server(entry), false).unwrap();
        assert_eq!(line.program, "ssh");
        let (text, before) = line.args.split_last().unwrap();
        assert_eq!(before, ["-p", "2222", "-o", "BatchMode=yes", "--", "10.0.0.7"]);
        let (cd, run) = text.split_once(" && exec ").unwrap();
        assert_eq!(shlex::split(cd).unwrap(), ["cd", "/srv/my game"]);
        assert_eq!(
            shlex::split(run).unwrap(),
            ["/srv/my game/game", "--server-id", id, "--env", "production"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_real_shell_reads_each_word_as_it_was() {
        let entry = json!({ "id": "it's; rm -rf $HOME", "args": ["`id`\n\\ \"", ""] });
        let (exe, args) = ("printf".into(), vec!["<%s>".into()]);
        let program = Program { exe, args, dir: "/".into(), ..program_of(&entry) };
        let server = server(entry);
        for with_token in [false, true] {
            let text = program.there(&server, with_token).unwrap().args.pop().unwrap();
            assert_eq!(
                said_by_shell(&text),
                "<--server-id><it's; rm -rf $HOME><--env><production><`id`\n\\ \"><>"
            );
        }
    }

    /// What a shell prints that runs a text and gets a token.
    #[cfg(unix)]
    fn said_by_shell(text: &str) -> String {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut shell = Command::new("sh");
        let mut shell =
            shell.args(["-c", text]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // One that doesn't read it may be gone.
        let _ = shell.stdin.take().unwrap().write_all(b"the token\n");
        String::from_utf8(shell.wait_with_output().unwrap().stdout).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn on_another_host_a_server_gets_the_token_and_no_command_line_has_it() {
        let script = format!("printf '<%s>' \"${TOKEN_VARIABLE}\"");
        let program =
            Program { exe: "sh".into(), args: vec!["-c".into(), script], dir: "/".into(), ..program() };
        let text = program.there(&server(json!({ "id": "chat-1" })), true).unwrap().args.pop().unwrap();
        assert_eq!(said_by_shell(&text), "<the token>");
    }

    #[test]
    fn what_a_line_cannot_hold_is_named() {
        let refused = |entry: Value| program().here(&server(entry)).unwrap_err();
        assert_eq!(
            refused(json!({ "id": "chat-1", "args": 7 })),
            "servers.json: chat-1: `args` is a text or a list of texts"
        );
        assert_eq!(
            refused(json!({ "id": "chat-1", "cpu": true })),
            "servers.json: chat-1: `cpu` is a number or a text, not true"
        );
    }
}
