//! The one statement that reads all an authority is made of.

use lineguard_core::id::{AccountId, Num, Subject};
use lineguard_core::port::{Home, MemberRows, StoreError, TenantRow};
use lineguard_core::row::{Link, LinkKind, ObjectKind};
use sea_orm::{DbBackend, QueryResult};

use crate::dialect;
use crate::hidden::Hidden;
use crate::rows::{self, Row};
use crate::sql::Sql;

/// Rows of the answer: what each is stands in its first column.
mod part {
    pub(super) const OBJECT: i64 = 1;
    pub(super) const LINK: i64 = 2;
    pub(super) const PATH: i64 = 3;
    pub(super) const SUBJECT: i64 = 4;
    pub(super) const HOME: i64 = 5;
    pub(super) const STANDING: i64 = 6;
}

/// More levels than a tree of accounts may have; ends the walk if a tree were a circle.
const MAX_DEPTH: i64 = 256;

/// Kinds of the links from members that an authority reads.
const MEMBER_LINKS: [LinkKind; 12] = [
    LinkKind::AccessNumber,
    LinkKind::AutoAssignNumber,
    LinkKind::GrantedNumber,
    LinkKind::HeldExtension,
    LinkKind::GrantedExtension,
    LinkKind::GrantedQueue,
    LinkKind::MemberLabel,
    LinkKind::SendFromFax,
    LinkKind::SendFromMessage,
    LinkKind::SendFromCall,
    LinkKind::AttachmentSource,
    LinkKind::DefaultNumber,
];

/// Kinds of the links to a subject that an authority reads.
const SUBJECT_LINKS: [LinkKind; 5] = [
    LinkKind::GroupMember,
    LinkKind::FaxboxUser,
    LinkKind::GroupOwner,
    LinkKind::FaxboxOwner,
    LinkKind::AccountOwner,
];

