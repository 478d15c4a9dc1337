//! Rows between a replica and the sidecars that follow it, both ways.
//!
//! A row that cannot be read is an error, never a missing row: whoever decides from fewer rows could
//! allow what is denied.

use std::time::Duration;

use lineguard_core::change::{AttachmentSource, SourceSet};
use lineguard_core::concern::Concern;
use lineguard_core::id::{FaxId, ModelDigest, Num, Revision, TenantId, Timestamp};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{FaxRow, Home, MemberRows, StoreError, TenantRow};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_core::stamp::{ConcernRow, Shard, Stamp};
use lineguard_lease::Renewed;

use super::consistency::duration_to_wire;
use super::enums::WireEnum;
use super::field::Field;
use super::pb;

/// What came over the link is no row.
pub fn malformed(what: &str) -> StoreError {
    StoreError::Unavailable { detail: format!("what came over the link is no {what}") }
}

/// A stamp to the wire.
pub fn stamp_to_wire(shard: Shard, stamp: Stamp) -> pb::ShardStamp {
    pb::ShardStamp { shard: u32::from(shard.0), counter: stamp.counter, nonce: stamp.nonce }
}

/// Stamps to the wire.
pub fn stamps_to_wire(stamps: &[(Shard, Stamp)]) -> Vec<pb::ShardStamp> {
    stamps.iter().map(|(shard, stamp)| stamp_to_wire(*shard, *stamp)).collect()
}

/// A stamp from the wire.
pub fn stamp(message: &pb::ShardStamp) -> Result<(Shard, Stamp), StoreError> {
    let pb::ShardStamp { shard, counter, nonce } = *message;
    let shard = u8::try_from(shard).map_err(|_| malformed("shard"))?;
    Ok((Shard(shard), Stamp { counter, nonce }))
}

/// Stamps from the wire.
pub fn stamps(messages: &[pb::ShardStamp]) -> Result<Vec<(Shard, Stamp)>, StoreError> {
    messages.iter().map(stamp).collect()
}

/// A lease to the wire.
pub fn lease_to_wire(number: u64, renewed: Renewed) -> pb::Lease {
    let Renewed { lease, stamps, rows, complete } = renewed;
    pb::Lease {
        number,
        lasts: Some(duration_to_wire(lease)),
        stamps: stamps_to_wire(&stamps),
        rows: rows.iter().map(concern_to_wire).collect(),
        complete,
    }
}

/// A lease from the wire.
pub fn lease(message: pb::Lease) -> Result<Renewed, StoreError> {
    let pb::Lease { number: _, lasts, stamps: moved, rows, complete } = message;
    let lasts = lasts.ok_or_else(|| malformed("lease"))?;
    let lease = Duration::try_from(lasts).map_err(|_| malformed("lease"))?;
    let rows = rows.iter().map(concern).collect::<Result<_, _>>()?;
    Ok(Renewed { lease, stamps: stamps(&moved)?, rows, complete })
}

fn concern_to_wire(row: &ConcernRow) -> pb::ConcernRow {
    let ConcernRow { shard, stamp, tenant, revision, concern } = *row;
    let (kind, num) = concern.parts();
    pb::ConcernRow {
        stamp: Some(stamp_to_wire(shard, stamp)),
        tenant: tenant.0,
        revision: revision.0,
        kind: u32::from(kind),
        num: num.0,
    }
}

fn concern(message: &pb::ConcernRow) -> Result<ConcernRow, StoreError> {
    let pb::ConcernRow { stamp: of, tenant, revision, kind, num } = message;
    let (shard, stamp) = stamp(of.as_ref().ok_or_else(|| malformed("concern"))?)?;
    let kind = u8::try_from(*kind).ok();
    let concern = kind.and_then(|kind| Concern::from_parts(kind, Num(*num)));
    let concern = concern.ok_or_else(|| malformed("concern"))?;
    let (tenant, revision) = (Num(*tenant), Revision(*revision));
    Ok(ConcernRow { shard, stamp, tenant, revision, concern })
}

/// A tenant with the state of its shard to the wire.
pub fn tenant_to_wire(row: TenantRow, shard: Shard, stamp: Stamp) -> pb::TenantRow {
    let TenantRow { num, id: _, title, revision, model } = row;
    pb::TenantRow {
        num: num.0,
        title,
        revision: revision.0,
        model: model.0.to_vec(),
        stamp: Some(stamp_to_wire(shard, stamp)),
    }
}

