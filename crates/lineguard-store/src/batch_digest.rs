//! The digest of a batch: whether a request that comes again asks for the same.
//!
//! It is stored, so it must mean the same in every later version: names and words are hashed, not
//! positions of variants, and every text and list with its length.

use std::collections::BTreeMap;

use lineguard_core::change::{
    AccountKind, AttachmentSource, Batch, Change, FaxesLeft, IfExists, Import, ListValue,
    MemberList, NumberList, NumberTarget, OverrideValue, Part, SourceSet, UserOrGroup, register,
};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, ModelDigest,
    PhoneNumber, QueueId, Subject, Timestamp,
};
use lineguard_core::model::ScopeKind;
use lineguard_core::model::reach::FaxState;
use lineguard_core::vocabulary::SendChannel;
use sha2::{Digest, Sha256};

/// SHA-256 of all that a batch asks for; its request id is not part of that.
pub(crate) fn of(batch: &Batch) -> [u8; 32] {
    let Batch { tenant, actor, provisions: _, request_id: _, if_exists, changes } = batch;
    let mut hasher = Sha256::new();
    let out = &mut hasher;
    "lineguard batch 1".feed(out);
    tenant.as_str().feed(out);
    actor.feed(out);
    match if_exists {
        IfExists::Refuse => "refuse",
        IfExists::Update => "update",
        IfExists::Keep => "keep",
    }
    .feed(out);
    changes.feed(out);
    hasher.finalize().into()
}

/// SHA-256 of all that an import asks for. Faxes go in by what tells a repeat of them.
pub(crate) fn of_import(import: &Import) -> [u8; 32] {
    let Import { tenant, actor, provisions: _, request_id: _, parts } = import;
    let mut hasher = Sha256::new();
    let out = &mut hasher;
    "lineguard import 1".feed(out);
    tenant.as_str().feed(out);
    actor.feed(out);
    count(parts.len(), out);
    for Part { changes, faxes } in parts {
        changes.feed(out);
        count(faxes.len(), out);
        faxes.iter().for_each(|fax| out.update(register::fingerprint(fax)));
    }
    hasher.finalize().into()
}

/// What can be part of a digest.
trait Feed {
    fn feed(&self, out: &mut Sha256);
}

