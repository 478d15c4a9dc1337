//! What is given unread or whole: rows, model texts, faxes of a whole tenant. Limits hold there, too.

use lineguard::access::token::{TokenHash, generate};
use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::sidecar_service_client::SidecarServiceClient;
use lineguard_core::id::ModelDigest;
use lineguard_core::model::BUILT_IN;
use lineguard_testkit::model::PLAIN;
use lineguard_testkit::world::world;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::{Guarded, doors, not_permitted, refused};
use crate::harness::Harness;

/// A caller that a test calls as.
struct As {
    token: String,
    entry: String,
}

impl As {
    fn new(name: &str, rights: &str) -> Self {
        let token = generate().unwrap();
        let hash = TokenHash::of(&token).unwrap().hex();
        let entry = format!(
            "[[caller]]\nname = \"{name}\"\ntoken = [{{ sha256 = \"{hash}\" }}]\n\
             methods = [\"*\"]\n{rights}\n"
        );
        Self { token, entry }
    }

    fn says<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = MetadataValue::try_from(format!("Bearer {}", self.token)).unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    async fn reads_model(&self, channel: &Channel, text: &str) -> Result<Option<String>, Status> {
        let digest = ModelDigest::of(text).0.to_vec();
        let request = self.says(pb::ReadModelRequest { digest });
        let answer = SidecarServiceClient::new(channel.clone()).read_model(request).await?;
        Ok(answer.into_inner().text)
    }

    async fn gets_model(&self, channel: &Channel, text: &str) -> Result<String, Status> {
        let digest = ModelDigest::of(text).to_string();
        let request = self.says(pb::GetModelRequest { digest });
        Ok(AdminServiceClient::new(channel.clone()).get_model(request).await?.into_inner().text)
    }

    async fn lists_models(&self, channel: &Channel) -> usize {
        let request = self.says(pb::ListModelsRequest::default());
        let answer = AdminServiceClient::new(channel.clone()).list_models(request).await;
        answer.unwrap().into_inner().models.len()
    }
}

async fn started(harness: &Harness, callers: &[&As]) -> (Guarded, Channel) {
    let entries: Vec<_> = callers.iter().map(|caller| caller.entry.clone()).collect();
    let server = Guarded::start(harness, doors(&entries)).await;
    let uri = format!("http://{}", server.address);
    let channel = Channel::from_shared(uri).unwrap().connect().await.unwrap();
    (server, channel)
}

#[tokio::test]
async fn a_model_is_known_to_the_callers_of_the_tenants_that_use_it() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home")).await;
    let unused = PLAIN.replace("format = 1", "format = 1 # kept, and of no tenant");
    harness.app.store.put_model(&unused).await.unwrap();
    let whole = "products = [\"*\"]\non_behalf_of_others = true";
    let of = |name, tenants| As::new(name, &format!("tenants = [{tenants}]\n{whole}"));
    let (all, its, other) =
        (of("all", "\"*\""), of("its", "\"t0\", \"t1\""), of("other", "\"t2\""));
    let (server, channel) = started(&harness, &[&all, &its, &other]).await;

    let none = "format = 1 # nobody has kept this";
    let built_in = BUILT_IN[0].1;
    for text in [built_in, PLAIN, &unused] {
        let read = all.reads_model(&channel, text).await.unwrap();
        assert_eq!(read.as_deref(), Some(text));
        assert_eq!(all.gets_model(&channel, text).await.unwrap(), text);
    }
    assert_eq!(all.reads_model(&channel, none).await.unwrap(), None);

    for (caller, sees) in [(&its, true), (&other, false)] {
        assert_eq!(
            caller.reads_model(&channel, built_in).await.unwrap().as_deref(),
            Some(built_in)
        );
        assert_eq!(caller.gets_model(&channel, built_in).await.unwrap(), built_in);
        assert_eq!(caller.lists_models(&channel).await, BUILT_IN.len() + usize::from(sees));
        for text in [PLAIN, &unused, none] {
            let (read, got) =
                (caller.reads_model(&channel, text).await, caller.gets_model(&channel, text).await);
            if sees && text == PLAIN {
                assert_eq!(read.unwrap().as_deref(), Some(text));
                assert_eq!(got.unwrap(), text);
                continue;
            }
            // To the byte the same whether others use it, it is only kept, or is not there.
            let (read, got) = (read.unwrap_err(), got.unwrap_err());
            assert_eq!(refused(&read), not_permitted());
            assert_eq!((got.code(), got.message()), not_found());
        }
    }
    server.stop().await;
    harness.stop().await;
}

fn not_found() -> (Code, &'static str) {
    (Code::NotFound, "the model does not exist, or may not be seen")
}

#[tokio::test]
async fn faxes_go_in_and_out_only_by_callers_of_fax() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home")).await;
    let of = |product: &str| {
        let rights = format!("tenants = [\"*\"]\nproducts = [\"{product}\"]");
        As::new(product, &format!("{rights}\non_behalf_of_others = true"))
    };
    let (fax, voice) = (of("fax"), of("voice"));
    let (server, channel) = started(&harness, &[&fax, &voice]).await;
    let mut client = AdminServiceClient::new(channel);

    let part = |faxes| pb::ImportRequest {
        tenant: "t1".into(),
        actor: Some(pb::Subject { r#type: "service".into(), id: "test".into() }),
        request_id: "r1".into(),
        changes: Vec::new(),
        faxes,
    };
    for (caller, may) in [(&fax, true), (&voice, false)] {
        for with_faxes in [false, true] {
            let export = pb::ExportRequest { tenant: "t1".into(), include_faxes: with_faxes };
            let exported = client.export(caller.says(export)).await.map(drop);
            let faxes = if with_faxes { vec![pb::NewFax::default()] } else { Vec::new() };
            let import = tokio_stream::once(part(faxes));
            let imported = client.import(caller.says(import)).await.map(drop);
            for came in [exported, imported] {
                if may || !with_faxes {
                    let refused = came.err().map(|status| status.code());
                    assert_ne!(refused, Some(Code::PermissionDenied));
                } else {
                    assert_eq!(refused(&came.unwrap_err()), not_permitted());
                }
            }
        }
    }
    server.stop().await;
    harness.stop().await;
}