/// The statement. `{t}` binds the tenant; the other values are bound in the order of the text.
/// `{shown}` leaves out links from what is removed and still has rows.
///
/// `{then}` is an inner join, with its condition after `WHERE`, in the order that is written. Left
/// to themselves SQLite and MariaDB read all objects or links of the tenant. Kinds of links are
/// rows, too: MariaDB seeks by what is equal to a row, and not by what is in a list.
const TEXT: &str = "
WITH RECURSIVE
member_link (kind) AS ({member_links}),
subject_link (kind) AS ({subject_links}),
subj (num) AS (
  SELECT num FROM object WHERE tenant = {t} AND kind = {subject} AND scope = 0 AND id = {subject_id}
),
path (num, parent, depth) AS (
  SELECT num, account, 0 FROM object
    WHERE tenant = {t} AND kind = {account} AND scope = 0 AND id = {account_id}
  UNION ALL
  SELECT o.num, o.account, p.depth + 1 FROM path p {then} object o
    WHERE o.tenant = {t} AND o.num = p.parent AND o.kind = {account} AND p.depth < {max_depth}
),
below (num) AS (
  SELECT num FROM path WHERE depth = 0
  UNION
  SELECT o.num FROM below b {then} object o
    WHERE o.tenant = {t} AND o.kind = {account} AND o.account = b.num
),
membership (num) AS (
  SELECT o.num FROM path p {then} object o
    WHERE o.tenant = {t} AND o.kind = {member} AND o.scope = p.num AND o.id = {subject_id}
),
held (kind, a, b) AS (
  SELECT l.kind, l.a, l.b FROM subj s {then} subject_link k {then} link l
    WHERE l.tenant = {t} AND l.kind = k.kind AND l.b = s.num{shown}
),
in_group (num) AS (
  SELECT g.num FROM held h {then} object g
    WHERE h.kind = {group_member}
      AND g.tenant = {t} AND g.num = h.a AND g.kind = {group}
      AND g.account IN (SELECT num FROM path)
),
group_box (a, b) AS (
  SELECT l.a, l.b FROM in_group g {then} link l
    WHERE l.tenant = {t} AND l.kind = {faxbox_group} AND l.b = g.num{shown}
),
home (num, account, is_account) AS (
  SELECT o.num, o.account, 0 FROM held h {then} object o
    WHERE h.kind IN ({faxbox_user}, {faxbox_owner}, {group_owner})
      AND o.tenant = {t} AND o.num = h.a
  UNION
  SELECT o.num, o.account, 0 FROM group_box b {then} object o
    WHERE o.tenant = {t} AND o.num = b.a
  UNION
  SELECT o.num, o.account, 1 FROM home h {then} object o
    WHERE o.tenant = {t} AND o.num = h.account
),
delegator (num, id, subject) AS (
  SELECT m.num, m.id, s.num FROM subj s {then} link l {then} object m
    WHERE l.tenant = {t} AND l.kind = {delegation} AND l.b = s.num
      AND m.tenant = {t} AND m.num = l.a AND m.kind = {member}
      AND m.account IN (SELECT num FROM path WHERE depth = 0)
),
standing (num) AS (
  SELECT o.num FROM home h {then} object o
    WHERE h.is_account = 1 AND h.num NOT IN (SELECT num FROM path)
      AND o.tenant = {t} AND o.kind = {member} AND o.scope = h.num AND o.id = {subject_id}
  UNION SELECT o.num FROM delegator d {then} path p {then} object o
    WHERE p.depth > 0
      AND o.tenant = {t} AND o.kind = {member} AND o.scope = p.num AND o.id = d.id
),
wanted (num) AS (
  SELECT num FROM path
  UNION SELECT num FROM subj
  UNION SELECT num FROM below
  UNION SELECT num FROM membership
  UNION SELECT num FROM in_group
  UNION SELECT num FROM delegator
  UNION SELECT o.num FROM delegator d {then} object o
    WHERE o.tenant = {t} AND o.kind = {subject} AND o.scope = 0 AND o.id = d.id
  UNION SELECT o.num FROM path p {then} object o
    WHERE o.tenant = {t} AND o.kind = {role} AND o.account = p.num
),
wanted_link (kind, a, b) AS (
  SELECT l.kind, l.a, l.b FROM membership m {then} member_link k {then} link l
    WHERE l.tenant = {t} AND l.kind = k.kind AND l.a = m.num
  UNION SELECT kind, a, b FROM held
  UNION SELECT {faxbox_group}, a, b FROM group_box
  UNION SELECT l.kind, l.a, l.b FROM held h {then} link l
    WHERE h.kind = {group_owner}
      AND l.tenant = {t} AND l.kind = {group_member} AND l.a = h.a
  UNION SELECT {delegation}, num, subject FROM delegator
)
SELECT 1 AS part, o.num, o.kind, o.scope, o.id, o.account, o.body
  FROM wanted w {then} object o WHERE o.tenant = {t} AND o.num = w.num
UNION ALL SELECT 2, kind, a, b, NULL, NULL, NULL FROM wanted_link
UNION ALL SELECT 3, num, depth, 0, NULL, NULL, NULL FROM path
UNION ALL SELECT 4, num, 0, 0, NULL, NULL, NULL FROM subj
UNION ALL SELECT 5, num, 0, 0, NULL, account, NULL FROM home
UNION ALL SELECT 6, o.num, o.kind, o.scope, o.id, o.account, o.body
  FROM standing w {then} object o WHERE o.tenant = {t} AND o.num = w.num";

