//! Access: who may register, what servers need to be allowed, and TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::app::{Server, client, pair, patient};
use crate::support::server::EtcdServer;
use etcd_client::Permission;
use pomelo::error::StartError;
use pomelo_etcd::{Etcd, EtcdError};

/// Has an etcd ask for passwords, with a user who may do what the README says that servers need.
async fn with_authentication() -> EtcdServer {
    let server = EtcdServer::start().await;
    let mut client = client(&server).await;
    client.role_add("game").await.unwrap();
    // All that begins with `/game/`.
    client.role_grant_permission("game", Permission::read_write("/game/").with_prefix()).await.unwrap();
    for (user, role) in [("root", "root"), ("game", "game")] {
        client.user_add(user, "right", None).await.unwrap();
        client.user_grant_role(user, role).await.unwrap();
    }
    client.auth_enable().await.unwrap();
    server
}

/// What is the matter, by the type of the source of an error.
fn cause(error: &StartError) -> &EtcdError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(next) = cause {
        if let Some(found) = next.downcast_ref() {
            return found;
        }
        cause = next.source();
    }
    panic!("{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_permission_of_the_readme_is_what_servers_need() {
    let server = with_authentication().await;
    let etcd = patient(&server).prefix("/game").user("game", "right");
    let (caller, callee) = pair(&etcd).await;
    caller.stop().await;
    callee.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_no_password_and_another_prefix_are_errors_of_the_start() {
    let server = with_authentication().await;
    let right = patient(&server).prefix("/game");
    for (wrong, says) in [
        (right.clone().user("game", "wrong"), "authentication failed"),
        (right.clone(), "user name is empty"),
        (right.clone().user("game", "right").prefix("/gamer"), "permission denied"),
    ] {
        let error = Server::try_start(&wrong, "caller-1").await.err().unwrap();
        assert!(matches!(cause(&error), EtcdError::Refused { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{}", server.port)) && text.contains(says), "{text}");
        assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_others_could_listen_to_is_refused_before_anything_is_sent() {
    let error = Server::try_start(&Etcd::new(["http://10.0.0.5:2379"]), "caller-1").await.err().unwrap();
    assert!(matches!(cause(&error), EtcdError::Insecure(at) if at == "10.0.0.5:2379"));
    assert!(error.to_string().contains("allow_insecure()"), "{error}");
}

/// Certificates of the test's own, made by openssl: of an authority, a server and a client.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let own = Self(dir);
        std::fs::write(own.path("server.ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        std::fs::write(own.path("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
        let authority = ["req", "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"];
        own.openssl(&[&authority[..], &key].concat());
        for name in ["server", "client"] {
            let file = |end: &str| format!("{name}.{end}");
            let (secret, asks, is, more) = (file("key"), file("csr"), file("pem"), file("ext"));
            let subject = format!("/CN={name}");
            let request = ["req", "-subj", &subject, "-keyout", &secret, "-out", &asks];
            own.openssl(&[&request[..], &key[..5]].concat());
            let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
            own.openssl(&[&["x509", "-req", "-in", &asks, "-out", &is, "-extfile", &more][..], &by].concat());
        }
        own
    }

    fn openssl(&self, args: &[&str]) {
        let done = Command::new("openssl").args(args).current_dir(self.0.path()).output();
        let done = done.expect("these tests need openssl");
        assert!(done.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_both_sides_prove_who_they_are() {
    let made = Certificates::make();
    let path = |name: &str| made.path(name).to_str().unwrap().to_owned();
    let server = EtcdServer::start_with_tls(
        [("--cert-file", "server.pem"), ("--key-file", "server.key"), ("--trusted-ca-file", "ca.pem")]
            .into_iter()
            .flat_map(|(option, name)| [option.to_owned(), path(name)])
            .chain(["--client-cert-auth".to_owned()])
            .collect(),
    )
    .await;
    let known = patient(&server)
        .root_certificates(made.path("ca.pem"))
        .client_certificate(made.path("client.pem"), made.path("client.key"));
    let (caller, callee) = pair(&known).await;
    caller.stop().await;
    callee.stop().await;
    let lost = patient(&server).root_certificates(Path::new("/nowhere/ca.pem"));
    let error = Server::try_start(&lost, "caller-1").await.err().unwrap();
    assert!(matches!(cause(&error), EtcdError::Certificate { path, .. } if path.starts_with("/nowhere")));
}
