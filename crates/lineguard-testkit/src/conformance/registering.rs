//! What a fax may say of itself when it is registered, and what is known of its attachments.

use lineguard_core::change::register::AHEAD;
use lineguard_core::change::{
    AttachmentSource, Change, Import, NewFax, NumberTarget, Part, SourceSet,
};
use lineguard_core::facts::Capabilities;
use lineguard_core::id::Timestamp;
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::port::{ApplyError, Fault, Registered, Store};

use super::{Failure, Shown, acme, apply, behaviours, holds, reader, same};
use crate::ids as id;
use crate::model::PLAIN;
use crate::world::{NOW, World, received, world};

behaviours![
    what_is_known_of_attachments_has_three_meanings,
    attachments_are_set_while_a_fax_is_written,
    what_a_fax_went_out_with_is_history,
    a_fax_goes_out_from_a_number_of_its_account_or_above,
    where_numbers_do_not_flow_down_the_account_itself_has_them,
    where_numbers_belong_to_faxboxes_it_is_or_was_one_of_the_faxs,
    a_fax_that_went_out_before_its_number_moved_is_registered,
    a_number_that_came_back_elsewhere_is_known_from_before,
    a_received_fax_keeps_the_number_that_it_came_in_on,
    a_repeat_is_one_though_its_number_has_moved,
    an_import_restores_a_fax_whose_number_has_moved,
    a_pending_fax_says_who_sends_it,
    a_fax_that_nobody_sends_cannot_become_pending,
    a_fax_says_a_time_that_can_be_so,
    all_faults_of_a_fax_are_told_at_once,
];

const ABOVE: &str = "+15550100200";
const HERE: &str = "+15550100201";
const BELOW: &str = "+15550100202";
const BESIDE: &str = "+15550100203";
const ELSEWHERE: &str = "+15550100204";
const NOBODYS: &str = "+15550100299";

/// `here`, with a parent, a child, a sibling and another tenant; each has a number.
fn places() -> World {
    let told = world("acme").account("root").number(ABOVE).account("here").number(HERE);
    told.below("here", "child").number(BELOW).account("beside").number(BESIDE).enter("here")
}

async fn build(store: &dyn Store, told: World) {
    world("other").account("root").number(ELSEWHERE).build(store).await;
    told.build(store).await;
}

fn sent(fax: &str, number: &str) -> NewFax {
    NewFax {
        direction: Direction::Outbound,
        number: Some(id::number(number)),
        ..received(fax, "here", 0)
    }
}

fn draft(fax: &str) -> NewFax {
    NewFax {
        direction: Direction::Outbound,
        state: FaxState::Draft,
        creator: Some(id::user("ada")),
        ..received(fax, "root", 0)
    }
}

async fn register(store: &dyn Store, fax: NewFax) -> Result<Registered, ApplyError> {
    let mut answers = store.register(&acme(), &[fax], NOW).await?;
    answers.pop().unwrap_or(Err(ApplyError::RequestIdReused))
}

#[track_caller]
fn invalid(answer: Result<Registered, ApplyError>, fields: &[&str]) -> Shown {
    match answer {
        Err(ApplyError::Invalid(faults)) => {
            same(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), fields.to_vec())
        }
        other => Err(Failure(format!("expected faults of {fields:?}: {other:?}"))),
    }
}

async fn sources(store: &dyn Store, fax: &str) -> Result<Option<SourceSet>, Failure> {
    let found = reader(store, "acme").await?.fax(&id::fax(fax)).await?;
    found.map(|fax| fax.attachment_sources).ok_or_else(|| Failure(format!("no fax `{fax}`")))
}

fn set(fax: &str, sources: &[AttachmentSource]) -> Change {
    let attachment_sources = id::sources(sources);
    Change::SetFaxAttachmentSources { fax: id::fax(fax), attachment_sources }
}

async fn what_is_known_of_attachments_has_three_meanings(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let all = id::sources(&AttachmentSource::ALL.map(|(source, _)| source));
    let known = [("unsaid", None), ("none", Some(SourceSet::default())), ("all", Some(all))];
    for (fax, attachment_sources) in known {
        let new = NewFax { attachment_sources, ..draft(fax) };
        same(register(store, new).await?.fax.attachment_sources, attachment_sources)?;
        same(sources(store, fax).await?, attachment_sources)?;
        let listed = reader(store, "acme").await?.faxes(lineguard_core::id::Num(0), 9).await?;
        let listed = listed.iter().find(|one| one.id == id::fax(fax));
        same(listed.map(|fax| fax.attachment_sources), Some(attachment_sources))?;
    }
    Ok(())
}