/// The tenant of this id, and the state of its shard, from the wire.
pub fn tenant(id: &TenantId, message: pb::TenantRow) -> Result<(TenantRow, Stamp), StoreError> {
    let pb::TenantRow { num, title, revision, model, stamp: of } = message;
    let (shard, stamp) = stamp(&of.ok_or_else(|| malformed("tenant"))?)?;
    if shard != Shard::of(id) {
        return Err(malformed("tenant"));
    }
    let model = ModelDigest(model.try_into().map_err(|_| malformed("tenant"))?);
    let (num, revision) = (Num(num), Revision(revision));
    Ok((TenantRow { num, id: id.clone(), title, revision, model }, stamp))
}

/// An object to the wire.
pub fn object_to_wire(object: Object) -> pb::ObjectRow {
    let Object { num, kind, scope, id, account, body } = object;
    pb::ObjectRow {
        num: num.0,
        kind: u32::from(kind as u8),
        scope: scope.0,
        id,
        account: account.map(|account| account.0),
        body,
    }
}

/// A kind of object from the wire.
pub fn object_kind(code: u32) -> Result<ObjectKind, StoreError> {
    let kind = u8::try_from(code).ok().and_then(ObjectKind::from_code);
    kind.ok_or_else(|| malformed("object"))
}

/// A kind of link from the wire.
pub fn link_kind(code: u32) -> Result<LinkKind, StoreError> {
    let kind = u8::try_from(code).ok().and_then(LinkKind::from_code);
    kind.ok_or_else(|| malformed("link"))
}

/// An object from the wire.
pub fn object(message: pb::ObjectRow) -> Result<Object, StoreError> {
    let pb::ObjectRow { num, kind, scope, id, account, body } = message;
    let kind = object_kind(kind)?;
    let account = account.map(Num);
    Ok(Object { num: Num(num), kind, scope: Num(scope), id, account, body })
}

/// Objects from the wire.
pub fn objects(messages: Vec<pb::ObjectRow>) -> Result<Vec<Object>, StoreError> {
    messages.into_iter().map(object).collect()
}

/// A link to the wire.
pub fn link_to_wire(link: Link) -> pb::LinkRow {
    let Link { kind, a, b } = link;
    pb::LinkRow { kind: u32::from(kind as u8), a: a.0, b: b.0 }
}

/// Links from the wire.
pub fn links(messages: Vec<pb::LinkRow>) -> Result<Vec<Link>, StoreError> {
    let link =
        |pb::LinkRow { kind, a, b }| Ok(Link { kind: link_kind(kind)?, a: Num(a), b: Num(b) });
    messages.into_iter().map(link).collect()
}

/// What is known of a subject to the wire.
pub fn member_to_wire(rows: MemberRows) -> pb::MemberRows {
    // The tenant is known from the beginning of the stream, and of the same state.
    let MemberRows { tenant: _, subject, path, objects, links, homes, standings } = rows;
    pb::MemberRows {
        subject: subject.map(|subject| subject.0),
        path: path.into_iter().map(|num| num.0).collect(),
        objects: objects.into_iter().map(object_to_wire).collect(),
        links: links.into_iter().map(link_to_wire).collect(),
        homes: homes.into_iter().map(home_to_wire).collect(),
        // Apart from the other objects: a sidecar that does not know of them takes none of them
        // for a membership of the subject.
        standings: standings.into_iter().map(object_to_wire).collect(),
    }
}

fn home_to_wire(Home { num, account }: Home) -> pb::HomeRow {
    pb::HomeRow { num: num.0, account: account.map(|account| account.0) }
}

fn home(pb::HomeRow { num, account }: pb::HomeRow) -> Home {
    Home { num: Num(num), account: account.map(Num) }
}

/// What is known of a subject from the wire.
pub fn member(tenant: TenantRow, message: pb::MemberRows) -> Result<MemberRows, StoreError> {
    let pb::MemberRows { subject, path, objects: known, links: linked, homes, standings } = message;
    let (subject, objects) = (subject.map(Num), objects(known)?);
    // A parent of an older version does not send the subject, nor what decides whether memberships
    // count.
    let told = |num: &Num| objects.iter().any(|object| object.num == *num);
    if !subject.as_ref().is_none_or(told) {
        return Err(malformed("subject"));
    }
    Ok(MemberRows {
        tenant,
        subject,
        path: path.into_iter().map(Num).collect(),
        objects,
        links: links(linked)?,
        homes: homes.into_iter().map(home).collect(),
        standings: self::objects(standings)?,
    })
}

