//! Protobuf to domain and back: the only modules that look inside generated types.
//!
//! Every message is taken fully apart, field by field, so that a new field of a message is a
//! compile error here until somebody says what it means.

pub mod admin;
pub mod auto_assign;
pub mod caller_id;
pub mod change;
pub mod check;
pub mod consistency;
pub mod decision;
pub mod enums;
pub mod export;
pub mod facts;
pub mod faxes;
mod field;
pub mod id;
pub mod invalid;
pub mod models;
pub mod object;
pub mod operations;
pub mod page;
pub mod permissions;
pub mod scope;
mod setup;
pub mod sidecar;
pub mod status;
pub mod visibility;

/// The generated messages, services and clients.
#[expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated; documented in proto/"
)]
pub mod pb {
    tonic::include_proto!("lineguard.v1");

    /// The compiled protobuf files, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}

/// Full names of our methods: `lineguard.v1.AuthorizationService/Check`.
pub fn methods() -> Vec<String> {
    use prost::Message as _;
    // They are what the build made of `proto/`; a test reads them.
    let files = prost_types::FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap_or_default().file;
    let mut names = Vec::new();
    for file in files.iter().filter(|file| file.package().starts_with("lineguard.")) {
        for service in &file.service {
            let service_name = format!("{}.{}", file.package(), service.name());
            let methods = service.method.iter();
            names.extend(methods.map(|method| format!("{service_name}/{}", method.name())));
        }
    }
    names
}
