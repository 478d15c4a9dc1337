//! All that a tenant's reads can say, in words that are the same for every store: numbers are
//! replaced by what they are numbers of.

use std::collections::BTreeMap;

use lineguard_core::id::{FaxId, Num, Subject, Timestamp};
use lineguard_core::model::reach::Direction;
use lineguard_core::port::{FaxColumn, FaxCursor, FaxRow, FaxSlice, Seek, Store, TenantReader};
use lineguard_core::row::{Link, LinkKind, Object, ObjectKind};
use lineguard_testkit::ids;

/// What was ever there.
#[derive(Default, Clone)]
pub(crate) struct Ever {
    /// The kind, the account it is unique in, and the id of each object, by its number in the store.
    pub(crate) objects: BTreeMap<Num, (ObjectKind, Num, String)>,
    pub(crate) faxes: BTreeMap<Num, FaxId>,
    pub(crate) people: Vec<Subject>,
}

const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

/// Those that a faxbox or a group can be an end of, and one that has nothing to do with either.
const LINKS: [LinkKind; 9] = [
    LinkKind::GroupMember,
    LinkKind::GroupOwner,
    LinkKind::FaxboxUser,
    LinkKind::FaxboxGroup,
    LinkKind::FaxboxOwner,
    LinkKind::NumberFaxbox,
    LinkKind::NumberGroup,
    LinkKind::AccountOwner,
    LinkKind::AccessNumber,
];

const COLUMNS: [FaxColumn; 5] = [
    FaxColumn::Account,
    FaxColumn::Number,
    FaxColumn::Faxbox,
    FaxColumn::Creator,
    FaxColumn::Assignee,
];

impl Ever {
    /// Adds what is there now.
    pub(crate) async fn note(&mut self, reader: &mut dyn TenantReader) {
        for (kind, _) in ObjectKind::ALL {
            for object in reader.list(kind, None, Num(0), 10_000).await.unwrap() {
                self.objects.insert(object.num, (object.kind, object.scope, object.id));
            }
        }
        for fax in reader.faxes(Num(0), 10_000).await.unwrap() {
            self.faxes.insert(fax.num, fax.id);
        }
    }

    /// The name of an object, also of one that is gone. Two with one id are told apart by their
    /// order.
    fn name(&self, num: Num) -> String {
        let Some(key) = self.objects.get(&num) else { return format!("#{}", num.0) };
        let (kind, scope, id) = key;
        let before = self.objects.range(..num).filter(|(_, one)| *one == key).count();
        let within =
            if scope.0 == 0 { String::new() } else { format!(" of {}", self.name(*scope)) };
        format!("{} {id}{within} ({before})", kind.as_str())
    }

    fn names(&self, nums: impl IntoIterator<Item = Num>) -> Vec<String> {
        let mut names: Vec<_> = nums.into_iter().map(|num| self.name(num)).collect();
        names.sort();
        names
    }

    fn object(&self, object: &Object) -> String {
        let account = object.account.map(|account| self.name(account));
        format!("{} in {account:?}: {}", self.name(object.num), self.body(object))
    }

    /// Bodies name objects by number, too; those of members, by scope.
    fn body(&self, object: &Object) -> String {
        let mut body: serde_json::Value = serde_json::from_str(&object.body).unwrap();
        self.put_names(&mut body);
        body.to_string()
    }

    fn put_names(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => {
                let name = number.as_u64().map(|num| self.name(Num(num)));
                *value = serde_json::Value::String(name.unwrap_or_default());
            }
            serde_json::Value::Array(values) => {
                values.iter_mut().for_each(|value| self.put_names(value));
            }
            serde_json::Value::Object(values) => {
                let kept = ["expires_at", "lists"];
                let values = values.iter_mut().filter(|(key, _)| !kept.contains(&key.as_str()));
                values.for_each(|(_, value)| self.put_names(value));
            }
            _ => {}
        }
    }

    fn objects(&self, objects: &[Object]) -> Vec<String> {
        let mut texts: Vec<_> = objects.iter().map(|object| self.object(object)).collect();
        texts.sort();
        texts
    }

    fn links(&self, links: &[Link]) -> Vec<String> {
        let text = |link: &Link| {
            let far = match link.kind {
                LinkKind::AttachmentSource => format!("source {}", link.b.0),
                _ => self.name(link.b),
            };
            format!("{:?} {} → {far}", link.kind, self.name(link.a))
        };
        let mut texts: Vec<_> = links.iter().map(text).collect();
        texts.sort();
        texts
    }

    fn fax(&self, fax: &FaxRow) -> String {
        let name = |num: Option<Num>| num.map(|num| self.name(num));
        format!(
            "{} {:?} {:?} number {:?} faxbox {:?} creator {:?} assignee {:?} {:?} {:?} {:?}",
            fax.id,
            fax.direction,
            name(Some(fax.account)),
            name(fax.number),
            name(fax.faxbox),
            name(fax.creator),
            name(fax.assignee),
            fax.state,
            self.names(fax.labels.iter().copied()),
            fax.at,
        )
    }

    fn faxes(&self, faxes: &[FaxRow]) -> Vec<String> {
        faxes.iter().map(|fax| self.fax(fax)).collect()
    }
}

