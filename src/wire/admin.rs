//! The messages of `AdminService`.

use lineguard_core::change::{Applied, Batch, Change, Imported, NewFax, Warning};
use lineguard_core::id::{
    AccountId, ExtensionId, FaxboxId, GroupId, InvitationId, Key, PhoneNumber, QueueId, RequestId,
    Subject, TenantId,
};
use lineguard_core::row::ObjectKind;

use super::field::Field;
use super::invalid::{Faults, InvalidRequest, Path};
use super::page::{self, Page, Room};
use super::status::Failure;
use super::{change, enums, id, pb};
use crate::objects::Relation;

/// Greatest number of changes of a batch, and of changes or faxes of a part of an import.
pub const MAX_CHANGES: usize = 10_000;

/// Reads a request of `Apply`.
pub fn apply_batch(message: pb::ApplyRequest) -> Result<Batch, InvalidRequest> {
    let pb::ApplyRequest { tenant, actor, request_id, if_exists, changes } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let actor = Field::read(faults, &at.field("actor"), actor);
        let request_id = Field::read(faults, &at.field("request_id"), request_id);
        let if_exists = enums::optional(faults, &at.field("if_exists"), if_exists);
        if changes.is_empty() {
            return faults.add(&at.field("changes"), "must not be empty");
        }
        let changes = read_changes(faults, at, changes);
        Some(Batch {
            tenant: tenant?,
            actor: actor?,
            // The caller's right, which no message says.
            provisions: false,
            request_id: request_id?,
            if_exists: if_exists?.unwrap_or_default(),
            changes: changes?,
        })
    })
}

fn read_changes(
    faults: &mut Faults,
    at: &Path<'_>,
    changes: Vec<pb::Change>,
) -> Option<Vec<Change>> {
    let at = at.field("changes");
    id::bounded(faults, &at, changes.len(), MAX_CHANGES)?;
    faults.each(&at, changes, change::read)
}

/// The answer to `Apply`. The token is empty where there is none.
pub fn apply_response(applied: Applied, revision_token: String) -> pb::ApplyResponse {
    let Applied { revision, changed, warnings, repeated } = applied;
    pb::ApplyResponse {
        revision: revision.0,
        changed: count(changed),
        warnings: warnings.into_iter().map(warning_to_wire).collect(),
        revision_token,
        repeated,
    }
}

/// A remark on the wire.
pub fn warning_to_wire(warning: Warning) -> pb::Warning {
    let Warning { change, text } = warning;
    pb::Warning { change: count(change), text }
}

/// A number of things on the wire.
pub fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One part of an import, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportPart {
    /// Who imports.
    pub actor: Subject,
    /// The caller's own name for the import of this tenant.
    pub request_id: RequestId,
    /// Its changes, in order.
    pub changes: Vec<Change>,
    /// Its faxes, after its changes.
    pub faxes: Vec<NewFax>,
}

/// Reads a part of an import; `index` is its position in the stream, from 0. A part that names no
/// tenant is a fault of the stream; all other faults belong to its tenant.
pub fn import_part(
    message: pb::ImportRequest,
    index: usize,
) -> Result<(TenantId, Result<ImportPart, InvalidRequest>), InvalidRequest> {
    let pb::ImportRequest { tenant, actor, request_id, changes, faxes } = message;
    let tenant = Faults::collect(|faults, at| {
        Field::read(faults, &at.field("parts").index(index).field("tenant"), tenant)
    })?;
    let part = Faults::collect_of_file(|faults, at| {
        let at = at.field("parts");
        let at = at.index(index);
        let actor = Field::read(faults, &at.field("actor"), actor);
        let request_id = Field::read(faults, &at.field("request_id"), request_id);
        let changes = read_changes(faults, &at, changes);
        let at_faxes = at.field("faxes");
        let faxes = match id::bounded(faults, &at_faxes, faxes.len(), MAX_CHANGES) {
            Some(()) => faults.each(&at_faxes, faxes, change::read_fax),
            None => None,
        };
        Some(ImportPart {
            actor: actor?,
            request_id: request_id?,
            changes: changes?,
            faxes: faxes?,
        })
    });
    Ok((tenant, part))
}

