use super::policy::Policy;
use super::{Peer, Refused, Unclear};

/// The mistakes of a callers file.
fn mistakes(text: &str) -> Vec<String> {
    let mistakes = Policy::parse(text).expect_err("no mistake was found");
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let text = r#"format = 1
[[caller]]
name = "store"
spifee = []
spiffe = ["spiffe://Example.org/a", "spiffe://example.org/b"]
methods = ["AuthorizationService/Chekc", "AdminService/*"]
tenants = ["t1", ""]
products = ["facts"]
subject = "router"

[[caller]]
name = "store"
spiffe = ["spiffe://example.org/b"]
dns = ["*.example.org"]
unix_uid = ["root"]
token = [{ sha256 = "abc", expires = "soon" }]
tenants = ["*"]
products = ["*"]
on_behalf_of_others = true
subject = "service:router"

[[caller]]
name = "nobody"
methods = []
tenants = []
products = []
"#;
    assert_eq!(
        mistakes(text),
        [
            "4:1: unknown key `spifee`; did you mean `spiffe`?",
            "5:11: not a SPIFFE ID: `spiffe://trust.domain/path`",
            "6:12: unknown method `AuthorizationService/Chekc`; did you mean \
             `AuthorizationService/Check`?",
            "7:18: must not be empty",
            "8:13: unknown product `facts`",
            "9:11: not a subject: `service:fax-router`, `user:alice`",
            "11:1: missing key `methods`",
            "12:8: `store` stands here twice",
            "13:11: `spiffe://example.org/b` stands here twice",
            "14:8: a whole DNS name is needed",
            "15:13: not the number of a user",
            "16:21: not the 64 hexadecimal digits of a hash",
            "16:38: not a moment: `2027-01-31T00:00:00Z`",
            "20:1: `subject` says nothing beside `on_behalf_of_others = true`",
            "22:1: nothing says how it is known: `spiffe`, `dns`, `jwt`, `unix_uid`, `token` or \
             `anonymous`",
        ]
    );
}

#[test]
fn a_file_without_callers_lets_nobody_in() {
    let policy = Policy::parse("format = 1\n").unwrap();
    for peer in [Peer::Anonymous, Peer::Local { uid: 0 }] {
        assert_eq!(policy.of_peer(&peer), Err(Refused::Unauthenticated));
    }
    assert_eq!(mistakes(""), ["1:1: missing key `format`"]);
}

#[test]
fn a_user_of_this_machine_is_known_by_its_number() {
    let caller = |name: &str, how: &str| {
        format!(
            "[[caller]]\nname = \"{name}\"\n{how}\nmethods = [\"*\"]\ntenants = [\"*\"]\n\
             products = [\"*\"]\n"
        )
    };
    let text = format!("format = 1\n{}", caller("app", "unix_uid = [\"1000\"]"));
    let policy = Policy::parse(&text).unwrap();
    let name = |policy: &Policy, peer: Peer| policy.of_peer(&peer).map(|one| one.name.clone());
    let local = |uid| Peer::local(Ok::<_, ()>(uid));
    let known = |name: &str| Ok(name.to_owned());
    assert_eq!(name(&policy, local(1000)), known("app"));
    assert_eq!(name(&policy, local(1001)), Err(Refused::Unauthenticated));
    let policy = Policy::parse(&(text + &caller("rest", "anonymous = true"))).unwrap();
    assert_eq!(name(&policy, local(1000)), known("app"));
    assert_eq!(name(&policy, local(1001)), known("rest"));
    assert_eq!(name(&policy, Peer::Anonymous), known("rest"));
    // Whoever it is might be a caller whose rights are others.
    for unclear in [Unclear::NoUser, Unclear::NoConnection, Unclear::NoCertificate] {
        assert_eq!(name(&policy, Peer::Unclear(unclear)), Err(Refused::Unclear(unclear)));
    }
    assert_eq!(Peer::local(Err(())), Peer::Unclear(Unclear::NoUser));
}

/// What is sent by `SidecarService` is rows: limits to a subject or to products cannot hold there.
#[test]
fn nobody_who_is_limited_may_be_given_the_methods_of_sidecars() {
    let text = |methods: &str, rest: &str| {
        format!(
            "format = 1\n[[caller]]\nname = \"s\"\nanonymous = true\nmethods = [{methods}]\n\
             tenants = [\"t1\"]\n{rest}\n"
        )
    };
    let whole = "products = [\"*\"]\non_behalf_of_others = true";
    let limited = [
        "products = [\"fax\", \"voice\", \"messaging\"]\non_behalf_of_others = true",
        "products = [\"*\"]\nsubject = \"service:s\"",
        "products = [\"*\"]",
        "products = []",
    ];
    for methods in [
        "\"SidecarService/*\"",
        "\"AuthorizationService/*\", \"SidecarService/ReadModel\"",
        "\"SidecarService/ReadTenant\"",
        "\"SidecarService/Follow\"",
    ] {
        Policy::parse(&text(methods, whole)).unwrap();
        for rest in limited {
            assert_eq!(
                mistakes(&text(methods, rest)),
                ["5:1: `SidecarService` gives the rows of everybody and of all products, so it \
                  needs `products = [\"*\"]` and `on_behalf_of_others = true`"],
                "{methods}, {rest}"
            );
        }
    }
    // All methods are all that the limits leave.
    for rest in limited {
        Policy::parse(&text("\"*\"", rest)).unwrap();
    }
}

#[test]
fn a_caller_provisions_only_where_it_says_so() {
    let caller = |rights: &str| {
        let text = format!(
            "format = 1\n[[caller]]\nname = \"a\"\nanonymous = true\nmethods = [\"*\"]\n\
             tenants = [\"*\"]\nproducts = [\"*\"]\non_behalf_of_others = true\n{rights}"
        );
        Policy::parse(&text).unwrap().of_peer(&Peer::Anonymous).unwrap()
    };
    let (apply, import) = ("/lineguard.v1.AdminService/Apply", "/lineguard.v1.AdminService/Import");
    let index = "/lineguard.v1.FaxService/RegisterFax";
    let (may, may_not) = (caller("provisions = true\n"), caller(""));
    assert!(may.provisions && !may_not.provisions);
    assert!(!caller("provisions = false\n").provisions);
    // A sidecar passes a call on unread, and its parent sees the rights of the sidecar.
    for path in [apply, import, index] {
        let name = path.trim_start_matches('/');
        assert!(crate::wire::methods().iter().any(|method| *method == name), "{path} is no method");
        assert!(may.may_be_passed_on(path));
        assert_eq!(may_not.may_be_passed_on(path), path == index);
    }
    assert!(super::Caller::anybody().provisions);
}
