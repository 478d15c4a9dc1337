//! Every method, by every kind of caller.

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use lineguard::access::token::{TokenHash, generate};
use lineguard::wire::pb;

use super::{Guarded, doors, not_permitted, refused, unauthenticated};
use crate::harness::Harness;

/// Passes bytes through as they are.
#[derive(Default)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(
        &mut self,
        item: Vec<u8>,
        buffer: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(
        &mut self,
        buffer: &mut tonic::codec::DecodeBuf<'_>,
    ) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; bytes::Buf::remaining(buffer)];
        bytes::Buf::copy_to_slice(buffer, &mut bytes);
        Ok(Some(bytes))
    }
}

/// A request message as the descriptors have it, about a tenant wherever one can be named, and with
/// nothing else in it.
fn about(tenant: &str, messages: &[DescriptorProto], name: &str) -> (Vec<u8>, bool) {
    let message = messages.iter().find(|one| one.name() == name).unwrap();
    let mut bytes = Vec::new();
    let mut named = false;
    for field in &message.field {
        let key = |bytes: &mut Vec<u8>| {
            prost::encoding::encode_key(
                field.number().cast_unsigned(),
                prost::encoding::WireType::LengthDelimited,
                bytes,
            );
        };
        let names_tenants = ["tenant", "tenants"].contains(&field.name());
        if names_tenants && field.r#type() == Type::String {
            key(&mut bytes);
            tenant.to_owned().encode_length_delimited(&mut bytes).unwrap();
            named = true;
        }
        // A batch of questions, and the first message of some streams, name them one level down.
        let inner = field.type_name().rsplit('.').next().unwrap_or_default();
        let questions = field.label() == Label::Repeated && inner.ends_with("Request");
        let first_of_choice = field.oneof_index.is_some() && field.number() == 1;
        if questions || (first_of_choice && field.r#type() == Type::Message) {
            let (item, names) = about(tenant, messages, inner);
            key(&mut bytes);
            item.encode_length_delimited(&mut bytes).unwrap();
            named |= names;
        }
    }
    (bytes, named)
}

/// Calls a method with one message.
async fn call(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    token: Option<&str>,
) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::once(message));
    if let Some(token) = token {
        let value = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let path: PathAndQuery = path.parse().unwrap();
    let mut answers = client.streaming(request, path, Raw).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn every_method_refuses_who_may_not_call_it() {
    let harness = Harness::start().await;
    let tokens: Vec<String> = (0..5).map(|_| generate().unwrap()).collect();
    let limited = |name: &str, token: &str, rights: &str| {
        let hash = TokenHash::of(token).unwrap().hex();
        format!("[[caller]]\nname = \"{name}\"\ntoken = [{{ sha256 = \"{hash}\" }}]\n{rights}\n")
    };
    let one = |name: &str, token: &str, rights: &str| {
        let all = "products = [\"*\"]\non_behalf_of_others = true";
        limited(name, token, &format!("{rights}\n{all}"))
    };
    let callers = [
        one("without methods", &tokens[0], "methods = []\ntenants = [\"*\"]"),
        one("of another tenant", &tokens[1], "methods = [\"*\"]\ntenants = [\"t2\"]"),
        one("right", &tokens[2], "methods = [\"*\"]\ntenants = [\"*\"]"),
        limited(
            "of one product",
            &tokens[3],
            "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"fax\"]\non_behalf_of_others = true",
        ),
        limited(
            "of itself",
            &tokens[4],
            "methods = [\"*\"]\ntenants = [\"*\"]\nproducts = [\"*\"]\nsubject = \"user:me\"",
        ),
    ];
    let server = Guarded::start(&harness, doors(&callers)).await;
    let uri = format!("http://{}", server.address);
    let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();

    let files = FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap().file;
    let files: Vec<_> =
        files.into_iter().filter(|file| file.package().starts_with("lineguard.")).collect();
    let messages: Vec<_> = files.iter().flat_map(|file| file.message_type.clone()).collect();
    // About no tenant, and so for every caller who may call them: each is here by choice.
    let of_no_tenant = ["ListModels", "GetModel", "ReadModel", "GetStatus"];
    let mut methods = 0;
    for service in files.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let path = format!("/lineguard.v1.{}/{}", service.name(), method.name());
            let input = method.input_type().rsplit('.').next().unwrap();
            let (message, _) = about("t1", &messages, input);
            let came =
                async |token: Option<&str>| call(&channel, &path, message.clone(), token).await;
            let refusal = refused(&came(None).await.unwrap_err());
            assert_eq!(refusal, unauthenticated(), "{path}: nobody");
            let refusal = refused(&came(Some(&generate().unwrap())).await.unwrap_err());
            assert_eq!(refusal, unauthenticated(), "{path}: an unknown caller");
            let refusal = refused(&came(Some(&tokens[0])).await.unwrap_err());
            assert_eq!(refusal, not_permitted(), "{path}: a caller without the method");
            let other = came(Some(&tokens[1])).await;
            match of_no_tenant.contains(&method.name()) {
                true => passed(&path, other),
                false => assert_eq!(
                    refused(&other.unwrap_err()),
                    not_permitted(),
                    "{path}: a caller of another tenant"
                ),
            }
            passed(&path, came(Some(&tokens[2])).await);
            // Their limits cannot be kept where rows are given.
            for token in &tokens[3..] {
                let came = came(Some(token)).await;
                if service.name() == "SidecarService" {
                    assert_eq!(refused(&came.unwrap_err()), not_permitted(), "{path}: rows");
                } else {
                    passed(&path, came);
                }
            }
            methods += 1;
        }
    }
    assert_eq!(methods, lineguard::wire::methods().len());
    server.stop().await;
    harness.stop().await;
}

/// The message may have been empty nonsense; but it was read.
#[track_caller]
fn passed(path: &str, answer: Result<(), Status>) {
    let Err(status) = answer else { return };
    let doors = [Code::Unauthenticated, Code::PermissionDenied, Code::Unimplemented];
    assert!(!doors.contains(&status.code()), "{path}: {status:?}");
}