/// A fax to the wire.
pub fn fax_to_wire(fax: FaxRow) -> pb::FaxRow {
    let FaxRow {
        num,
        id,
        account,
        direction,
        number,
        faxbox,
        creator,
        assignee,
        state,
        labels,
        at,
        attachment_sources,
    } = fax;
    let maybe = |num: Option<Num>| num.map(|num| num.0);
    pb::FaxRow {
        num: num.0,
        id: id.as_str().to_owned(),
        account: account.0,
        direction: match direction {
            Direction::Inbound => pb::Direction::Inbound,
            Direction::Outbound => pb::Direction::Outbound,
        }
        .into(),
        number: maybe(number),
        faxbox: maybe(faxbox),
        creator: maybe(creator),
        assignee: maybe(assignee),
        state: match state {
            FaxState::Draft => pb::FaxState::Draft,
            FaxState::Pending => pb::FaxState::Pending,
            FaxState::Active => pb::FaxState::Active,
            FaxState::Trash => pb::FaxState::Trash,
        }
        .into(),
        labels: labels.into_iter().map(|num| num.0).collect(),
        at: at.0,
        attachment_sources: attachment_sources.to_wire(),
    }
}

/// Faxes from the wire.
pub fn faxes(messages: Vec<pb::FaxRow>) -> Result<Vec<FaxRow>, StoreError> {
    messages.into_iter().map(fax).collect()
}

fn sources(message: pb::AttachmentSources) -> Result<SourceSet, StoreError> {
    let source = |code| {
        let known = pb::AttachmentSource::try_from(code).ok().and_then(AttachmentSource::from_wire);
        known.ok_or_else(|| malformed("fax"))
    };
    message.sources.into_iter().map(source).collect()
}

fn fax(message: pb::FaxRow) -> Result<FaxRow, StoreError> {
    let direction = match message.direction() {
        pb::Direction::Inbound => Direction::Inbound,
        pb::Direction::Outbound => Direction::Outbound,
        pb::Direction::Unspecified => return Err(malformed("fax")),
    };
    let state = match message.state() {
        pb::FaxState::Draft => FaxState::Draft,
        pb::FaxState::Pending => FaxState::Pending,
        pb::FaxState::Active => FaxState::Active,
        pb::FaxState::Trash => FaxState::Trash,
        pb::FaxState::Unspecified => return Err(malformed("fax")),
    };
    let pb::FaxRow {
        num,
        id,
        account,
        direction: _,
        number,
        faxbox,
        creator,
        assignee,
        state: _,
        labels,
        at,
        attachment_sources,
    } = message;
    Ok(FaxRow {
        num: Num(num),
        id: FaxId::parse(&id).map_err(|_| malformed("fax"))?,
        account: Num(account),
        direction,
        number: number.map(Num),
        faxbox: faxbox.map(Num),
        creator: creator.map(Num),
        assignee: assignee.map(Num),
        state,
        labels: labels.into_iter().map(Num).collect(),
        at: Timestamp(at),
        attachment_sources: attachment_sources.map(sources).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use lineguard_core::id::{ModelDigest, TenantId};

    use super::*;

    fn row(num: u64, kind: ObjectKind) -> Object {
        let (account, body) = (Some(Num(1)), "{}".to_owned());
        Object { num: Num(num), kind, scope: Num(0), id: format!("x{num}"), account, body }
    }

    #[test]
    fn what_is_known_of_a_subject_comes_over_whole_or_not_at_all() {
        let rows = MemberRows {
            tenant: TenantRow {
                num: Num(9),
                id: TenantId::parse("acme").unwrap(),
                title: String::new(),
                revision: Revision(4),
                model: ModelDigest([0; 32]),
            },
            subject: Some(Num(2)),
            path: vec![Num(1)],
            objects: vec![row(2, ObjectKind::Subject), row(3, ObjectKind::Member)],
            links: vec![Link { kind: LinkKind::FaxboxUser, a: Num(5), b: Num(2) }],
            homes: vec![
                Home { num: Num(5), account: Some(Num(6)) },
                Home { num: Num(6), account: None },
            ],
            standings: vec![row(7, ObjectKind::Member)],
        };
        let message = member_to_wire(rows.clone());
        assert_eq!(member(rows.tenant.clone(), message.clone()), Ok(rows.clone()));
        // Without the subject, as an older parent sends it.
        let objects = message.objects.iter().filter(|one| one.num != 2).cloned().collect();
        let older = pb::MemberRows { objects, homes: vec![], standings: vec![], ..message };
        assert_eq!(member(rows.tenant, older), Err(malformed("subject")));
    }
}
