//! The situation of a test: one member, `me`, of the account `home`.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Names, Numbers, flag, only, strings, table, text};
use crate::change::AttachmentSource;
use crate::facts::{
    AccountBelow, AccountLevel, AccountSetup, GrantList, GroupFacts, ListOf, MemberFacts,
    MemberStatus, Membership, Override,
};
use crate::id::{Key, ModelDigest, Num, Revision};
use crate::model::{Model, RestrictionList, ScopeKind};
use crate::vocabulary::SendChannel;

const KEYS: &[&str] = &[
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
    "owns_account",
    "default_number",
    "parent_roles",
    "sealed_child",
    "numbers_elsewhere",
    "numbers_inactive",
    "number_faxboxes",
];

pub(super) fn member(
    model: &Model,
    given: &Table,
    names: &mut Names,
) -> Result<MemberFacts, String> {
    only(given, "given", KEYS)?;
    let nums = |key: &str, names: &mut Names| -> Result<Vec<Num>, String> {
        let values = strings(given, key)?.unwrap_or_default();
        Ok(values.into_iter().map(|name| names.num(name)).collect())
    };
    names.numbers = Numbers {
        elsewhere: nums("numbers_elsewhere", names)?,
        inactive: nums("numbers_inactive", names)?,
        faxboxes: number_faxboxes(given, names)?,
    };
    let groups = nums("groups", names)?
        .into_iter()
        .map(|group| GroupFacts {
            group,
            account: Names::HOME,
            title: "group".into(),
            roles: Vec::new(),
        })
        .collect();
    Ok(MemberFacts {
        revision: Revision(1),
        model: ModelDigest::of(model.name.as_str()),
        subject: Names::ME,
        path: path(model, given, names)?,
        below: vec![AccountBelow {
            account: Names::CHILD,
            parent: Names::HOME,
            sealed: flag(given, "sealed_child")?.unwrap_or(false),
        }],
        groups,
        owned_accounts: match flag(given, "owns_account")? {
            Some(true) => vec![Names::HOME],
            _ => Vec::new(),
        },
        faxboxes: nums("faxboxes", names)?,
        owned_faxboxes: nums("owned_faxboxes", names)?,
        owned_groups: nums("owned_groups", names)?,
        supervised: Vec::new(),
        supervised_below: Vec::new(),
        delegators: Vec::new(),
    })
}

/// The faxboxes that the faxes of numbers are routed into.
fn number_faxboxes(given: &Table, names: &mut Names) -> Result<BTreeMap<Num, Num>, String> {
    let Some(routed) = table(given, "number_faxboxes")? else { return Ok(BTreeMap::new()) };
    let mut faxboxes = BTreeMap::new();
    for number in routed.keys() {
        let faxbox = text(routed, number)?.unwrap_or_default();
        faxboxes.insert(names.num(number), names.num(faxbox));
    }
    Ok(faxboxes)
}

