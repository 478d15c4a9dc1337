//! Callers that are known by their certificates.

use lineguard::server::Doors;
use lineguard::server::tls::Tls;
use rcgen::{CertificateParams, CustomExtension, DnType, SanType};
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::pki::{self, Ca, Files, Leaf, dns, uri};
use super::{Guarded, access, ask, caller, not_permitted, refused, unauthenticated, unclear};
use crate::harness::Harness;

const STORE: &str = "spiffe://example.org/fax/store";

/// What came of a connection with a question.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Answer,
    Refusal((tonic::Code, String)),
    /// The connection was not made, or was cut before there was an answer.
    NoConnection,
}

async fn came(address: &str, ca: &Ca, leaf: Option<&Leaf>) -> Came {
    let Ok(channel) = pki::connect(address, ca, leaf).await else { return Came::NoConnection };
    match ask(channel).await {
        Ok(_) => Came::Answer,
        // With TLS 1.3 a client learns only at its first call that its certificate was not taken.
        Err(status) if status.get_ref_source() => Came::NoConnection,
        Err(status) => Came::Refusal(refused(&status)),
    }
}

trait OfTransport {
    fn get_ref_source(&self) -> bool;
}

impl OfTransport for tonic::Status {
    /// Whether it was made here, because of the connection.
    fn get_ref_source(&self) -> bool {
        std::error::Error::source(self).is_some()
    }
}