async fn attachments_are_set_while_a_fax_is_written(store: &dyn Store) -> Shown {
    world("acme").account("root").fax(draft("f")).build(store).await;
    let computer = [AttachmentSource::Computer];
    same(apply(store, "one", vec![set("f", &computer)]).await?.changed, 1)?;
    same(apply(store, "again", vec![set("f", &computer)]).await?.changed, 0)?;
    same(apply(store, "none", vec![set("f", &[])]).await?.changed, 1)?;
    same(sources(store, "f").await?, Some(SourceSet::default()))?;
    let state = FaxState::Pending;
    apply(store, "submit", vec![Change::SetFaxState { fax: id::fax("f"), state }]).await?;
    same(apply(store, "more", vec![set("f", &computer)]).await?.changed, 1)?;
    same(sources(store, "f").await?, Some(id::sources(&computer)))
}

async fn what_a_fax_went_out_with_is_history(store: &dyn Store) -> Shown {
    let told = NewFax { state: FaxState::Active, ..draft("f") };
    world("acme").account("root").fax(told).build(store).await;
    // What was never said is filled in, once.
    same(apply(store, "one", vec![set("f", &[AttachmentSource::Cloud])]).await?.changed, 1)?;
    same(apply(store, "again", vec![set("f", &[AttachmentSource::Cloud])]).await?.changed, 0)?;
    match apply(store, "other", vec![set("f", &[])]).await {
        Err(ApplyError::Refused(fault)) => same(fault.field, "attachment_sources")?,
        other => return Err(Failure(format!("expected a refusal: {other:?}"))),
    }
    same(sources(store, "f").await?, Some(id::sources(&[AttachmentSource::Cloud])))
}

/// Tries numbers to send from: the first ones are right, and all others get one answer.
async fn numbers(store: &dyn Store, right: &[&str], wrong: &[&str]) -> Shown {
    for number in right {
        let fax = sent(&format!("from-{number}"), number);
        holds(register(store, fax).await?.created, "a right number was refused")?;
    }
    for number in wrong {
        for state in [FaxState::Draft, FaxState::Active] {
            let answer = register(store, NewFax { state, ..sent("wrong", number) }).await;
            let problem = "no such number".to_owned();
            let fault = Fault { change: 0, field: "number", problem };
            same(answer, Err(ApplyError::NotFound(fault)))?;
        }
    }
    same(reader(store, "acme").await?.fax(&id::fax("wrong")).await?, None)
}

async fn a_fax_goes_out_from_a_number_of_its_account_or_above(store: &dyn Store) -> Shown {
    build(store, places()).await;
    // What has happened is asked for neither state nor capability.
    let off = Change::SetNumberActive { number: id::number(HERE), active: false };
    apply(store, "off", vec![off]).await?;
    numbers(store, &[HERE, ABOVE], &[BELOW, BESIDE, ELSEWHERE, NOBODYS]).await
}

async fn where_numbers_do_not_flow_down_the_account_itself_has_them(store: &dyn Store) -> Shown {
    let text = PLAIN.replace("numbers_flow_down = true", "numbers_flow_down = false");
    build(store, places().model(&text)).await;
    numbers(store, &[HERE], &[ABOVE, BELOW, BESIDE, ELSEWHERE, NOBODYS]).await
}

/// A fax that arrived has arrived, whoever its number belongs to by now.
async fn a_received_fax_keeps_the_number_that_it_came_in_on(store: &dyn Store) -> Shown {
    build(store, places()).await;
    for number in [HERE, ABOVE, BELOW, BESIDE] {
        let fax = NewFax { direction: Direction::Inbound, ..sent(&format!("on-{number}"), number) };
        let stored = register(store, fax).await?.fax;
        holds(stored.number.is_some() && stored.assignee.is_none(), "it was routed elsewhere")?;
    }
    for number in [ELSEWHERE, NOBODYS] {
        let fax = NewFax { direction: Direction::Inbound, ..sent("wrong", number) };
        let refused = register(store, fax).await;
        holds(matches!(refused, Err(ApplyError::NotFound(_))), "it took another's number")?;
    }
    Ok(())
}

fn move_here_to_beside() -> Vec<Change> {
    vec![Change::MoveNumber { number: id::number(HERE), account: id::account("beside") }]
}

async fn a_repeat_is_one_though_its_number_has_moved(store: &dyn Store) -> Shown {
    build(store, places()).await;
    register(store, sent("f", HERE)).await?;
    apply(store, "move", move_here_to_beside()).await?;
    holds(!register(store, sent("f", HERE)).await?.created, "a repeat was new")
}

/// Registering records what has happened: a number that is at another account by now was there.
async fn a_fax_that_went_out_before_its_number_moved_is_registered(store: &dyn Store) -> Shown {
    build(store, places()).await;
    apply(store, "move", move_here_to_beside()).await?;
    numbers(store, &[HERE, ABOVE], &[BELOW, BESIDE, ELSEWHERE, NOBODYS]).await?;
    // And where it is now.
    let there = NewFax { account: id::account("beside"), ..sent("there", HERE) };
    holds(register(store, there).await?.created, "a fax of its present account was refused")
}

