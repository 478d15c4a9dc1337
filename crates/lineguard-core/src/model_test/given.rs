//! The situation of a test: one member, `me`, of the account `home`.

use std::collections::BTreeMap;

use super::read::{Names, Numbers, Reader};
use crate::facts::{
    AccountBelow, AccountLevel, AccountSetup, GrantList, GroupFacts, ListOf, MemberFacts,
    MemberStatus, Membership, Override,
};
use crate::id::{Key, ModelDigest, Num, Revision};
use crate::model::{RestrictionList, ScopeKind};
use crate::text::Fields;
use crate::vocabulary::SendChannel;

pub(super) const KEYS: &[&str] = &[
    "roles",
    "status",
    "visibility",
    "on",
    "off",
    "scoped",
    "switched_off",
    "not_entitled",
    "flags",
    "settings",
    "access",
    "auto_assign",
    "granted",
    "held_extensions",
    "granted_extensions",
    "granted_queues",
    "labels",
    "send_from_fax",
    "send_from_message",
    "send_from_call",
    "attachment_sources",
    "faxboxes",
    "groups",
    "owned_faxboxes",
    "owned_groups",
    "supervised",
    "delegators",
    "owns_account",
    "default_number",
    "parent_roles",
    "sealed_child",
    "numbers_elsewhere",
    "numbers_inactive",
    "number_faxboxes",
];

const SEND_FROM: [(SendChannel, &str); 3] = [
    (SendChannel::Fax, "send_from_fax"),
    (SendChannel::Message, "send_from_message"),
    (SendChannel::Call, "send_from_call"),
];

