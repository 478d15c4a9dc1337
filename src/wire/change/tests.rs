use std::collections::BTreeMap;

use lineguard_core::change::{
    AccountKind, AttachmentSource, ListValue, MemberList, NumberList, NumberTarget, OverrideValue,
    SourceSet, UserOrGroup,
};
use lineguard_core::facts::{Capabilities, MemberStatus};
use lineguard_core::id::{
    AccountId, ExternalId, FaxId, FaxboxId, GroupId, InvitationId, Key, ModelDigest, PhoneNumber,
    Subject, Timestamp,
};
use lineguard_core::model::ScopeKind;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::vocabulary::SendChannel;

use super::*;
use crate::wire::invalid::InvalidRequest;

fn account() -> AccountId {
    AccountId::parse("home").unwrap()
}

fn alice() -> Subject {
    Subject::user("alice").unwrap()
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn number() -> PhoneNumber {
    PhoneNumber::parse("+15550100").unwrap()
}

fn read_back(message: pb::Change) -> Result<Change, InvalidRequest> {
    Faults::collect(|faults, at| read(faults, at, message))
}

fn set_list(list: MemberList) -> Change {
    Change::SetList { account: account(), subject: alice(), list }
}

fn set_override(value: OverrideValue) -> Change {
    Change::SetOverride { account: account(), subject: alice(), permission: key("p"), value }
}

/// One of every shape of field.
fn samples() -> Vec<Change> {
    let scopes = BTreeMap::from([
        (ScopeKind::Number, vec!["+15550100".to_owned()]),
        (ScopeKind::Source, vec!["cloud".to_owned()]),
        (ScopeKind::FormType, vec![]),
    ]);
    vec![
        Change::CreateTenant {
            title: "Acme".into(),
            model: ModelDigest::of("x"),
            root: account(),
            kind: AccountKind::Personal,
            owner: Some(alice()),
        },
        Change::AddAccount {
            account: account(),
            parent: account(),
            title: String::new(),
            sealed: true,
            owner: None,
        },
        Change::SetFlag { account: account(), flag: key("f"), on: None },
        Change::SetFlag { account: account(), flag: key("f"), on: Some(false) },
        Change::AdjustRole {
            account: account(),
            role: key("admin"),
            add: vec![key("a"), key("b")],
            remove: vec![],
            visibility: Some(key("all_team")),
        },
        Change::SetPersonal { account: account(), personal: true },
        Change::SetRolePermissions {
            account: account(),
            role: key("own"),
            permissions: vec![key("a")],
        },
        Change::SetRoleDifferences {
            account: account(),
            role: key("admin"),
            add: Some(vec![]),
            remove: None,
        },
        Change::SetRoleVisibility { account: account(), role: key("own"), level: None },
        Change::SetNumberCapabilities {
            number: number(),
            capabilities: Capabilities { voice: false, fax: true, message: false },
        },
        Change::AddRetiredNumber { account: account(), number: number() },
        Change::AddMember {
            account: account(),
            subject: alice(),
            status: MemberStatus::Unverified,
            roles: None,
        },
        Change::AddMember {
            account: account(),
            subject: alice(),
            status: MemberStatus::Active,
            roles: Some(vec![]),
        },
        set_override(OverrideValue::Unset),
        set_override(OverrideValue::Off),
        set_override(OverrideValue::On),
        set_override(OverrideValue::Scoped(scopes)),
        set_list(MemberList::Numbers(NumberList::Access, ListValue::All)),
        set_list(MemberList::Numbers(NumberList::AutoAssign, ListValue::Unset)),
        set_list(MemberList::Numbers(NumberList::Granted, ListValue::These(vec![number()]))),
        set_list(MemberList::HeldExtensions(ListValue::These(vec![]))),
        set_list(MemberList::GrantedExtensions(ListValue::All)),
        set_list(MemberList::GrantedQueues(ListValue::All)),
        set_list(MemberList::Labels(ListValue::All)),
        set_list(MemberList::SendFrom(SendChannel::Fax, ListValue::All)),
        set_list(MemberList::SendFrom(SendChannel::Message, ListValue::All)),
        set_list(MemberList::SendFrom(SendChannel::Call, ListValue::These(vec![]))),
        set_list(MemberList::AttachmentSources(ListValue::These(vec![
            AttachmentSource::MobileScan,
        ]))),
        Change::SetDefaultNumber { account: account(), subject: alice(), number: Some(number()) },
        Change::SetDelegation { account: account(), from: alice(), to: alice(), on: true },
        Change::Invite {
            account: account(),
            invitation: InvitationId::parse("i1").unwrap(),
            roles: Some(vec![key("user")]),
            expires_at: Timestamp(1_700_000_000_001),
        },
        Change::AddNumber {
            account: account(),
            number: number(),
            capabilities: Capabilities { voice: true, fax: false, message: true },
            active: true,
        },
        Change::SetNumberTarget {
            number: number(),
            target: NumberTarget::Faxbox(FaxboxId::parse("box").unwrap()),
            on: true,
        },
        Change::SetFaxboxMember {
            faxbox: FaxboxId::parse("box").unwrap(),
            member: UserOrGroup::Group(GroupId::parse("sales").unwrap()),
            on: false,
        },
        Change::AssignFax { fax: FaxId::parse("f1").unwrap(), assignee: None },
        Change::MoveFax { fax: FaxId::parse("f1").unwrap(), faxbox: None },
        Change::SetFaxState { fax: FaxId::parse("f1").unwrap(), state: FaxState::Trash },
        Change::SetFaxLabels {
            fax: FaxId::parse("f1").unwrap(),
            labels: vec![ExternalId::parse("urgent").unwrap()],
        },
        Change::SetFaxAttachmentSources {
            fax: FaxId::parse("f1").unwrap(),
            attachment_sources: [AttachmentSource::Cloud].into_iter().collect(),
        },
    ]
}

#[test]
fn a_change_comes_back_as_it_went() {
    for change in samples() {
        assert_eq!(read_back(change_to_wire(&change)), Ok(change));
    }
}

#[test]
fn a_new_fax_comes_back_as_it_went() {
    let none = std::iter::empty::<AttachmentSource>().collect();
    let both = [AttachmentSource::Library, AttachmentSource::Cloud].into_iter().collect();
    for attachment_sources in [None, Some(none), Some(both)] {
        let fax = new_fax(attachment_sources);
        let wire = new_fax_to_wire(&fax);
        assert_eq!(Faults::collect(|faults, at| read_fax(faults, at, wire)), Ok(fax));
    }
}

fn new_fax(attachment_sources: Option<SourceSet>) -> NewFax {
    NewFax {
        fax: FaxId::parse("f1").unwrap(),
        account: account(),
        direction: Direction::Outbound,
        number: Some(number()),
        faxbox: None,
        creator: Some(alice()),
        state: FaxState::Pending,
        labels: vec![],
        at: Timestamp(-1),
        attachment_sources,
    }
}

#[test]
fn sources_are_said_and_known_ones() {
    let set = |attachment_sources| {
        let message = pb::SetFaxAttachmentSources { fax: "f1".into(), attachment_sources };
        read_back(pb::Change { kind: Some(Kind::SetFaxAttachmentSources(message)) })
    };
    let fault = |sources: Option<Vec<i32>>| {
        set(sources.map(|sources| pb::AttachmentSources { sources })).unwrap_err().to_string()
    };
    let at = "set_fax_attachment_sources.attachment_sources";
    // Left out is not the same as none.
    assert_eq!(fault(None), format!("`{at}` is required"));
    assert!(set(Some(pb::AttachmentSources { sources: vec![] })).is_ok());
    assert_eq!(fault(Some(vec![1, 0])), format!("`{at}.sources[1]` is required"));
    assert!(fault(Some(vec![99])).starts_with(&format!("`{at}.sources[0]`")));
}

#[test]
fn names_are_those_of_the_wire() {
    let debug = |name: &str| name.replace('_', "");
    for change in samples() {
        let wire = format!("{:?}", change_to_wire(&change).kind.unwrap()).to_lowercase();
        assert!(wire.starts_with(&debug(kind_name(&change))), "{wire}");
    }
}

#[test]
fn all_faults_of_a_change_are_told() {
    let message = pb::AddRole {
        account: String::new(),
        role: "Not A Key".into(),
        title: "x".repeat(201),
        permissions: vec!["ok".into(), "not ok".into()],
        visibility: Some(String::new()),
    };
    let fields: Vec<_> = read_back(pb::Change { kind: Some(Kind::AddRole(message)) })
        .unwrap_err()
        .violations
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(
        fields,
        [
            "add_role.account",
            "add_role.role",
            "add_role.title",
            "add_role.permissions[1]",
            "add_role.visibility"
        ]
    );
}

fn list_fault(list: i32, state: i32, values: &[&str]) -> String {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    let message = pb::SetList {
        account: "home".into(),
        subject: Some(pb::Subject { r#type: "user".into(), id: "alice".into() }),
        list,
        value: Some(pb::ListValue { state, values }),
    };
    read_back(pb::Change { kind: Some(Kind::SetList(message)) }).unwrap_err().to_string()
}

#[test]
fn a_list_says_which_it_is_and_in_which_state() {
    assert_eq!(list_fault(0, 2, &[]), "`set_list.list` is required");
    assert_eq!(list_fault(1, 0, &[]), "`set_list.value.state` is required");
    assert!(list_fault(1, 1, &["+15550100"]).contains("`set_list.value.values` must be empty"));
    assert!(list_fault(1, 3, &["+15550100", "100"]).contains("values[1]` must be in E.164 form"));
    assert_eq!(
        list_fault(11, 3, &["cluod"]),
        "`set_list.value.values[0]` unknown attachment source `cluod`, did you mean `cloud`?"
    );
}

#[test]
fn an_override_that_is_on_may_not_carry_scopes() {
    let limit = pb::ScopeLimit { kind: 2, values: vec!["invoice".into()] };
    let fault = |state, scopes| {
        let message = pb::SetOverride {
            account: "home".into(),
            subject: Some(pb::Subject { r#type: "user".into(), id: "alice".into() }),
            permission: "p".into(),
            value: Some(pb::OverrideValue { state, scopes }),
        };
        read_back(pb::Change { kind: Some(Kind::SetOverride(message)) }).unwrap_err().to_string()
    };
    assert!(fault(3, vec![limit.clone()]).contains("`set_override.value.scopes` must be empty"));
    assert!(fault(4, vec![]).contains("`set_override.value.scopes` needs at least one"));
    assert!(fault(4, vec![limit.clone(), limit]).contains("scopes[1].kind` is limited twice"));
}