/// All that can be read, as lines; the revision alone is left out.
pub(crate) async fn everything(store: &dyn Store, tenant: &str, ever: &Ever) -> Vec<String> {
    let mut reader = store.snapshot(&ids::tenant(tenant)).await.unwrap().unwrap();
    let reader = reader.as_mut();
    let mut told = Vec::new();
    let row = reader.tenant().await.unwrap();
    told.push(format!("tenant {} {} {}", row.id, row.title, row.model));
    of_objects(reader, ever, &mut told).await;
    of_links(reader, ever, &mut told).await;
    of_faxes(reader, ever, &mut told).await;
    of_lists(reader, ever, &mut told).await;
    of_members(reader, ever, &mut told).await;
    told
}

async fn of_objects(reader: &mut dyn TenantReader, ever: &Ever, told: &mut Vec<String>) {
    for (kind, word) in ObjectKind::ALL {
        let all = reader.list(kind, None, Num(0), 10_000).await.unwrap();
        told.push(format!("all {word}: {:#?}", ever.objects(&all)));
    }
    for (num, (kind, scope, id)) in &ever.objects {
        let name = ever.name(*num);
        let found = reader.find(&[(*kind, *scope, id)]).await.unwrap().remove(0);
        told.push(format!("find {name}: {:?}", found.map(|object| ever.object(&object))));
        let got = reader.get(&[*num]).await.unwrap();
        told.push(format!("get {name}: {:?}", ever.objects(&got)));
        if *kind == ObjectKind::Account {
            for kind in [ObjectKind::Faxbox, ObjectKind::Group] {
                let all = reader.list(kind, Some(*num), Num(0), 10_000).await.unwrap();
                told.push(format!("{kind:?} in {name}: {:?}", ever.objects(&all)));
            }
        }
    }
    told.sort();
}

async fn of_links(reader: &mut dyn TenantReader, ever: &Ever, told: &mut Vec<String>) {
    let mut lines = Vec::new();
    let nums: Vec<Num> = ever.objects.keys().copied().collect();
    for kind in LINKS {
        for num in &nums {
            let name = ever.name(*num);
            let from = reader.links_from(kind, *num).await.unwrap();
            if !from.is_empty() {
                lines.push(format!("{kind:?} from {name}: {:?}", ever.names(from)));
            }
            let to = reader.links_to(kind, *num).await.unwrap();
            if !to.is_empty() {
                lines.push(format!("{kind:?} to {name}: {:?}", ever.names(to)));
            }
        }
    }
    let links = reader.links_of(&nums).await.unwrap();
    lines.push(format!("links: {:#?}", ever.links(&links)));
    lines.sort();
    told.extend(lines);
}

async fn of_faxes(reader: &mut dyn TenantReader, ever: &Ever, told: &mut Vec<String>) {
    let (mut after, mut pages) = (Num(0), Vec::new());
    loop {
        let page = reader.faxes(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.num;
        pages.push(ever.faxes(&page));
    }
    told.push(format!("faxes: {pages:#?}"));
    let mut ids: Vec<_> = ever.faxes.values().collect();
    ids.sort();
    let mut found = ever.faxes(&reader.find_faxes(&ids).await.unwrap());
    found.sort();
    told.push(format!("found: {found:#?}"));
}

async fn of_lists(reader: &mut dyn TenantReader, ever: &Ever, told: &mut Vec<String>) {
    let (mut slice, mut pages) = (FaxSlice::default(), Vec::new());
    loop {
        let page = reader.newest_faxes(slice, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        slice.after = Some(FaxCursor { at: last.at, num: last.num });
        pages.push(ever.faxes(&page));
    }
    told.push(format!("newest: {pages:#?}"));
    let middle = Timestamp(lineguard_testkit::world::NOW.0 + 900_000);
    let slices = [
        FaxSlice::default(),
        FaxSlice { not_before: Some(middle), ..FaxSlice::default() },
        FaxSlice { before: Some(middle), ..FaxSlice::default() },
    ];
    let mut seeks = Vec::new();
    for column in COLUMNS {
        for value in ever.objects.keys() {
            seeks.extend(DIRECTIONS.map(|direction| Seek { column, value: *value, direction }));
        }
    }
    let mut lines = Vec::new();
    for (place, slice) in slices.into_iter().enumerate() {
        for most in [1, 1_000] {
            let found = reader.seek_faxes(&seeks, slice, most).await.unwrap();
            for (seek, faxes) in seeks.iter().zip(found).filter(|(_, faxes)| !faxes.is_empty()) {
                let Seek { column, value, direction } = seek;
                let (name, faxes) = (ever.name(*value), ever.faxes(&faxes));
                lines.push(format!(
                    "{most} of {place} by {column:?} {name} {direction:?}: {faxes:#?}"
                ));
            }
        }
    }
    lines.sort();
    told.extend(lines);
}

async fn of_members(reader: &mut dyn TenantReader, ever: &Ever, told: &mut Vec<String>) {
    let accounts = reader.list(ObjectKind::Account, None, Num(0), 10_000).await.unwrap();
    for account in &accounts {
        for subject in &ever.people {
            let rows = reader.member_rows(&ids::account(&account.id), subject).await.unwrap();
            let rows = rows.unwrap();
            let home = |home: &lineguard_core::port::Home| {
                format!("{} in {:?}", ever.name(home.num), home.account.map(|one| ever.name(one)))
            };
            let mut homes: Vec<_> = rows.homes.iter().map(home).collect();
            homes.sort();
            told.push(format!(
                "{subject:?} at {}: {:?} {:?} {:#?} {:#?} {homes:#?} {:#?}",
                account.id,
                rows.subject.map(|subject| ever.name(subject)),
                rows.path.iter().map(|one| ever.name(*one)).collect::<Vec<_>>(),
                ever.objects(&rows.objects),
                ever.links(&rows.links),
                ever.objects(&rows.standings),
            ));
        }
    }
}
