//! Reads a world file. Every mistake is remembered with its place; a text with one gives no world.

mod account;
mod fax;
mod line;
mod lists;
mod member;
mod read;
mod reference;
mod role;
mod series;
mod team;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lineguard_core::change::AccountKind;
use lineguard_core::id::{AccountId, ModelDigest, TenantId};
use lineguard_core::model::{Model, TextError};
use lineguard_core::text::{Fields, Item, Source, shown};

use super::{ModelNames, TenantWorld, World};
use reference::Reference;

/// Greatest length of a world file, in bytes.
const MAX_FILE_BYTES: usize = 512 << 20;

/// Greatest number of objects of one kind in a tenant.
const MAX_OBJECTS: usize = 1_000_000;

/// The keys of a tenant.
const TENANT: &[&str] = &[
    "id",
    "title",
    "model",
    "root",
    "kind",
    "sealed",
    "owner",
    "owners",
    "entitlements",
    "flags",
    "settings",
    "account",
    "role",
    "adjusted_role",
    "member",
    "group",
    "number",
    "retired_number",
    "extension",
    "queue",
    "faxbox",
    "invitation",
    "fax",
    "fax_series",
];

/// One tenant while it is read.
pub(super) struct Tenant<'s, 't> {
    source: &'s Source<'t>,
    id: TenantId,
    /// The product model, where the text names one that is at hand; otherwise only the server knows
    /// its words.
    model: Option<Arc<Model>>,
    world: TenantWorld,
    references: Vec<Reference>,
    /// Where each thing was first said, by kind and id.
    seen: HashMap<(&'static str, String), usize>,
}

/// Reads a world file.
pub(super) fn world(text: &str, models: &ModelNames) -> Result<World, Vec<TextError>> {
    let (source, table) = Source::read_up_to(text, MAX_FILE_BYTES)?;
    let head = Fields::new(&source, &table, 0, &["format", "tenant"]);
    head.format_one();
    let mut tenants = Vec::new();
    for fields in tenant_tables(&source, &head) {
        if let Some(tenant) = Tenant::begin(&source, models, &fields) {
            tenants.push(tenant.read(&fields));
        }
    }
    refuse_repeated(&source, &tenants);
    reference::resolve(&source, &tenants);
    if !source.is_clean() {
        drop(tenants);
        return Err(source.into_errors());
    }
    let tenants = tenants.into_iter().map(|tenant| (tenant.id, tenant.world));
    Ok(World { tenants: tenants.collect() })
}

/// `[tenant]` for one, `[[tenant]]` for several.
fn tenant_tables<'s, 't>(source: &'s Source<'t>, head: &Fields<'s, 't>) -> Vec<Fields<'s, 't>> {
    let Some(value) = head.value("tenant") else {
        head.missing("tenant");
        return Vec::new();
    };
    match value.get_ref().as_table() {
        Some(table) => vec![Fields::new(source, table, value.span().start, TENANT)],
        None => head.subs("tenant", MAX_OBJECTS, TENANT),
    }
}

fn refuse_repeated(source: &Source<'_>, tenants: &[Tenant<'_, '_>]) {
    let mut first = BTreeMap::new();
    for tenant in tenants {
        let at = tenant.seen.get(&("tenant", tenant.id.as_str().to_owned())).copied();
        let at = at.unwrap_or_default();
        if let Some(first) = first.insert(&tenant.id, at) {
            let (line, _) = source.position(first);
            let id = shown(tenant.id.as_str());
            source.error(at, format!("`id`: tenant `{id}` is in line {line} already"));
        }
    }
}

impl<'s, 't> Tenant<'s, 't> {
    /// The head of a tenant; none if it has no id that the rest could be told by.
    fn begin(source: &'s Source<'t>, models: &ModelNames, fields: &Fields<'s, 't>) -> Option<Self> {
        let (id, at) = read::required_id(source, fields, "id", TenantId::parse)?;
        let (digest, model) = model_of(source, models, fields);
        let root = match fields.value("root") {
            Some(_) => read::required_id(source, fields, "root", AccountId::parse)?.0,
            None => AccountId::parse(id.as_str()).ok()?,
        };
        let kinds = [(AccountKind::Shared, "shared"), (AccountKind::Personal, "personal")];
        let title = read::title(source, fields);
        let kind = fields.choice("kind", &kinds);
        let seen = HashMap::from([(("tenant", id.as_str().to_owned()), at)]);
        let world = TenantWorld { title, model: digest, kind, ..TenantWorld::new(root) };
        Some(Self { source, id, model, world, references: Vec::new(), seen })
    }

    /// Everything else. What is referred to by more than its name comes before what refers to it.
    fn read(mut self, fields: &Fields<'s, 't>) -> Self {
        self.accounts(fields);
        self.roles(fields);
        self.numbers(fields);
        self.retired_numbers(fields);
        self.extensions_and_queues(fields);
        self.members(fields);
        self.invitations(fields);
        self.groups(fields);
        self.faxboxes(fields);
        self.targets();
        self.faxes(fields);
        self.series(fields);
        self.personal(fields);
        self.world.settle();
        self
    }

    /// Notes that something is said, and refuses it where it was said before.
    fn first(&mut self, kind: &'static str, id: &str, at: usize) -> bool {
        match self.seen.entry((kind, id.to_owned())) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(at);
                true
            }
            std::collections::hash_map::Entry::Occupied(entry) => {
                let (line, _) = self.source.position(*entry.get());
                let id = shown(id);
                self.source.error(at, format!("{kind} `{id}` is in line {line} already"));
                false
            }
        }
    }
}

/// The model that a tenant names: a built-in one, one of a models folder, or one of the server's by
/// its digest. One that names none keeps the model that it has, which only the server knows.
fn model_of(
    source: &Source<'_>,
    models: &ModelNames,
    fields: &Fields<'_, '_>,
) -> (Option<ModelDigest>, Option<Arc<Model>>) {
    let Some(Item { text: name, at }) = fields.item("model") else { return (None, None) };
    let Some((digest, model)) = models.find(name) else {
        source.unknown(at, "`model`", name, models.all());
        return (None, None);
    };
    (Some(digest), model)
}