impl<'s, 't> Reader<'s, 't, '_> {
    pub(super) fn member(&mut self, given: &Fields<'s, 't>) -> MemberFacts {
        self.names.numbers = Numbers {
            elsewhere: self.names(given, "numbers_elsewhere"),
            inactive: self.names(given, "numbers_inactive"),
            faxboxes: self.number_faxboxes(given),
        };
        let groups = self.names(given, "groups").into_iter().map(|group| GroupFacts {
            group,
            account: Names::HOME,
            title: "group".into(),
            roles: Vec::new(),
        });
        MemberFacts {
            revision: Revision(1),
            model: ModelDigest::of("a test"),
            subject: Names::ME,
            groups: groups.collect(),
            path: self.path(given),
            below: vec![AccountBelow {
                account: Names::CHILD,
                parent: Names::HOME,
                sealed: given.bool("sealed_child", false),
            }],
            owned_accounts: match given.bool("owns_account", false) {
                true => vec![Names::HOME],
                false => Vec::new(),
            },
            faxboxes: self.names(given, "faxboxes"),
            owned_faxboxes: self.names(given, "owned_faxboxes"),
            owned_groups: self.names(given, "owned_groups"),
            supervised: self.names(given, "supervised"),
            supervised_below: Vec::new(),
            delegators: self.names(given, "delegators"),
            taken: None,
        }
    }

    /// The faxboxes that the faxes of numbers are routed into.
    fn number_faxboxes(&mut self, given: &Fields<'s, 't>) -> BTreeMap<Num, Num> {
        let Some(routed) = self.table(given, "number_faxboxes") else { return BTreeMap::new() };
        let mut faxboxes = BTreeMap::new();
        for number in Self::entries(&routed) {
            let faxbox = self.name(&routed, number.text);
            faxboxes.extend(faxbox.map(|faxbox| (self.names.num(number.text), faxbox)));
        }
        faxboxes
    }

    fn path(&mut self, given: &Fields<'s, 't>) -> Vec<AccountLevel> {
        let not_entitled = self.keys(given, "not_entitled", "product", &self.words.products);
        let setup = AccountSetup {
            entitlements: not_entitled.into_iter().map(|product| (product, false)).collect(),
            flags: self.switches(given, "flags", "feature flag"),
            settings: self.switches(given, "settings", "setting"),
        };
        let home = AccountLevel {
            account: Names::HOME,
            sealed: false,
            setup,
            roles: Vec::new(),
            membership: Some(self.membership(given)),
        };
        let parent_roles = self.keys(given, "parent_roles", "role", &self.words.roles);
        let parent = AccountLevel {
            account: Names::PARENT,
            sealed: false,
            setup: AccountSetup::default(),
            roles: Vec::new(),
            membership: (!parent_roles.is_empty()).then(|| bare(parent_roles)),
        };
        vec![home, parent]
    }

    fn membership(&mut self, given: &Fields<'s, 't>) -> Membership {
        let mut lists = BTreeMap::new();
        for (list, word) in GrantList::ALL {
            lists.extend(self.all_or_names(given, word).map(|value| (list, value)));
        }
        let level = given.item("visibility");
        let level = level.and_then(|item| self.key(item, "visibility level", &self.words.levels));
        let switched_off = self.keys(given, "switched_off", "product", &self.words.products);
        Membership {
            member: Num(11),
            status: given.choice("status", &MemberStatus::ALL).unwrap_or(MemberStatus::Active),
            overrides: self.overrides(given),
            switches: switched_off.into_iter().map(|product| (product, false)).collect(),
            visibility: level,
            lists,
            restrictions: self.restrictions(given),
            default_number: self.name(given, "default_number"),
            ..bare(self.keys(given, "roles", "role", &self.words.roles))
        }
    }

    fn restrictions(&mut self, given: &Fields<'s, 't>) -> BTreeMap<RestrictionList, ListOf> {
        let mut restrictions = BTreeMap::new();
        for (channel, word) in SEND_FROM {
            let list = self.all_or_names(given, word);
            restrictions.extend(list.map(|list| (RestrictionList::SendFrom(channel), list)));
        }
        let sources = self.all_or_sources(given, "attachment_sources");
        restrictions.extend(sources.map(|list| (RestrictionList::AttachmentSources, list)));
        restrictions
    }

    fn overrides(&mut self, given: &Fields<'s, 't>) -> BTreeMap<Key, Override> {
        let permissions = &self.words.permissions;
        let mut overrides = BTreeMap::new();
        let on = self.keys(given, "on", "permission", permissions);
        overrides.extend(on.into_iter().map(|key| (key, Override::On)));
        let off = self.keys(given, "off", "permission", permissions);
        overrides.extend(off.into_iter().map(|key| (key, Override::Off)));
        let known: Vec<&str> = permissions.iter().copied().collect();
        let Some(scoped) = given.sub("scoped", &known) else { return overrides };
        for item in Self::entries(&scoped) {
            let scopes = scoped
                .sub(item.text, &ScopeKind::ALL.map(|(_, word)| word))
                .map(|scopes| self.scopes(&scopes));
            let key = Key::parse(item.text).ok();
            overrides.extend(key.zip(scopes.map(Override::Scoped)));
        }
        overrides
    }

    fn scopes(&mut self, scopes: &Fields<'s, 't>) -> BTreeMap<ScopeKind, Vec<Num>> {
        let mut read = BTreeMap::new();
        for (kind, word) in ScopeKind::ALL {
            let Some(items) = scopes.items(word) else { continue };
            let nums = items.into_iter().filter_map(|item| match kind {
                ScopeKind::Source => self.source_of(item),
                _ => Some(self.names.num(item.text)),
            });
            read.insert(kind, nums.collect());
        }
        read
    }

    /// Whether flags or settings are on, by their keys.
    fn switches(&self, given: &Fields<'s, 't>, name: &str, what: &str) -> BTreeMap<Key, bool> {
        let known = if name == "flags" { &self.words.flags } else { &self.words.settings };
        let Some(table) = self.table(given, name) else { return BTreeMap::new() };
        let entries = Self::entries(&table).into_iter();
        let on = entries.map(|item| (self.key(item, what, known), table.bool(item.text, false)));
        on.filter_map(|(key, on)| Some((key?, on))).collect()
    }
}

fn bare(roles: Vec<Key>) -> Membership {
    Membership {
        member: Num(10),
        status: MemberStatus::Active,
        roles,
        overrides: BTreeMap::new(),
        switches: BTreeMap::new(),
        visibility: None,
        lists: BTreeMap::new(),
        restrictions: BTreeMap::new(),
        default_number: None,
    }
}