fn path(model: &Model, given: &Table, names: &mut Names) -> Result<Vec<AccountLevel>, String> {
    let mut not_entitled = BTreeMap::new();
    for product in keys(given, "not_entitled")? {
        model.product(product.as_str()).ok_or_else(|| format!("unknown product `{product}`"))?;
        not_entitled.insert(product, false);
    }
    let setup = AccountSetup {
        entitlements: not_entitled,
        flags: switches(given, "flags")?,
        settings: switches(given, "settings")?,
    };
    let home = AccountLevel {
        account: Names::HOME,
        sealed: false,
        setup,
        roles: Vec::new(),
        membership: Some(membership(given, names)?),
    };
    let parent_roles = keys(given, "parent_roles")?;
    let parent = AccountLevel {
        account: Names::PARENT,
        sealed: false,
        setup: AccountSetup::default(),
        roles: Vec::new(),
        membership: (!parent_roles.is_empty()).then(|| bare(parent_roles)),
    };
    Ok(vec![home, parent])
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

fn membership(given: &Table, names: &mut Names) -> Result<Membership, String> {
    let status = match text(given, "status")? {
        None => MemberStatus::Active,
        Some(word) => {
            MemberStatus::from_word(word).ok_or_else(|| format!("unknown status `{word}`"))?
        }
    };
    let mut lists = BTreeMap::new();
    for (list, word) in GrantList::ALL {
        if let Some(value) = list_of(given, word, names, &|names, text| Ok(names.num(text)))? {
            lists.insert(list, value);
        }
    }
    let visibility = text(given, "visibility")?.map(key).transpose()?;
    let switched_off = keys(given, "switched_off")?;
    Ok(Membership {
        member: Num(11),
        status,
        overrides: overrides(given, names)?,
        switches: switched_off.into_iter().map(|product| (product, false)).collect(),
        visibility,
        lists,
        restrictions: restrictions(given, names)?,
        default_number: text(given, "default_number")?.map(|number| names.num(number)),
        ..bare(keys(given, "roles")?)
    })
}

fn restrictions(
    given: &Table,
    names: &mut Names,
) -> Result<BTreeMap<RestrictionList, ListOf>, String> {
    let lists = [
        (RestrictionList::SendFrom(SendChannel::Fax), "send_from_fax"),
        (RestrictionList::SendFrom(SendChannel::Message), "send_from_message"),
        (RestrictionList::SendFrom(SendChannel::Call), "send_from_call"),
        (RestrictionList::AttachmentSources, "attachment_sources"),
    ];
    let mut restrictions = BTreeMap::new();
    for (list, word) in lists {
        let value = match list {
            RestrictionList::AttachmentSources => {
                list_of(given, word, names, &|_, text| source(text))?
            }
            RestrictionList::SendFrom(_) => {
                list_of(given, word, names, &|names, text| Ok(names.num(text)))?
            }
        };
        if let Some(value) = value {
            restrictions.insert(list, value);
        }
    }
    Ok(restrictions)
}

pub(super) fn source(text: &str) -> Result<Num, String> {
    AttachmentSource::from_word(text)
        .map(AttachmentSource::num)
        .ok_or_else(|| format!("unknown source `{text}`"))
}

fn overrides(given: &Table, names: &mut Names) -> Result<BTreeMap<Key, Override>, String> {
    let mut overrides = BTreeMap::new();
    overrides.extend(keys(given, "on")?.into_iter().map(|key| (key, Override::On)));
    overrides.extend(keys(given, "off")?.into_iter().map(|key| (key, Override::Off)));
    for (permission, _) in table(given, "scoped")?.into_iter().flatten() {
        let scoped = table(given, "scoped")?.and_then(|scoped| scoped.get(permission));
        let scoped = scoped.and_then(Value::as_table).ok_or("`scoped` must hold tables")?;
        let mut scopes = BTreeMap::new();
        for word in scoped.keys() {
            let (kind, _) = ScopeKind::ALL
                .into_iter()
                .find(|(_, one)| one == word)
                .ok_or_else(|| format!("unknown scope `{word}`"))?;
            let values = strings(scoped, word)?.unwrap_or_default();
            let nums = values
                .into_iter()
                .map(|text| match kind {
                    ScopeKind::Source => source(text),
                    _ => Ok(names.num(text)),
                })
                .collect::<Result<_, String>>()?;
            scopes.insert(kind, nums);
        }
        overrides.insert(key(permission)?, Override::Scoped(scopes));
    }
    Ok(overrides)
}

fn list_of(
    given: &Table,
    word: &str,
    names: &mut Names,
    read: &dyn Fn(&mut Names, &str) -> Result<Num, String>,
) -> Result<Option<ListOf>, String> {
    match given.get(word) {
        None => Ok(None),
        Some(Value::String(all)) if all == "all" => Ok(Some(ListOf::All)),
        Some(_) => {
            let values = strings(given, word)?.unwrap_or_default();
            let nums = values.into_iter().map(|text| read(names, text));
            Ok(Some(ListOf::These(nums.collect::<Result<_, _>>()?)))
        }
    }
}

fn switches(given: &Table, name: &str) -> Result<BTreeMap<Key, bool>, String> {
    let Some(table) = table(given, name)? else { return Ok(BTreeMap::new()) };
    table.keys().map(|word| Ok((key(word)?, flag(table, word)?.unwrap_or(false)))).collect()
}

fn keys(given: &Table, name: &str) -> Result<Vec<Key>, String> {
    strings(given, name)?.unwrap_or_default().into_iter().map(key).collect()
}

fn key(text: &str) -> Result<Key, String> {
    Key::parse(text).map_err(|error| format!("`{text}` {error}"))
}
