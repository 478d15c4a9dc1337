//! Writes that meet: whatever their order, the outcome is one that some order gives.
//!
//! Each is tried in many tenants, by two stores of the same database where that is possible.

use std::pin::Pin;

use lineguard_core::change::{Applied, Batch, Change, Import, Imported, Part};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::Revision;
use lineguard_core::port::{ApplyError, Store};
use lineguard_core::row::ObjectKind;

use super::{Failure, Shown, find, holds, reader, same, tenant_row};
use crate::ids as id;
use crate::model::PLAIN;
use crate::world::{NOW, batch, received, world};

/// How often two writes are made to meet.
const ROUNDS: usize = 12;

/// The stores of one database, as two processes have them; one store twice where only one process
/// can have it.
#[derive(Clone, Copy)]
pub(super) struct Stores<'a> {
    one: &'a dyn Store,
    other: &'a dyn Store,
}

type Checked<'a> = Pin<Box<dyn Future<Output = Shown> + 'a>>;
type Race = (&'static str, fn(Stores<'_>) -> Checked<'_>);

macro_rules! races {
    ($($name:ident),+ $(,)?) => {
        const ALL: &[Race] = &[$((stringify!($name), |stores| Box::pin($name(stores)))),+];
    };
}

races![
    two_owners_who_remove_each_other_leave_one,
    a_tenant_that_is_made_twice_is_one,
    a_request_that_is_sent_twice_takes_effect_once,
    a_request_id_is_used_by_one_of_two_batches,
    a_fax_that_is_registered_twice_is_one,
    a_fax_that_is_told_in_two_ways_is_one_of_them,
    writes_that_meet_all_take_effect,
    an_import_that_meets_batches_is_all_there,
    a_secret_that_is_made_twice_is_one,
    a_number_that_two_tenants_activate_is_active_in_one,
    numbers_that_two_tenants_activate_in_turn_are_all_of_one,
];

/// Runs every race and panics with the names of those that end wrongly. `make` gives the stores of
/// one fresh database: one, or two.
pub async fn run_races(make: impl AsyncFn() -> Vec<Box<dyn Store>>) {
    let mut failed = Vec::new();
    for (name, race) in ALL {
        let stores = make().await;
        let (Some(one), Some(other)) = (stores.first(), stores.last()) else {
            panic!("a race needs a store");
        };
        if let Err(Failure(text)) = race(Stores { one: &**one, other: &**other }).await {
            failed.push(format!("{name}: {text}"));
        }
    }
    assert!(failed.is_empty(), "races that end wrongly:\n{}", failed.join("\n"));
}

/// Both futures side by side.
async fn both<O>(
    one: impl Future<Output = O>,
    other: impl Future<Output = O>,
) -> Result<(O, O), Failure> {
    let futures: [Pin<Box<dyn Future<Output = O> + '_>>; 2] = [Box::pin(one), Box::pin(other)];
    let mut outputs = super::side_by_side(futures.into_iter()).await.into_iter();
    let (one, other) = (outputs.next(), outputs.next());
    one.zip(other).ok_or_else(|| Failure("a write gave no answer".to_owned()))
}

impl Stores<'_> {
    /// Applies two batches at the same time.
    async fn apply(
        self,
        one: &Batch,
        other: &Batch,
    ) -> Result<(Result<Applied, ApplyError>, Result<Applied, ApplyError>), Failure> {
        both(self.one.apply(one, NOW), self.other.apply(other, NOW)).await
    }
}

fn faxbox(name: &str) -> Change {
    let (account, title) = (id::account("root"), name.to_owned());
    Change::AddFaxbox { account, faxbox: id::faxbox(name), title }
}

fn disown(subject: &str) -> Change {
    Change::SetAccountOwner {
        account: id::account("root"),
        subject: id::user(subject),
        owner: false,
    }
}

async fn two_owners_who_remove_each_other_leave_one(stores: Stores<'_>) -> Shown {
    for round in 0..ROUNDS {
        let tenant = format!("t{round}");
        let owner = Change::SetAccountOwner {
            account: id::account("root"),
            subject: id::user("bob"),
            owner: true,
        };
        let told = world(&tenant).account("root").owner("ada").member("bob").change(owner);
        told.build(stores.one).await;
        let one = batch(&tenant, "ada removes bob", vec![disown("bob")]);
        let other = batch(&tenant, "bob removes ada", vec![disown("ada")]);
        let answers = stores.apply(&one, &other).await?;
        match answers {
            (Ok(_), Err(ApplyError::Refused(_))) | (Err(ApplyError::Refused(_)), Ok(_)) => {}
            answers => return Err(Failure(format!("both or neither were removed: {answers:?}"))),
        }
    }
    Ok(())
}