fn count(length: usize, out: &mut Sha256) {
    out.update(u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}

impl Feed for str {
    fn feed(&self, out: &mut Sha256) {
        count(self.len(), out);
        out.update(self);
    }
}

impl Feed for String {
    fn feed(&self, out: &mut Sha256) {
        self.as_str().feed(out);
    }
}

impl Feed for bool {
    fn feed(&self, out: &mut Sha256) {
        out.update([u8::from(*self)]);
    }
}

impl<T: Feed> Feed for Option<T> {
    fn feed(&self, out: &mut Sha256) {
        self.is_some().feed(out);
        if let Some(value) = self {
            value.feed(out);
        }
    }
}

impl<T: Feed> Feed for Vec<T> {
    fn feed(&self, out: &mut Sha256) {
        count(self.len(), out);
        self.iter().for_each(|value| value.feed(out));
    }
}

impl Feed for BTreeMap<ScopeKind, Vec<String>> {
    fn feed(&self, out: &mut Sha256) {
        count(self.len(), out);
        for (scope, values) in self {
            scope.as_str().feed(out);
            values.feed(out);
        }
    }
}

macro_rules! feed_text {
    ($($name:ty),+ $(,)?) => {$(
        impl Feed for $name {
            fn feed(&self, out: &mut Sha256) {
                self.as_str().feed(out);
            }
        }
    )+};
}

feed_text! {
    AccountId, ExtensionId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, PhoneNumber,
    QueueId, MemberStatus, FaxState, AttachmentSource,
}

/// Nothing for nothing: requests from before it could be said have the digest that they had.
impl Feed for Option<FaxesLeft> {
    fn feed(&self, out: &mut Sha256) {
        match self {
            None => {}
            Some(FaxesLeft::Delete) => "faxes: delete".feed(out),
            Some(FaxesLeft::Keep) => "faxes: keep".feed(out),
        }
    }
}

/// Its bits are stored elsewhere too, and mean the same for ever.
impl Feed for SourceSet {
    fn feed(&self, out: &mut Sha256) {
        out.update([self.bits()]);
    }
}

impl Feed for Subject {
    fn feed(&self, out: &mut Sha256) {
        self.qualified().feed(out);
    }
}

impl Feed for ModelDigest {
    fn feed(&self, out: &mut Sha256) {
        out.update(self.0);
    }
}

impl Feed for Timestamp {
    fn feed(&self, out: &mut Sha256) {
        out.update(self.0.to_be_bytes());
    }
}

impl Feed for Capabilities {
    fn feed(&self, out: &mut Sha256) {
        let Self { voice, fax, message } = self;
        [voice, fax, message].into_iter().for_each(|one| one.feed(out));
    }
}

/// Enums: the name of the variant, then its fields. A variant or field that is left out does not
/// compile.
macro_rules! feed_enum {
    ($name:ty { $($variant:ident $(($($item:ident),+))? $({$($field:ident),+})?),+ $(,)? }) => {
        impl Feed for $name {
            fn feed(&self, out: &mut Sha256) {
                match self {$(
                    Self::$variant $(($($item),+))? $({$($field),+})? => {
                        stringify!($variant).feed(out);
                        $($($item.feed(out);)+)?
                        $($($field.feed(out);)+)?
                    }
                )+}
            }
        }
    };
}

impl<T: Feed> Feed for ListValue<T> {
    fn feed(&self, out: &mut Sha256) {
        match self {
            Self::Unset => "unset".feed(out),
            Self::All => "all".feed(out),
            Self::These(values) => {
                "these".feed(out);
                values.feed(out);
            }
        }
    }
}

feed_enum!(AccountKind { Shared, Personal });
feed_enum!(UserOrGroup { User(subject), Group(group) });
feed_enum!(NumberTarget { Group(group), Faxbox(faxbox) });
feed_enum!(NumberList { Access, AutoAssign, Granted });
feed_enum!(SendChannel { Fax, Message, Call });
feed_enum!(OverrideValue { Unset, Off, On, Scoped(values) });
feed_enum!(MemberList {
    Numbers(list, values),
    HeldExtensions(values),
    GrantedExtensions(values),
    GrantedQueues(values),
    Labels(values),
    SendFrom(channel, values),
    AttachmentSources(values),
});
feed_enum!(Change {
    CreateTenant { title, model, root, kind, owner },
    SetModel { model },
    SetPersonal { account, personal },
    AddAccount { account, parent, title, sealed, owner },
    SetSealed { account, sealed },
    RemoveAccount { account },
    SetAccountOwner { account, subject, owner },
    SetEntitlement { account, product, entitled },
    SetFlag { account, flag, on },
    SetSetting { account, setting, on },
    AddRole { account, role, title, permissions, visibility },
    AdjustRole { account, role, add, remove, visibility },
    SetRolePermissions { account, role, permissions },
    SetRoleDifferences { account, role, add, remove },
    SetRoleVisibility { account, role, level },
    RemoveRole { account, role },
    AddMember { account, subject, status, roles },
    SetMemberStatus { account, subject, status },
    RemoveMember { account, subject },
    SetRoles { account, subject, roles, keep_overrides },
    SetOverride { account, subject, permission, value },
    SetSwitch { account, subject, product, on },
    SetVisibility { account, subject, level },
    SetList { account, subject, list },
    SetDefaultNumber { account, subject, number },
    SetDelegation { account, from, to, on },
    Invite { account, invitation, roles, expires_at },
    AcceptInvitation { invitation, subject },
    RevokeInvitation { invitation },
    AddGroup { account, group, title, roles },
    RemoveGroup { group },
    SetGroupRoles { group, roles },
    SetGroupMember { group, subject, member },
    SetGroupOwner { group, subject, owner },
    AddNumber { account, number, capabilities, active },
    SetNumberActive { number, active },
    SetNumberCapabilities { number, capabilities },
    MoveNumber { number, account },
    SetNumberTarget { number, target, on },
    RemoveNumber { number },
    AddRetiredNumber { account, number },
    AddExtension { account, extension },
    RemoveExtension { extension },
    AddQueue { account, queue },
    RemoveQueue { queue },
    AddFaxbox { account, faxbox, title },
    RemoveFaxbox { faxbox, faxes },
    SetFaxboxMember { faxbox, member, on },
    SetFaxboxOwner { faxbox, subject, owner },
    AssignFax { fax, assignee },
    MoveFax { fax, faxbox },
    SetFaxState { fax, state },
    SetFaxLabels { fax, labels },
    SetFaxAttachmentSources { fax, attachment_sources },
    DeleteFax { fax },
});
