//! Accounts: the tree, who owns them, what is set up at them.

use std::collections::BTreeSet;

use lineguard_core::change::AccountKind;
use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Subject};
use lineguard_core::text::{Fields, shown};

use super::read::{self, At};
use super::reference::Target;
use super::{MAX_OBJECTS, Tenant};
use crate::world::Account;

const ACCOUNT: &[&str] =
    &["id", "parent", "title", "sealed", "owner", "owners", "entitlements", "flags", "settings"];

impl<'s, 't> Tenant<'s, 't> {
    /// The root, then all others, then the shape of the tree.
    pub(super) fn accounts(&mut self, fields: &Fields<'s, 't>) {
        let root = self.world.root.clone();
        self.first("account", root.as_str(), fields.at());
        let account = self.account_body(fields, None, None);
        self.world.accounts.insert(root.clone(), account);
        let mut parents = Vec::new();
        for fields in fields.subs("account", MAX_OBJECTS, ACCOUNT) {
            let id = read::required_id(self.source, &fields, "id", AccountId::parse);
            let parent = match read::id(self.source, &fields, "parent", AccountId::parse) {
                Some((parent, at)) => {
                    self.refer(at, "parent", Target::Account(parent.clone()));
                    (parent, at)
                }
                None => (root.clone(), fields.at()),
            };
            let Some((id, at)) = id else { continue };
            if !self.first("account", id.as_str(), at) {
                continue;
            }
            if self.model.as_ref().is_some_and(|model| !model.tree.sub_accounts) {
                self.source
                    .error(at, "`account`: the product model has no accounts below the root");
            }
            let title = read::title(self.source, &fields);
            let account = self.account_body(&fields, Some(parent.0.clone()), title);
            self.world.accounts.insert(id.clone(), account);
            parents.push((id, parent));
        }
        self.refuse_cycles(&parents);
    }

    fn account_body(
        &self,
        fields: &Fields<'s, 't>,
        parent: Option<AccountId>,
        title: Option<String>,
    ) -> Account {
        let model = self.model.as_deref();
        let products = model.map(|model| model.products.iter().map(|product| &product.key));
        let flags = model.map(|model| model.flags.iter().map(|flag| &flag.key));
        let settings = model.map(|model| model.settings.iter().map(|setting| &setting.key));
        Account {
            parent,
            title,
            sealed: read::flag(fields, "sealed"),
            owners: self.owners(fields),
            entitlements: self.switches(fields, "entitlements", "product", products),
            flags: self.switches(fields, "flags", "feature flag", flags),
            settings: self.switches(fields, "settings", "setting", settings),
        }
    }

    fn owners(&self, fields: &Fields<'s, 't>) -> BTreeSet<Subject> {
        if fields.value("owner").is_none() && fields.value("owners").is_none() {
            return BTreeSet::new();
        }
        let items = self.one_or_many(fields, "owner", "owners").into_iter();
        items
            .filter_map(|item| read::parse(self.source, "owner", item, read::subject))
            .map(|(owner, _)| owner)
            .collect()
    }

    /// Tells each cycle once, where its first account in the text names its parent.
    fn refuse_cycles(&self, parents: &[(AccountId, At<AccountId>)]) {
        let mut told: BTreeSet<AccountId> = BTreeSet::new();
        for (id, (parent, at)) in parents {
            let mut path = vec![id.clone()];
            let mut next = Some(parent);
            while let Some(account) = next.filter(|account| !path.contains(account)) {
                path.push(account.clone());
                next = self.world.accounts.get(account).and_then(|of| of.parent.as_ref());
            }
            if next != Some(id) || told.contains(id) {
                continue;
            }
            told.extend(path.iter().cloned());
            let path: Vec<String> = path.iter().map(|id| shown(id.as_str())).collect();
            let path = path.join("` → `");
            let id = shown(id.as_str());
            self.source
                .error(*at, format!("`parent`: the accounts lie in a cycle: `{path}` → `{id}`"));
        }
    }

    /// A personal account has one member (rulings R3).
    pub(super) fn personal(&self, fields: &Fields<'s, 't>) {
        if self.world.kind != Some(AccountKind::Personal) {
            return;
        }
        let at = fields.key_at("kind").unwrap_or_else(|| fields.at());
        if self.model.as_ref().is_some_and(|model| !model.tree.personal) {
            self.source.error(at, "`kind`: the product model has no personal accounts");
        }
        if self.world.accounts.len() > 1 {
            self.source.error(at, "`kind`: a personal account has no accounts below it");
        }
        let owners = self.world.accounts.values().flat_map(|account| &account.owners);
        let mut members: BTreeSet<&Subject> = owners.collect();
        if members.is_empty() {
            self.source.error(at, "`kind`: a personal account needs its one member as `owner`");
        }
        let present = self.world.members.iter();
        let present = present.filter(|(_, member)| member.status != Some(MemberStatus::Removed));
        members.extend(present.map(|((_, subject), _)| subject));
        if members.len() > 1 {
            let count = members.len();
            let problem = format!(
                "`kind`: a personal account has one member, not {count}; say `kind = \"shared\"`"
            );
            self.source.error(at, problem);
        }
    }
}