async fn a_tenant_that_is_made_twice_is_one(stores: Stores<'_>) -> Shown {
    stores.one.put_model(PLAIN).await?;
    for round in 0..ROUNDS {
        let tenant = format!("t{round}");
        let changes = world(&tenant).account("root").batch().changes;
        let one = batch(&tenant, "one", changes.clone());
        let other = batch(&tenant, "other", changes);
        let (one, other) = stores.apply(&one, &other).await?;
        let (one, other) = (one?, other?);
        same((one.revision, other.revision), (Revision(1), Revision(1)))?;
        same(one.changed + other.changed, 1)?;
    }
    let all = stores.one.tenants(lineguard_core::id::Num(0), 100).await?;
    same(all.len(), ROUNDS)
}

async fn a_request_that_is_sent_twice_takes_effect_once(stores: Stores<'_>) -> Shown {
    let built = world("acme").account("root").build(stores.one).await;
    for round in 0..ROUNDS {
        let request = format!("r{round}");
        let sent = batch("acme", &request, vec![faxbox(&request)]);
        let (one, other) = stores.apply(&sent, &sent).await?;
        let (one, other) = (one?, other?);
        same(one.changed, 1)?;
        // One of them did it, and the other says so.
        holds(one.repeated != other.repeated, "done twice, or by neither")?;
        same(other, Applied { repeated: !one.repeated, ..one })?;
    }
    let revision = tenant_row(stores.one, "acme").await?.revision;
    same(revision.0, built.revision.0 + ROUNDS as u64)
}

async fn a_request_id_is_used_by_one_of_two_batches(stores: Stores<'_>) -> Shown {
    world("acme").account("root").build(stores.one).await;
    for round in 0..ROUNDS {
        let request = format!("r{round}");
        let one = batch("acme", &request, vec![faxbox(&format!("one {round}"))]);
        let other = batch("acme", &request, vec![faxbox(&format!("other {round}"))]);
        let answers = stores.apply(&one, &other).await?;
        let kept = match answers {
            (Ok(_), Err(ApplyError::RequestIdReused)) => "one",
            (Err(ApplyError::RequestIdReused), Ok(_)) => "other",
            answers => return Err(Failure(format!("the id was used twice or never: {answers:?}"))),
        };
        for name in ["one", "other"] {
            let found = format!("{name} {round}");
            let found = find(stores.one, "acme", ObjectKind::Faxbox, &found).await?;
            same(found.is_some(), name == kept)?;
        }
    }
    Ok(())
}

async fn a_fax_that_is_registered_twice_is_one(stores: Stores<'_>) -> Shown {
    let built = world("acme").account("root").build(stores.one).await;
    for round in 0..ROUNDS {
        let faxes = [received(&format!("f{round}"), "root", 0), received("same", "root", 0)];
        let (one, other) = both(
            stores.one.register(&built.tenant, &faxes, NOW),
            stores.other.register(&built.tenant, &faxes, NOW),
        )
        .await?;
        for (one, other) in one?.into_iter().zip(other?) {
            let (one, other) = (one?, other?);
            same(&one.fax, &other.fax)?;
            holds(!(one.created && other.created), "one fax was new to both")?;
        }
    }
    let faxes = reader(stores.one, "acme").await?.faxes(lineguard_core::id::Num(0), 100).await?;
    same(faxes.len(), ROUNDS + 1)
}

async fn a_fax_that_is_told_in_two_ways_is_one_of_them(stores: Stores<'_>) -> Shown {
    let built = world("acme").account("root").build(stores.one).await;
    for round in 0..ROUNDS {
        let fax = |minutes| [received(&format!("f{round}"), "root", minutes)];
        let (early, late) = (fax(1), fax(2));
        let (one, other) = both(
            stores.one.register(&built.tenant, &early, NOW),
            stores.other.register(&built.tenant, &late, NOW),
        )
        .await?;
        let answers = [one?, other?].concat();
        let created = answers.iter().flatten().filter(|answer| answer.created).count();
        let refused = answers.iter().filter(|one| matches!(one, Err(ApplyError::AlreadyExists(_))));
        same((created, refused.count()), (1, 1))?;
    }
    Ok(())
}

async fn writes_that_meet_all_take_effect(stores: Stores<'_>) -> Shown {
    let built = world("acme").account("root").build(stores.one).await;
    let mut revisions = Vec::new();
    for round in 0..ROUNDS {
        let one = batch("acme", &format!("a{round}"), vec![faxbox(&format!("a{round}"))]);
        let other = batch("acme", &format!("b{round}"), vec![faxbox(&format!("b{round}"))]);
        let (one, other) = stores.apply(&one, &other).await?;
        revisions.extend([one?.revision.0, other?.revision.0]);
    }
    revisions.sort_unstable();
    let first = built.revision.0 + 1;
    same(revisions, (first..first + 2 * ROUNDS as u64).collect())
}

