//! Members: lists in their three states and overrides, from numbers back to values.

use std::collections::BTreeMap;

use lineguard_core::change::{AttachmentSource, ListValue, MemberList, NumberList, OverrideValue};
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{Key, Num, Subject};
use lineguard_core::model::ScopeKind;
use lineguard_core::port::StoreError;
use lineguard_core::row::{self, ALL, LinkKind, MemberBody, Object, ObjectKind, OverrideBody};
use lineguard_core::vocabulary::SendChannel;

use super::Member;
use super::load::Row;

/// The objects that the scoped overrides of a member name.
pub(super) fn scope_values(tenant: Num, member: &Object) -> Result<Vec<Num>, StoreError> {
    let body: MemberBody = row::parse_body(tenant, member)?;
    let mut nums = Vec::new();
    for value in body.overrides.values() {
        let OverrideBody::Scoped(scopes) = value else { continue };
        // Sources are numbered by themselves and are no objects.
        let objects = scopes.iter().filter(|(word, _)| *word != ScopeKind::Source.as_str());
        nums.extend(objects.flat_map(|(_, values)| values).map(|num| Num(*num)));
    }
    Ok(nums)
}

/// The member of a row.
pub(super) fn member(row: &Row<'_>) -> Result<Member, StoreError> {
    let MemberBody { status, roles, overrides, switches, visibility, lists } = row.body()?;
    let default = row.ends(LinkKind::DefaultNumber).first();
    Ok(Member {
        account: row.account()?,
        subject: row.id(Subject::from_qualified)?,
        status: MemberStatus::from_word(&status).ok_or_else(|| row.corrupt("body"))?,
        roles: row.keys(&roles)?,
        overrides: overrides_of(row, &overrides)?,
        switches: row.switches(&switches)?,
        visibility: row.maybe_key(visibility.as_ref())?,
        lists: lists.iter().map(|code| list(row, *code)).collect::<Result<_, _>>()?,
        default_number: default.map(|num| row.names().number(*num)).transpose()?,
        delegates: row.subjects(LinkKind::Delegation)?,
    })
}

fn overrides_of(
    row: &Row<'_>,
    stored: &BTreeMap<String, OverrideBody>,
) -> Result<BTreeMap<Key, OverrideValue>, StoreError> {
    let mut overrides = BTreeMap::new();
    for (permission, body) in stored {
        let value = match body {
            OverrideBody::Off => OverrideValue::Off,
            OverrideBody::On => OverrideValue::On,
            OverrideBody::Scoped(scopes) => OverrideValue::Scoped(scopes_of(row, scopes)?),
        };
        overrides.insert(row.key(permission)?, value);
    }
    Ok(overrides)
}

fn scopes_of(
    row: &Row<'_>,
    stored: &BTreeMap<String, Vec<u64>>,
) -> Result<BTreeMap<ScopeKind, Vec<String>>, StoreError> {
    let mut scopes = BTreeMap::new();
    for (word, nums) in stored {
        let known = ScopeKind::ALL.iter().find(|(_, known)| known == word);
        let (scope, _) = *known.ok_or_else(|| row.corrupt("body"))?;
        let value = |num: &u64| scope_value(row, scope, Num(*num));
        scopes.insert(scope, nums.iter().map(value).collect::<Result<_, _>>()?);
    }
    Ok(scopes)
}

fn scope_value(row: &Row<'_>, scope: ScopeKind, num: Num) -> Result<String, StoreError> {
    let kind = match scope {
        ScopeKind::Source => return source(row, num).map(|source| source.as_str().to_owned()),
        ScopeKind::Number => ObjectKind::Number,
        ScopeKind::FormType => ObjectKind::FormType,
        ScopeKind::DocumentType => ObjectKind::DocumentType,
        ScopeKind::Template => ObjectKind::Template,
    };
    row.names().text(num, kind).map(str::to_owned)
}

fn source(row: &Row<'_>, num: Num) -> Result<AttachmentSource, StoreError> {
    let found = AttachmentSource::ALL.iter().find(|(source, _)| source.num() == num);
    found.map(|(source, _)| *source).ok_or_else(|| row.corrupt("body"))
}

/// The list whose links have this code.
fn list(row: &Row<'_>, code: u8) -> Result<MemberList, StoreError> {
    let kind = LinkKind::from_code(code).ok_or_else(|| row.corrupt("body"))?;
    let ends = row.ends(kind);
    let names = row.names();
    let numbers = || values(ends, |num| names.number(num));
    Ok(match kind {
        LinkKind::AccessNumber => MemberList::Numbers(NumberList::Access, numbers()?),
        LinkKind::AutoAssignNumber => MemberList::Numbers(NumberList::AutoAssign, numbers()?),
        LinkKind::GrantedNumber => MemberList::Numbers(NumberList::Granted, numbers()?),
        LinkKind::HeldExtension => {
            MemberList::HeldExtensions(values(ends, |num| names.extension(num))?)
        }
        LinkKind::GrantedExtension => {
            MemberList::GrantedExtensions(values(ends, |num| names.extension(num))?)
        }
        LinkKind::GrantedQueue => MemberList::GrantedQueues(values(ends, |num| names.queue(num))?),
        LinkKind::MemberLabel => MemberList::Labels(values(ends, |num| names.label(num))?),
        LinkKind::SendFromFax => MemberList::SendFrom(SendChannel::Fax, numbers()?),
        LinkKind::SendFromMessage => MemberList::SendFrom(SendChannel::Message, numbers()?),
        LinkKind::SendFromCall => MemberList::SendFrom(SendChannel::Call, numbers()?),
        LinkKind::AttachmentSource => {
            MemberList::AttachmentSources(values(ends, |num| source(row, num))?)
        }
        LinkKind::GroupMember
        | LinkKind::GroupOwner
        | LinkKind::FaxboxUser
        | LinkKind::FaxboxGroup
        | LinkKind::FaxboxOwner
        | LinkKind::AccountOwner
        | LinkKind::NumberFaxbox
        | LinkKind::NumberGroup
        | LinkKind::Delegation
        | LinkKind::DefaultNumber
        | LinkKind::OverrideNumber => return Err(row.corrupt("body")),
    })
}

/// The value of a list that is set.
fn values<T>(
    ends: &[Num],
    value: impl Fn(Num) -> Result<T, StoreError>,
) -> Result<ListValue<T>, StoreError> {
    if ends.contains(&ALL) {
        return Ok(ListValue::All);
    }
    ends.iter().map(|num| value(*num)).collect::<Result<_, _>>().map(ListValue::These)
}