/// The answer to `Import`, in the order of the tenants' first parts: what was imported and its
/// revision token, which is empty where there is none.
pub fn import_response(
    results: impl IntoIterator<Item = (TenantId, Result<(Imported, String), Failure>)>,
) -> pb::ImportResponse {
    use pb::import_result::Result as Wire;

    let mut room = Room::WHOLE;
    let mut result = |result| match result {
        Ok((Imported { applied, registered }, token)) => {
            let pb::ApplyResponse { revision, changed, warnings, revision_token, repeated } =
                apply_response(applied, token);
            Wire::Imported(pb::ImportedTenant {
                revision,
                changed,
                warnings,
                registered_faxes: count(registered),
                revision_token,
                repeated,
            })
        }
        Err(failure) => Wire::Error(room.error(failure)),
    };
    let results = results
        .into_iter()
        .map(|(tenant, item)| pb::ImportResult {
            tenant: tenant.to_wire(),
            result: Some(result(item)),
        })
        .collect();
    pb::ImportResponse { results }
}

/// Names one object of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKey {
    /// The tenant itself.
    Tenant,
    /// An account.
    Account(AccountId),
    /// A member.
    Member(AccountId, Subject),
    /// A group.
    Group(GroupId),
    /// A role that the tenant defines or adjusts at an account.
    Role(AccountId, Key),
    /// A number.
    Number(PhoneNumber),
    /// An extension.
    Extension(ExtensionId),
    /// A queue.
    Queue(QueueId),
    /// A faxbox.
    Faxbox(FaxboxId),
    /// An invitation.
    Invitation(InvitationId),
}

/// Reads a request of `Get`.
pub fn get_call(message: pb::GetRequest) -> Result<(TenantId, ObjectKey), InvalidRequest> {
    let pb::GetRequest { tenant, key } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let at = at.field("key");
        let key = match faults.required(&at, key) {
            Some(key) => read_key(faults, &at, key),
            None => None,
        };
        Some((tenant?, key?))
    })
}

fn read_key(faults: &mut Faults, at: &Path<'_>, message: pb::ObjectKey) -> Option<ObjectKey> {
    use pb::object_key::Kind;

    let pb::ObjectKey { kind } = message;
    match faults.required(at, kind)? {
        Kind::Tenant(pb::TenantKey {}) => Some(ObjectKey::Tenant),
        Kind::Account(id) => Field::read(faults, &at.field("account"), id).map(ObjectKey::Account),
        Kind::Member(pb::MemberKey { account, subject }) => {
            let at = at.field("member");
            let account = Field::read(faults, &at.field("account"), account);
            let subject = Field::read(faults, &at.field("subject"), subject);
            Some(ObjectKey::Member(account?, subject?))
        }
        Kind::Group(id) => Field::read(faults, &at.field("group"), id).map(ObjectKey::Group),
        Kind::Role(pb::RoleKey { account, role }) => {
            let at = at.field("role");
            let account = Field::read(faults, &at.field("account"), account);
            let role = Field::read(faults, &at.field("role"), role);
            Some(ObjectKey::Role(account?, role?))
        }
        Kind::Number(id) => Field::read(faults, &at.field("number"), id).map(ObjectKey::Number),
        Kind::Extension(id) => {
            Field::read(faults, &at.field("extension"), id).map(ObjectKey::Extension)
        }
        Kind::Queue(id) => Field::read(faults, &at.field("queue"), id).map(ObjectKey::Queue),
        Kind::Faxbox(id) => Field::read(faults, &at.field("faxbox"), id).map(ObjectKey::Faxbox),
        Kind::Invitation(id) => {
            Field::read(faults, &at.field("invitation"), id).map(ObjectKey::Invitation)
        }
    }
}

