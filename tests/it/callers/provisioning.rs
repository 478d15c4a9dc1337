//! Who may activate numbers, and who is told of those that several tenants have.

use lineguard::access::token::{TokenHash, generate};
use lineguard::wire::change::change_to_wire;
use lineguard::wire::pb;
use lineguard::wire::pb::admin_service_client::AdminServiceClient;
use lineguard::wire::pb::operations_service_client::OperationsServiceClient;
use lineguard_core::change::Change;
use lineguard_core::facts::Capabilities;
use lineguard_testkit::ids;
use lineguard_testkit::world::world;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::{Guarded, caller, doors};
use crate::ask::{service, user};
use crate::harness::Harness;
use crate::writing::{expect, part};

/// A server with a caller that provisions, one that does not, and one of one tenant.
struct Callers {
    server: Guarded,
    tokens: [String; 3],
}

impl Callers {
    async fn start(harness: &Harness) -> Self {
        let tokens = [(); 3].map(|()| generate().unwrap());
        let known = |token: &str, rights: &str| {
            let hash = TokenHash::of(token).unwrap().hex();
            format!("token = [{{ sha256 = \"{hash}\" }}]\n{rights}")
        };
        let of_one = caller("of one tenant", &known(&tokens[2], "provisions = true"));
        let callers = [
            caller("provisions", &known(&tokens[0], "provisions = true")),
            caller("does not", &known(&tokens[1], "")),
            of_one.replace("tenants = [\"*\"]", "tenants = [\"t1\"]"),
        ];
        Self { server: Guarded::start(harness, doors(&callers)).await, tokens }
    }

    async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.server.address);
        Channel::from_shared(uri).unwrap().connect().await.unwrap()
    }

    fn request<T>(&self, who: usize, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = MetadataValue::try_from(format!("Bearer {}", self.tokens[who])).unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    async fn apply(&self, who: usize, actor: pb::Subject, change: &Change) -> Applied {
        let message = pb::ApplyRequest {
            tenant: "t1".into(),
            actor: Some(actor),
            request_id: generate().unwrap(),
            if_exists: 0,
            changes: vec![change_to_wire(change)],
        };
        let mut client = AdminServiceClient::new(self.channel().await);
        client.apply(self.request(who, message)).await.map(tonic::Response::into_inner)
    }

    async fn import(&self, who: usize, change: &Change) -> pb::import_result::Result {
        let mut part = part("t1", std::slice::from_ref(change), &[]);
        part.request_id = generate().unwrap();
        let mut client = AdminServiceClient::new(self.channel().await);
        let parts = self.request(who, tokio_stream::once(part));
        let mut answer = client.import(parts).await.unwrap().into_inner();
        answer.results.remove(0).result.unwrap()
    }
}

type Applied = Result<pb::ApplyResponse, Status>;

fn add(number: &str) -> Change {
    let (account, number) = (ids::account("home"), ids::number(number));
    Change::AddNumber { account, number, capabilities: Capabilities::default(), active: true }
}

#[tokio::test]
async fn only_a_caller_that_provisions_activates_numbers_and_only_as_a_service() {
    let harness = Harness::start().await;
    harness.build(world("t1").account("home")).await;
    let callers = Callers::start(&harness).await;
    let [one, two, three] = ["+15550100001", "+15550100002", "+15550100003"].map(add);

    let answer = callers.apply(1, service("portal"), &one).await;
    expect(answer, Code::FailedPrecondition, "REFUSED", &["changes[0].add_number.active"]);
    // A person may stand behind the caller that provisions, and is a person still.
    let answer = callers.apply(0, user("ada"), &two).await.unwrap();
    assert_eq!((answer.changed, answer.warnings.len()), (1, 1));
    let answer = callers.apply(0, service("portal"), &one).await.unwrap();
    assert_eq!((answer.changed, answer.warnings.len()), (1, 0));

    let pb::import_result::Result::Error(error) = callers.import(1, &three).await else {
        panic!("imported by a caller that may not activate");
    };
    assert_eq!(error.reason, "REFUSED");
    let pb::import_result::Result::Imported(imported) = callers.import(0, &three).await else {
        panic!("not imported by a caller that may activate");
    };
    assert_eq!((imported.changed, imported.warnings.len()), (1, 0));
    callers.server.stop().await;
    harness.stop().await;
}

#[tokio::test]
async fn numbers_of_several_tenants_are_told_to_callers_of_all_tenants() {
    let harness = Harness::start().await;
    let callers = Callers::start(&harness).await;
    for (who, told) in [(0, ""), (1, ""), (2, "told to callers of all tenants only")] {
        let mut client = OperationsServiceClient::new(callers.channel().await);
        let status = client.get_status(callers.request(who, pb::GetStatusRequest {})).await;
        assert_eq!(status.unwrap().into_inner().duplicate_numbers_unknown, told);
    }
    callers.server.stop().await;
    harness.stop().await;
}