async fn a_number_that_came_back_elsewhere_is_known_from_before(store: &dyn Store) -> Shown {
    build(store, places()).await;
    let add = Change::AddNumber {
        account: id::account("beside"),
        number: id::number(HERE),
        capabilities: Capabilities { voice: true, fax: true, message: true },
        active: false,
    };
    apply(store, "back", vec![Change::RemoveNumber { number: id::number(HERE) }, add]).await?;
    numbers(store, &[HERE], &[BESIDE, NOBODYS]).await
}

async fn where_numbers_belong_to_faxboxes_it_is_or_was_one_of_the_faxs(store: &dyn Store) -> Shown {
    let text = format!("{PLAIN}\n[outgoing]\nnumbers = \"by_faxbox\"\n");
    let told = places().model(&text).enter("here").faxbox("first").faxbox("second");
    build(store, told.faxbox("never")).await;
    let route = |faxbox: &str, on| Change::SetNumberTarget {
        number: id::number(HERE),
        target: NumberTarget::Faxbox(id::faxbox(faxbox)),
        on,
    };
    apply(store, "first", vec![route("first", true)]).await?;
    apply(store, "second", vec![route("first", false), route("second", true)]).await?;
    let from = |faxbox: &str| NewFax {
        faxbox: Some(id::faxbox(faxbox)),
        ..sent(&format!("from-{faxbox}"), HERE)
    };
    for faxbox in ["first", "second"] {
        holds(register(store, from(faxbox)).await?.created, "a fax of its faxbox was refused")?;
    }
    let refused = register(store, from("never")).await;
    holds(matches!(refused, Err(ApplyError::NotFound(_))), "it took another faxbox's number")?;
    invalid(register(store, sent("from-none", HERE)).await, &["faxbox"])
}

async fn an_import_restores_a_fax_whose_number_has_moved(store: &dyn Store) -> Shown {
    build(store, places()).await;
    apply(store, "move", move_here_to_beside()).await?;
    let import = |request: &str, number: &str| {
        let part = Part { changes: Vec::new(), faxes: vec![sent("f", number)] };
        let (actor, request_id) = (id::user("ada"), id::request(request));
        Import { tenant: acme(), actor, provisions: true, request_id, parts: vec![part] }
    };
    let foreign = store.import(&import("foreign", ELSEWHERE), NOW).await;
    holds(matches!(foreign, Err(ApplyError::NotFound(_))), "another tenant's number was taken")?;
    same(store.import(&import("own", HERE), NOW).await?.registered, 1)
}

async fn a_pending_fax_says_who_sends_it(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let pending = NewFax { state: FaxState::Pending, ..draft("f") };
    let nobodys = NewFax { creator: None, ..pending.clone() };
    invalid(register(store, nobodys.clone()).await, &["creator"])?;
    let part = Part { changes: Vec::new(), faxes: vec![nobodys] };
    let (actor, request_id) = (id::user("ada"), id::request("import"));
    let import = Import { tenant: acme(), actor, provisions: true, request_id, parts: vec![part] };
    let answer = store.import(&import, NOW).await;
    holds(matches!(answer, Err(ApplyError::Invalid(_))), "an import brought it")?;
    holds(register(store, pending).await?.created, "one with a sender was refused")?;
    let draft = NewFax { creator: None, ..draft("d") };
    holds(register(store, draft).await?.created, "a draft waits for nobody")
}

async fn a_fax_that_nobody_sends_cannot_become_pending(store: &dyn Store) -> Shown {
    let nobodys = NewFax { creator: None, ..draft("f") };
    world("acme").account("root").fax(nobodys).fax(draft("g")).build(store).await;
    let submit = |fax: &str| Change::SetFaxState { fax: id::fax(fax), state: FaxState::Pending };
    match apply(store, "nobody", vec![submit("f")]).await {
        Err(ApplyError::Refused(fault)) => same(fault.field, "state")?,
        other => return Err(Failure(format!("expected a refusal: {other:?}"))),
    }
    same(apply(store, "ada", vec![submit("g")]).await?.changed, 1)
}

async fn a_fax_says_a_time_that_can_be_so(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let at = |fax: &str, at: i64| NewFax { at: Timestamp(at), ..received(fax, "root", 0) };
    let (year_1, year_9999) = (-62_135_596_800_000, 253_402_300_799_999);
    for time in [i64::MIN, year_1, -1, NOW.0 + AHEAD + 1, year_9999, i64::MAX] {
        invalid(register(store, at("f", time)).await, &["at"])?;
    }
    for (fax, time) in [("a", 0), ("b", NOW.0), ("c", NOW.0 + AHEAD)] {
        holds(register(store, at(fax, time)).await?.created, "a good time was refused")?;
    }
    Ok(())
}

async fn all_faults_of_a_fax_are_told_at_once(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let (state, at) = (FaxState::Pending, Timestamp(-1));
    let wrong = NewFax { state, at, ..received("f", "nowhere", 0) };
    invalid(register(store, wrong).await, &["state", "creator", "at"])
}
