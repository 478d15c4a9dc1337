//! Identifiers from literals.

use lineguard_core::change::{AttachmentSource, SourceSet};
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, PhoneNumber,
    QueueId, RequestId, Subject, TenantId,
};

macro_rules! from_literals {
    ($($name:ident -> $type:ident),+ $(,)?) => {$(
        /// An identifier that is known to parse.
        pub fn $name(text: &str) -> $type {
            $type::parse(text).expect("a literal identifier")
        }
    )+};
}

from_literals! {
    tenant -> TenantId,
    account -> AccountId,
    group -> GroupId,
    faxbox -> FaxboxId,
    extension -> ExtensionId,
    queue -> QueueId,
    fax -> FaxId,
    invitation -> InvitationId,
    request -> RequestId,
    external -> ExternalId,
    number -> PhoneNumber,
    key -> Key,
}

/// A user.
pub fn user(id: &str) -> Subject {
    Subject::user(id).expect("a literal subject")
}

/// Where attachments come from.
pub fn sources(all: &[AttachmentSource]) -> SourceSet {
    all.iter().copied().collect()
}

/// Keys.
pub fn keys(texts: &[&str]) -> Vec<Key> {
    texts.iter().map(|text| key(text)).collect()
}

/// Numbers.
pub fn numbers(texts: &[&str]) -> Vec<PhoneNumber> {
    texts.iter().map(|text| number(text)).collect()
}

/// Before every number: where a list begins.
pub const NONE: lineguard_core::id::Num = lineguard_core::id::Num(0);

/// A service.
pub fn service(id: &str) -> Subject {
    Subject::parse(lineguard_core::id::SubjectKind::Service, id).expect("a literal subject")
}