#[tokio::test]
async fn a_caller_is_who_its_certificate_says() {
    let harness = Harness::start().await;
    let (ca, other_ca) = (Ca::new(), Ca::new());
    let server = ca.server();
    let files = Files::new(&server, &[&ca]);
    let callers = [
        caller("store", &format!("spiffe = [\"{STORE}\"]")),
        caller("router", "dns = [\"router.fax.svc\"]"),
        caller("desk", "dns = [\"desk.fax.svc\"]"),
    ];
    let doors = Doors { access: access(&callers), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;

    let plain = |_: &mut CertificateParams| {};
    let unknown = Came::Refusal(unauthenticated());
    let names: [(&str, &[SanType], Came); 11] = [
        ("its SPIFFE ID", &[uri(STORE)], Came::Answer),
        ("a DNS name beside it does not count", &[uri(STORE), dns("router.fax.svc")], Came::Answer),
        ("its DNS name", &[dns("router.fax.svc")], Came::Answer),
        ("case of a DNS name", &[dns("Router.FAX.svc")], Came::Answer),
        ("another ID", &[uri("spiffe://example.org/fax/store2")], unknown),
        (
            "case of an ID",
            &[uri("spiffe://example.org/Fax/store")],
            Came::Refusal(unauthenticated()),
        ),
        (
            "another trust domain",
            &[uri("spiffe://example.com/fax/store")],
            Came::Refusal(unauthenticated()),
        ),
        ("two IDs", &[uri(STORE), uri("spiffe://example.org/other")], Came::Refusal(unclear())),
        (
            "an unknown ID beside a known DNS name",
            &[uri("spiffe://example.org/other"), dns("router.fax.svc")],
            Came::Refusal(unauthenticated()),
        ),
        ("two callers", &[dns("router.fax.svc"), dns("desk.fax.svc")], Came::Refusal(unclear())),
        ("no name", &[], Came::Refusal(unclear())),
    ];
    for (what, names, expected) in names {
        let leaf = ca.leaf(names, plain);
        assert_eq!(came(&server.address, &ca, Some(&leaf)).await, expected, "{what}");
    }

    let store = [uri(STORE)];
    let refused_at_once = [
        ("no certificate", None),
        ("another CA", Some(other_ca.leaf(&store, plain))),
        ("expired", Some(ca.leaf(&store, pki::expired))),
        ("not yet valid", Some(ca.leaf(&store, pki::not_yet_valid))),
    ];
    for (what, leaf) in refused_at_once {
        let came = came(&server.address, &ca, leaf.as_ref()).await;
        assert_eq!(came, Came::NoConnection, "{what}");
    }
    assert!(
        pki::connect(&server.address, &other_ca, None).await.is_err(),
        "a client does not talk to a server of another CA"
    );
    server.stop().await;
    harness.stop().await;
}

/// A certificate has been checked, and so is a proof; that it does not say whose is no reason to take
/// its holder for somebody who offered none.
#[tokio::test]
async fn a_certificate_that_says_nothing_is_not_nobody() {
    let harness = Harness::start().await;
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let callers = [
        caller("rest", "anonymous = true"),
        caller("router", "dns = [\"router.fax.svc\"]"),
        caller("desk", "dns = [\"desk.fax.svc\"]"),
    ];
    let doors = Doors { access: access(&callers), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;

    let mail = SanType::Rfc822Name("router@fax.svc".try_into().unwrap());
    let other = uri("spiffe://example.org/other");
    let router = dns("router.fax.svc");
    let cases: [(&[SanType], &str); 8] = [
        (&[uri(STORE), other.clone()], "the certificate has several URIs"),
        (&[uri(STORE), uri(STORE)], "the certificate has several URIs"),
        (&[uri("https://example.org/a")], "the URI of the certificate is no SPIFFE ID"),
        (
            &[uri("spiffe://Example.org/a"), router.clone()],
            "the URI of the certificate is no SPIFFE ID",
        ),
        (&[], "the certificate has neither a URI nor a DNS name"),
        (&[mail], "the certificate has neither a URI nor a DNS name"),
        (
            &[SanType::IpAddress([127, 0, 0, 1].into())],
            "the certificate has neither a URI nor a DNS name",
        ),
        (
            &[router.clone(), dns("desk.fax.svc")],
            "the DNS names of the certificate are those of several callers",
        ),
    ];
    let named = |params: &mut CertificateParams| {
        params.distinguished_name.push(DnType::CommonName, "router.fax.svc");
    };
    for (names, why) in cases {
        let leaf = ca.leaf(names, named);
        assert_unclear(&server, &ca, &leaf, why).await;
    }
    // A name that cannot be read may have been the one that counts.
    let unreadable = |params: &mut CertificateParams| {
        let names = [&[0x86, 2, 0xff, 0xfe][..], b"\x82\x0erouter.fax.svc"].concat();
        let names = [&[0x30, u8::try_from(names.len()).unwrap()][..], &names].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    };
    let why = "the certificate, or a name in it, cannot be read";
    assert_unclear(&server, &ca, &ca.leaf(&[], unreadable), why).await;

    // Whom nobody knows offered a proof as well.
    let unknown = [dns("unknown.fax.svc"), other];
    for names in [&unknown[..1], &unknown[1..]] {
        let leaf = ca.leaf(names, |_| {});
        let came = came(&server.address, &ca, Some(&leaf)).await;
        assert_eq!(came, Came::Refusal(unauthenticated()), "{names:?}");
    }
    let leaf = ca.leaf(&[router], named);
    assert_eq!(came(&server.address, &ca, Some(&leaf)).await, Came::Answer);
    server.stop().await;
    harness.stop().await;
}

async fn assert_unclear(server: &Guarded, ca: &Ca, leaf: &Leaf, why: &str) {
    let channel = pki::connect(&server.address, ca, Some(leaf)).await.unwrap();
    let status = ask(channel).await.unwrap_err();
    assert_eq!((refused(&status), status.message()), (unclear(), why));
}

/// A session that is taken up again would bring the certificate of its beginning, which may have
/// ended since.
#[tokio::test]
async fn no_session_is_taken_up_again_without_its_certificate() {
    let harness = Harness::start().await;
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let callers = [caller("store", &format!("spiffe = [\"{STORE}\"]"))];
    let doors = Doors { access: access(&callers), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;
    let connector = pki::connector(&ca, Some(&ca.leaf(&[uri(STORE)], |_| {})));
    for _ in 0..3 {
        let stream = TcpStream::connect(&server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        // What the server says first comes behind whatever sessions can be taken up by.
        stream.read_exact(&mut [0; 9]).await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
    server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn plaintext_gets_nothing_where_tls_is_spoken() {
    let harness = Harness::start().await;
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let doors =
        Doors { access: access(&[caller("all", "anonymous = true")]), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;
    let uri = format!("http://{}", server.address);
    let channel = tonic::transport::Channel::from_shared(uri).unwrap().connect_lazy();
    let status = ask(channel).await.unwrap_err();
    assert!(status.get_ref_source(), "{status:?}");
    server.stop().await;
    harness.stop().await;
}

#[test]
fn files_that_do_not_belong_together_are_refused_by_name() {
    let ca = Ca::new();
    let (one, other) = (ca.server(), ca.server());
    let files = Files::new(&Leaf { key: other.key, ..one.clone() }, &[&ca]);
    let error = |files: &Files| Tls::load(&files.files).unwrap_err().to_string();
    assert!(error(&files).starts_with("tls.key_file: "), "{}", error(&files));
    files.put(&one, &[]);
    assert_eq!(error(&files), "tls.client_ca_file: there is no certificate in it");
    files.put(&one, &[&ca]);
    files.write("tls.crt", "nothing");
    assert_eq!(error(&files), "tls.certificate_file: there is no certificate in it");
    files.put(&one, &[&ca]);
    Tls::load(&files.files).unwrap();
}

#[tokio::test]
async fn a_known_caller_may_still_not_call_everything() {
    let harness = Harness::start().await;
    let ca = Ca::new();
    let files = Files::new(&ca.server(), &[&ca]);
    let limited = format!(
        "[[caller]]\nname = \"status\"\nspiffe = [\"{STORE}\"]\n\
         methods = [\"OperationsService/GetStatus\"]\ntenants = []\nproducts = []\n"
    );
    let doors = Doors { access: access(&[limited]), tls: Some(files.load()) };
    let server = Guarded::start(&harness, doors).await;
    let leaf = ca.leaf(&[uri(STORE)], |_| {});
    let refusal = came(&server.address, &ca, Some(&leaf)).await;
    assert_eq!(refusal, Came::Refusal(not_permitted()));
    server.stop().await;
    harness.stop().await;
}