impl ObjectKey {
    /// The kind of object that it names; none for the tenant.
    pub const fn kind(&self) -> Option<ObjectKind> {
        match self {
            Self::Tenant => None,
            Self::Account(_) => Some(ObjectKind::Account),
            Self::Member(..) => Some(ObjectKind::Member),
            Self::Group(_) => Some(ObjectKind::Group),
            Self::Role(..) => Some(ObjectKind::Role),
            Self::Number(_) => Some(ObjectKind::Number),
            Self::Extension(_) => Some(ObjectKind::Extension),
            Self::Queue(_) => Some(ObjectKind::Queue),
            Self::Faxbox(_) => Some(ObjectKind::Faxbox),
            Self::Invitation(_) => Some(ObjectKind::Invitation),
        }
    }
}

/// A request of `List`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCall {
    /// The tenant.
    pub tenant: TenantId,
    /// Kind of object; never a subject, a label or another plain name.
    pub kind: ObjectKind,
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Which page.
    pub page: Page,
}

/// Reads a request of `List`.
pub fn list_call(message: pb::ListRequest) -> Result<ListCall, InvalidRequest> {
    let pb::ListRequest { tenant, kind, account, page_size, page_token } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let at_kind = at.field("kind");
        let kind = match pb::ObjectKind::try_from(kind) {
            Ok(kind) => faults.required(&at_kind, enums::listed_kind(kind)),
            Err(_) => faults.add(&at_kind, enums::unknown_number(kind)),
        };
        let account = Field::read(faults, &at.field("account"), account);
        let page = page::page(faults, at, page_size, page_token);
        Some(ListCall { tenant: tenant?, kind: kind?, account: account?, page: page? })
    })
}

/// A request of `ListRelated`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRelatedCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The object.
    pub key: ObjectKey,
    /// The key as it was sent, for the tokens of its pages.
    pub sent: Vec<u8>,
    /// Which of its sets.
    pub relation: Relation,
    /// Which page.
    pub page: Page,
}

/// Reads a request of `ListRelated`.
pub fn list_related_call(
    message: pb::ListRelatedRequest,
) -> Result<ListRelatedCall, InvalidRequest> {
    let pb::ListRelatedRequest { tenant, key, relation, page_size, page_token } = message;
    let sent = key.as_ref().map(prost::Message::encode_to_vec).unwrap_or_default();
    let get = pb::GetRequest { tenant, key };
    let read = get_call(get);
    let rest = Faults::collect(|faults, at| {
        let at_relation = at.field("relation");
        let relation = match pb::Relation::try_from(relation) {
            Ok(relation) => faults.required(&at_relation, Relation::from_wire(relation)),
            Err(_) => faults.add(&at_relation, enums::unknown_number(relation)),
        };
        let page = page::page(faults, at, page_size, page_token);
        let (relation, page) = (relation?, page?);
        if let Ok((_, key)) = &read
            && key.kind().is_none_or(|kind| relation.links(kind).is_empty())
        {
            return faults.add(&at_relation, "is none that such an object has");
        }
        Some((relation, page))
    });
    match (read, rest) {
        (Ok((tenant, key)), Ok((relation, page))) => {
            Ok(ListRelatedCall { tenant, key, sent, relation, page })
        }
        (Err(one), Err(other)) => {
            let violations = one.violations.into_iter().chain(other.violations).collect();
            Err(InvalidRequest { violations })
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Reads a request of `ListModels`.
pub fn list_models_call(message: pb::ListModelsRequest) -> Result<Page, InvalidRequest> {
    let pb::ListModelsRequest { page_size, page_token } = message;
    Faults::collect(|faults, at| page::whole_page(faults, at, page_size, page_token))
}

/// Reads a request of `ListTenants`.
pub fn list_tenants_call(message: pb::ListTenantsRequest) -> Result<Page, InvalidRequest> {
    let pb::ListTenantsRequest { page_size, page_token } = message;
    Faults::collect(|faults, at| page::page(faults, at, page_size, page_token))
}

/// Reads a request of `Export`: the tenant, and whether its faxes are exported too.
pub fn export_call(message: pb::ExportRequest) -> Result<(TenantId, bool), InvalidRequest> {
    let pb::ExportRequest { tenant, include_faxes } = message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        Some((tenant?, include_faxes))
    })
}

#[cfg(test)]
mod tests;