/// The statement for a subject at an acting account.
pub(crate) fn query(
    backend: DbBackend,
    tenant: i64,
    account: &AccountId,
    subject: &Subject,
    hidden: &Hidden,
) -> Sql {
    let mut sql = Sql::default();
    let mut rest = TEMPLATE.as_str();
    while let Some((text, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').unwrap_or((after, ""));
        sql.push(text);
        rest = after;
        match word {
            "then" => {
                sql.push(dialect::join_in_order(backend));
                continue;
            }
            "shown" => {
                sql.push(&hidden.and_not("l.a"));
                continue;
            }
            _ => {}
        }
        sql.push("?");
        match word {
            "account_id" => sql.add(account.as_str().as_bytes().to_vec()),
            "subject_id" => sql.add(subject.qualified().into_bytes()),
            _ => sql.add(tenant),
        };
    }
    sql.push(rest);
    sql
}

/// [`TEXT`] with its constants filled in; what is left in braces is bound.
static TEMPLATE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let list = |kinds: &[LinkKind]| {
        let rows = kinds.iter().map(|kind| format!("SELECT {}", *kind as u8));
        rows.collect::<Vec<_>>().join(" UNION ALL ")
    };
    let constants = [
        ("{max_depth}", MAX_DEPTH.to_string()),
        ("{subject}", (ObjectKind::Subject as u8).to_string()),
        ("{account}", (ObjectKind::Account as u8).to_string()),
        ("{member}", (ObjectKind::Member as u8).to_string()),
        ("{group}", (ObjectKind::Group as u8).to_string()),
        ("{role}", (ObjectKind::Role as u8).to_string()),
        ("{group_member}", (LinkKind::GroupMember as u8).to_string()),
        ("{group_owner}", (LinkKind::GroupOwner as u8).to_string()),
        ("{faxbox_user}", (LinkKind::FaxboxUser as u8).to_string()),
        ("{faxbox_owner}", (LinkKind::FaxboxOwner as u8).to_string()),
        ("{faxbox_group}", (LinkKind::FaxboxGroup as u8).to_string()),
        ("{delegation}", (LinkKind::Delegation as u8).to_string()),
        ("{member_links}", list(&MEMBER_LINKS)),
        ("{subject_links}", list(&SUBJECT_LINKS)),
    ];
    constants.iter().fold(TEXT.to_owned(), |text, (word, value)| text.replace(word, value))
});

/// The answer; none if the account does not exist.
pub(crate) fn collect(
    tenant: TenantRow,
    rows: &[QueryResult],
) -> Result<Option<MemberRows>, StoreError> {
    let mut answer = MemberRows {
        tenant,
        subject: None,
        path: Vec::new(),
        objects: Vec::new(),
        links: Vec::new(),
        homes: Vec::new(),
        standings: Vec::new(),
    };
    let mut path: Vec<(i64, Num)> = Vec::new();
    for row in rows {
        let link = Row::new("link", row, 1).of(answer.tenant.num);
        match Row::new("object", row, 0).int(0, "part")? {
            part::OBJECT => answer.objects.push(rows::object(row, 1, answer.tenant.num)?),
            part::LINK => answer.links.push(self::link(&link)?),
            part::PATH => path.push((link.int(1, "depth")?, link.num(0, "num")?)),
            part::SUBJECT => answer.subject = Some(link.num(0, "num")?),
            part::HOME => answer.homes.push(home(row, answer.tenant.num)?),
            part::STANDING => answer.standings.push(rows::object(row, 1, answer.tenant.num)?),
            _ => return Err(link.corrupt("part")),
        }
    }
    path.sort_unstable_by_key(|(depth, _)| *depth);
    if path.last().is_some_and(|(depth, _)| *depth >= MAX_DEPTH) {
        let row = path.first().map_or_else(String::new, |(_, num)| num.0.to_string());
        return Err(StoreError::Corrupt { table: "object", column: "account", row });
    }
    answer.path = path.into_iter().map(|(_, num)| num).collect();
    Ok((!answer.path.is_empty()).then_some(answer))
}

fn home(row: &QueryResult, tenant: Num) -> Result<Home, StoreError> {
    let row = Row::new("object", row, 1).of(tenant);
    Ok(Home { num: row.num(0, "num")?, account: row.maybe_num(4, "account")? })
}

fn link(row: &Row<'_>) -> Result<Link, StoreError> {
    let kind = u8::try_from(row.int(0, "kind")?).ok().and_then(LinkKind::from_code);
    Ok(Link {
        kind: kind.ok_or_else(|| row.corrupt("kind"))?,
        a: row.num(1, "a")?,
        b: row.num(2, "b")?,
    })
}
