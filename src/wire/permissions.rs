//! `ListPermissions` and `ListAccounts`.

use lineguard_core::change::OverrideValue;
use lineguard_core::decision::Reason;
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Key, Subject, TenantId};

use super::consistency::{self, Consistency};
use super::decision::{OriginKind, origin_to_wire};
use super::enums;
use super::enums::WireEnum;
use super::field::Field;
use super::invalid::{Faults, InvalidRequest};
use super::page::{self, Page};
use super::pb;

/// A request of `ListPermissions`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPermissionsCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The acting account.
    pub account: AccountId,
    /// The member.
    pub subject: Subject,
    /// How recent the state must be.
    pub consistency: Consistency,
    /// Which page.
    pub page: Page,
}

/// Reads a request of `ListPermissions`.
pub fn list_permissions_call(
    message: pb::ListPermissionsRequest,
) -> Result<ListPermissionsCall, InvalidRequest> {
    let pb::ListPermissionsRequest { tenant, subject, account, consistency, page_size, page_token } =
        message;
    Faults::collect(|faults, at| {
        let tenant = Field::read(faults, &at.field("tenant"), tenant);
        let subject = Field::read(faults, &at.field("subject"), subject);
        let account = Field::read(faults, &at.field("account"), account);
        let consistency = consistency::read(faults, &at.field("consistency"), consistency);
        let page = page::whole_page(faults, at, page_size, page_token);
        Some(ListPermissionsCall {
            tenant: tenant?,
            account: account?,
            subject: subject?,
            consistency: consistency?,
            page: page?,
        })
    })
}

/// One permission as a member has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectivePermission {
    /// Key.
    pub key: String,
    /// The product's own title.
    pub title: String,
    /// Heading it stands under.
    pub category: String,
    /// Why it is not in force; none if it is.
    pub lacking: Option<Reason>,
    /// What gives it or takes it away: kind, key, title.
    pub origins: Vec<(OriginKind, String, String)>,
    /// How far it reaches, as the model writes it.
    pub reach: Vec<String>,
    /// The member's override, where there is one.
    pub overridden: Option<OverrideValue>,
}

/// A permission on the wire.
pub fn permission_to_wire(permission: EffectivePermission) -> pb::EffectivePermission {
    let EffectivePermission { key, title, category, lacking, origins, reach, overridden } =
        permission;
    let origin = |(kind, key, title)| origin_to_wire(kind, key, title);
    pb::EffectivePermission {
        key,
        title,
        category,
        held: lacking.is_none(),
        reason: enums::optional_to_wire(lacking),
        origins: origins.into_iter().map(origin).collect(),
        reach,
        r#override: overridden.and_then(|value| value.to_wire()),
    }
}

/// Reads a request of `ListAccounts`.
pub fn list_accounts_call(
    message: pb::ListAccountsRequest,
) -> Result<(Subject, Page), InvalidRequest> {
    let pb::ListAccountsRequest { subject, page_size, page_token } = message;
    Faults::collect(|faults, at| {
        let subject = Field::read(faults, &at.field("subject"), subject);
        let page = page::page(faults, at, page_size, page_token);
        Some((subject?, page?))
    })
}

/// A membership that a subject may select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMembership {
    /// The tenant.
    pub tenant: TenantId,
    /// Title of the tenant.
    pub tenant_title: String,
    /// The account.
    pub account: AccountId,
    /// Title of the account.
    pub title: String,
    /// Status of the membership.
    pub status: MemberStatus,
    /// Role keys.
    pub roles: Vec<Key>,
}

/// A membership on the wire.
pub fn membership_to_wire(membership: AccountMembership) -> pb::AccountMembership {
    let AccountMembership { tenant, tenant_title, account, title, status, roles } = membership;
    pb::AccountMembership {
        tenant: tenant.to_wire(),
        tenant_title,
        account: account.to_wire(),
        title,
        status: WireEnum::to_wire(status),
        roles: roles.to_wire(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_page_size_is_a_fault_beside_the_others() {
        let message = pb::ListAccountsRequest { page_size: -1, ..Default::default() };
        assert_eq!(
            list_accounts_call(message).unwrap_err().to_string(),
            "`subject` is required; `page_size` must not be negative"
        );
    }

    #[test]
    fn a_permission_is_held_unless_it_says_why_not() {
        let permission = EffectivePermission {
            key: "fax.send".into(),
            title: "Send".into(),
            category: "Outbound".into(),
            lacking: Some(Reason::NotEntitled),
            origins: vec![(OriginKind::Role, "user".into(), "User".into())],
            reach: vec!["account".into()],
            overridden: None,
        };
        let wire = permission_to_wire(permission.clone());
        assert!(!wire.held);
        assert_eq!(wire.reason(), pb::Reason::NotEntitled);
        assert!(permission_to_wire(EffectivePermission { lacking: None, ..permission }).held);
    }
}