async fn an_import_that_meets_batches_is_all_there(stores: Stores<'_>) -> Shown {
    let built = world("acme").account("root").build(stores.one).await;
    for round in 0..ROUNDS {
        let names: Vec<String> = (0..5).map(|one| format!("i{round} {one}")).collect();
        let import = Import {
            tenant: built.tenant.clone(),
            actor: id::user("ada"),
            provisions: false,
            request_id: id::request(&format!("i{round}")),
            parts: vec![Part {
                changes: names.iter().map(|name| faxbox(name)).collect(),
                faxes: names.iter().map(|name| received(name, "root", 0)).collect(),
            }],
        };
        // The batch names what the import adds: it finds all of it or none.
        let removed =
            |name: &String| Change::RemoveFaxbox { faxbox: id::faxbox(name), faxes: None };
        let changes = names.iter().rev().map(removed).collect();
        let remove = batch("acme", &format!("b{round}"), changes);
        let importing = async { stores.one.import(&import, NOW).await };
        let removing = async {
            let applied = stores.other.apply(&remove, NOW).await?;
            Ok(Imported { applied, registered: 0 })
        };
        let (imported, removed) = both(importing, removing).await?;
        let imported = imported?;
        let removed = removed.map(|removed| removed.applied);
        same((imported.applied.changed, imported.registered), (5, 5))?;
        let first = find(stores.other, "acme", ObjectKind::Faxbox, &names.concat()).await?;
        holds(first.is_none(), "an id that nobody used")?;
        for name in &names {
            let found = find(stores.other, "acme", ObjectKind::Faxbox, name).await?.is_some();
            match &removed {
                Ok(removed) if removed.changed == 5 => holds(!found, "it was removed")?,
                Ok(removed) => same((removed.changed, found), (0, true))?,
                Err(ApplyError::NotFound(_)) => holds(found, "it was not removed")?,
                Err(error) => return Err(error.clone().into()),
            }
        }
    }
    let faxes = reader(stores.one, "acme").await?.faxes(lineguard_core::id::Num(0), 100).await?;
    same(faxes.len(), 5 * ROUNDS)
}

async fn a_secret_that_is_made_twice_is_one(stores: Stores<'_>) -> Shown {
    const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    for name in NAMES {
        let (one, other) =
            both(stores.one.secret(name, &|| vec![1]), stores.other.secret(name, &|| vec![2]))
                .await?;
        same(one?, other?)?;
        let text = format!("a model called {name}");
        let (one, other) = both(stores.one.put_model(&text), stores.other.put_model(&text)).await?;
        same(one?, other?)?;
    }
    Ok(())
}

/// Tenants that race for numbers.
const RIVALS: [&str; 2] = ["acme", "rival"];

fn add_number(number: &str, active: bool) -> Change {
    let (account, number) = (id::account("root"), id::number(number));
    Change::AddNumber { account, number, capabilities: Capabilities::default(), active }
}

/// The tenant whose write was taken, where the other one was refused.
fn winner(
    (one, other): (Result<Applied, ApplyError>, Result<Applied, ApplyError>),
) -> Result<&'static str, Failure> {
    match (one, other) {
        (Ok(_), Err(ApplyError::Refused(fault))) => same(fault.field, "active").map(|()| RIVALS[0]),
        (Err(ApplyError::Refused(fault)), Ok(_)) => same(fault.field, "active").map(|()| RIVALS[1]),
        answers => Err(Failure(format!("not one of them is refused: {answers:?}"))),
    }
}

async fn a_number_that_two_tenants_activate_is_active_in_one(stores: Stores<'_>) -> Shown {
    for tenant in RIVALS {
        world(tenant).account("root").build(stores.one).await;
    }
    for round in 0..ROUNDS {
        // New to both, or there and inactive.
        let number = format!("+1555010{round:04}");
        if round % 2 == 0 {
            for tenant in RIVALS {
                let inactive = vec![add_number(&number, false)];
                stores.one.apply(&batch(tenant, &format!("a{round}"), inactive), NOW).await?;
            }
        }
        let activate = match round % 2 {
            0 => Change::SetNumberActive { number: id::number(&number), active: true },
            _ => add_number(&number, true),
        };
        let [one, other] =
            RIVALS.map(|tenant| batch(tenant, &format!("r{round}"), vec![activate.clone()]));
        winner(stores.apply(&one, &other).await?)?;
        same(stores.one.duplicate_numbers(1).await?, Vec::new())?;
    }
    Ok(())
}

/// Each holds what the other one wants next: neither may be left with an error that asks for another
/// try, and neither with a part.
async fn numbers_that_two_tenants_activate_in_turn_are_all_of_one(stores: Stores<'_>) -> Shown {
    for tenant in RIVALS {
        world(tenant).account("root").build(stores.one).await;
    }
    for round in 0..ROUNDS {
        let numbers: Vec<String> = (0..4).map(|of| format!("+1555{of}01{round:04}")).collect();
        let forth = numbers.iter().map(|number| add_number(number, true)).collect();
        let back = numbers.iter().rev().map(|number| add_number(number, true)).collect();
        let one = batch(RIVALS[0], &format!("r{round}"), forth);
        let other = batch(RIVALS[1], &format!("r{round}"), back);
        let won = winner(stores.apply(&one, &other).await?)?;
        for tenant in RIVALS {
            for number in &numbers {
                let found = find(stores.one, tenant, ObjectKind::Number, number).await?;
                same(found.is_some(), tenant == won)?;
            }
        }
    }
    Ok(())
}
