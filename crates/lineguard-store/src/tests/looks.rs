//! Identifiers of a time before new ones had to be seen in full.

use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{GroupId, Key};
use lineguard_testkit::world::{self, NOW, world};

use super::*;

lineguard_testkit::on_every_database![what_exists_is_changed_and_removed_whatever_it_is_called];

const GROUP: &str = "team\u{200b}";
const USER: &str = "ada ";

/// Rules that add a group and a member as they could be added once.
struct Old;

#[async_trait]
impl Rules for Old {
    async fn run(
        &self,
        tx: &mut dyn TenantTx,
        _models: &dyn ModelSource,
        _batch: &Batch,
        _now: Timestamp,
    ) -> Result<Outcome, ApplyError> {
        let keys = [(ObjectKind::Account, Num(0), "root")];
        let root = tx.find(&keys).await?.pop().flatten().unwrap().num;
        let body = r#"{"title":"Team","roles":[]}"#.to_owned();
        tx.insert_object(ObjectKind::Group, Num(0), GROUP, Some(root), body).await?;
        let qualified = user(USER).qualified();
        subject(tx, &user(USER)).await?;
        let body = r#"{"status":"active","roles":["user"]}"#.to_owned();
        tx.insert_object(ObjectKind::Member, root, &qualified, Some(root), body).await?;
        Ok(Outcome { changed: 1, warnings: Vec::new() })
    }
}

async fn what_exists_is_changed_and_removed_whatever_it_is_called(on: &Databases) {
    let store = fresh(on).await;
    world("t").account("root").build(&store).await;
    let old = world::batch("t", "old", Vec::new());
    crate::apply::apply(&store, &old, NOW, &Old).await.unwrap();

    let account = || AccountId::parse("root").unwrap();
    let group = || GroupId::parse(GROUP).unwrap();
    let in_group = |member| Change::SetGroupMember { group: group(), subject: user(USER), member };
    let key = |key| Key::parse(key).unwrap();
    let status = MemberStatus::Active;
    let add = || Change::AddMember { account: account(), subject: user(USER), status, roles: None };
    let remove = || Change::RemoveMember { account: account(), subject: user(USER) };
    let title = "Another".to_owned();
    let changes = vec![
        in_group(true),
        Change::SetGroupRoles { group: group(), roles: vec![key("admin")] },
        Change::AddGroup { account: account(), group: group(), title, roles: vec![key("admin")] },
        remove(),
        // The row of a member who was removed is there still.
        add(),
        in_group(true),
    ];
    let batch = Batch { if_exists: IfExists::Update, ..world::batch("t", "now", changes) };
    assert_eq!(store.apply(&batch, NOW).await.unwrap().changed, 6);
    let gone = vec![Change::RemoveGroup { group: group() }, remove()];
    let gone = store.apply(&world::batch("t", "gone", gone), NOW).await.unwrap();
    assert_eq!(gone.changed, 2);
    // A new one of that name is refused.
    let title = String::new();
    let new = Change::AddGroup { account: account(), group: group(), title, roles: Vec::new() };
    let answer = store.apply(&world::batch("t", "new", vec![new]), NOW).await;
    let Err(ApplyError::Invalid(faults)) = answer else { panic!("not refused: {answer:?}") };
    assert_eq!((faults.len(), faults[0].field), (1, "group"));
}
