//! Certificates for tests of TLS: an authority of the test's own, and what it has signed, as files.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority, and a certificate each for a NATS server on this machine and for its clients.
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut params = CertificateParams::new(vec![]).expect("an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("it signs itself");
        let certificates = Self { dir };
        certificates.write("ca.pem", &authority.pem());
        let issuer = Issuer::new(params, key);
        for (name, purpose) in
            [("server", ExtendedKeyUsagePurpose::ServerAuth), ("client", ExtendedKeyUsagePurpose::ClientAuth)]
        {
            let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
            let mut params = CertificateParams::new(names).expect("names");
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().expect("a key");
            let signed = params.signed_by(&key, &issuer).expect("the authority signs");
            certificates.write(&format!("{name}.pem"), &signed.pem());
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("it is written");
    }

    /// One of `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a NATS server is configured with that takes only clients with a certificate.
    pub fn of_server(&self) -> String {
        let path = |name: &str| format!("{:?}", self.path(name).display().to_string());
        format!(
            "tls {{ cert_file: {}, key_file: {}, ca_file: {}, verify: true, timeout: 10 }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }
}
