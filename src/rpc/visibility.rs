//! `GetVisibility`: the terms that answer `Check`, as a filter that other services apply to rows
//! of their own.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use lineguard_core::assemble::Use;
use lineguard_core::change::AttachmentSource;
use lineguard_core::decision::{Decision, Effect};
use lineguard_core::engine::{
    Authority, CompiledExcept, Everything, IdSet, Part, Term, decide, may_see,
};
use lineguard_core::facts::ResourceFacts;
use lineguard_core::id::{Num, Revision, TenantId};
use lineguard_core::model::Requirement;
use lineguard_core::model::reach::{Comparison, FactSet, FaxState};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::request::{Context, Question};
use lineguard_core::row::ObjectKind;
use lineguard_core::vocabulary::{ActionDef, ActionKind, FactName, ResourceDef, StoredType};
use prost::Message as _;

use super::words::{decided, no_member, stamped};
use crate::answer::{self, Answer, Answered, Ask, Gathering, Recency, remembered};
use crate::app::App;
use crate::gather::Member;
use crate::metrics::Operation;
use crate::names::Names;
use crate::wire::invalid::InvalidRequest;
use crate::wire::page::MAX_PAGE_BYTES;
use crate::wire::pb;
use crate::wire::status::Failure;
use crate::wire::visibility::{
    self, Conditions, Values, VisibilityCall, visibility_call, visibility_response,
};

pub(super) async fn get(
    app: &App,
    message: pb::GetVisibilityRequest,
) -> Result<pb::GetVisibilityResponse, Failure> {
    let asked = answer::Question::visibility(&message);
    let call = visibility_call(message, app.vocabulary)?;
    let (def, resource) = listable(app, &call)?;
    let seen = Seen { call: &call, def, resource };
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = remembered(app, &seen, asked, &recency).await?;
    let Answered { answer: Answer::Visibility(response), revision, staleness } = answered else {
        return Err(Failure::Internal("a visibility was answered with something else".into()));
    };
    let decision = response.decision.map(|decision| stamped(decision, revision, staleness));
    let revision = decision.as_ref().map_or(0, |decision| decision.revision);
    let response = pb::GetVisibilityResponse { decision, revision, ..response };
    if response.encoded_len() > MAX_PAGE_BYTES {
        return Err(Failure::TooLarge);
    }
    Ok(response)
}

struct Seen<'a> {
    call: &'a VisibilityCall,
    def: &'a ActionDef,
    resource: &'a ResourceDef,
}

#[async_trait]
impl Ask for Seen<'_> {
    type Answer = Answer;

    fn tenant(&self) -> &TenantId {
        &self.call.tenant
    }

    fn operation(&self) -> Option<Operation> {
        Some(Operation::List)
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Answer, Failure> {
        visible(app, self, from).await.map(Answer::Visibility)
    }

    fn nowhere(&self) -> Result<Answer, Failure> {
        Ok(Answer::Visibility(nobodys()))
    }
}

async fn visible(
    app: &App,
    Seen { call, def, resource }: &Seen<'_>,
    from: &mut Gathering<'_>,
) -> Result<pb::GetVisibilityResponse, Failure> {
    let member = from.member(&call.account, &call.subject).await?;
    let Some(authority) = member.authority.as_deref() else {
        return Ok(nobodys());
    };
    let answered = |terms, decision: &Decision| {
        visibility_response(terms, decided(&member, decision), member.revision())
    };
    let terms = match may_see(authority, call.action, call.channel) {
        Err(denied) => return Ok(answered(Vec::new(), &denied)),
        Ok(terms) => terms,
    };
    let above = serving_below(&member, authority, def, resource);
    let filter = Filter { authority, resource, above };
    let mut rows: Vec<Rows<'_>> = terms.iter().flat_map(|term| filter.rows(term)).collect();
    let all = all_of_the_tenant(from, &rows).await?;
    rows.retain_mut(|rows| rows.spell_out(&all));
    let names = Names::load(from, nums(&rows)).await?;
    let named = rows.iter().map(|rows| rows.named(&names)).collect::<Result<Vec<_>, _>>()?;
    let decision = overall(app, call, &member, def, terms.first().filter(|_| !named.is_empty()))?;
    Ok(answered(named, &decision))
}

/// The answer to somebody who is no member.
fn nobodys() -> pb::GetVisibilityResponse {
    visibility_response(Vec::new(), no_member(), Revision(0))
}

/// Actions that look at nothing but the row can be listed.
fn listable<'a>(
    app: &'a App,
    call: &VisibilityCall,
) -> Result<(&'a ActionDef, &'a ResourceDef), InvalidRequest> {
    let def = app.vocabulary.def(call.action);
    let resource = def.and_then(|def| app.vocabulary.resource(def.resource));
    match (def, resource) {
        (Some(def), Some(_)) if def.emergency => {
            let problem = "is allowed to everybody: there are no rows to filter for it";
            Err(InvalidRequest::one("action.name", problem))
        }
        (Some(def), Some(resource)) if depends_on_the_row_alone(def) => Ok((def, resource)),
        _ => {
            let problem = "depends on more than the row: ask `Check` for each";
            Err(InvalidRequest::one("action.name", problem))
        }
    }
}

const fn depends_on_the_row_alone(def: &ActionDef) -> bool {
    def.sees.is_none()
        && def.target.is_none()
        && def.sends.is_none()
        && def.confers.is_none()
        && !def.attaches
        && !def.recipient
        && !def.exclusive
        && !def.spares_owners
}

/// The decision that goes with the filter: an allow with its source, or why nothing is covered.
fn overall(
    app: &App,
    call: &VisibilityCall,
    member: &Member,
    def: &ActionDef,
    first: Option<&Term>,
) -> Result<Decision, Failure> {
    let Some(authority) = member.authority.as_deref() else {
        return Ok(lineguard_core::engine::not_a_member());
    };
    let question = Question {
        action: call.action,
        names_stored_resource: app
            .vocabulary
            .resource(def.resource)
            .is_some_and(|resource| resource.stored.is_some()),
        resource: ResourceFacts::nowhere(),
        target: None,
        sent_from: None,
        conferred: None,
        context: Context { channel: call.channel, ..Context::default() },
    };
    let nothing = decide(&member.model, app.vocabulary, authority, &question)?;
    Ok(match first {
        None => nothing,
        Some(term) => Decision {
            effect: Effect::Allow,
            reason: lineguard_core::decision::Reason::Granted,
            permission: term.permission,
            origin: Some(term.origin),
            clause: Some(term.comparison),
            extent: term.extent(),
            requirement: None,
            because: None,
            ..nothing
        },
    })
}

/// Accounts above whose rows `Check` takes for rows of the acting account: those of numbers, where
/// the model says that numbers flow down. They are managed only where they are set up.
fn serving_below<'a>(
    member: &Member,
    authority: &'a Authority,
    def: &ActionDef,
    resource: &ResourceDef,
) -> &'a [Num] {
    let numbers = resource.stored == Some(StoredType::Number);
    if numbers && member.model.tree.numbers_flow_down && def.kind != ActionKind::Manage {
        &authority.ancestors
    } else {
        &[]
    }
}

struct Filter<'a> {
    authority: &'a Authority,
    resource: &'a ResourceDef,
    above: &'a [Num],
}

/// A set of ids that a field must lie in.
type Condition<'a> = (FactName, &'a IdSet);

/// One alternative of a comparison: what it asks for, and the accounts in which that counts, where
/// those are not all that the term reaches.
#[derive(Clone, Copy, Default)]
struct Alternative<'a> {
    condition: Option<Condition<'a>>,
    within: Option<&'a IdSet>,
}

/// What one alternative of one term covers.
struct Rows<'a> {
    accounts: Vec<Num>,
    conditions: Vec<Condition<'a>>,
    term: &'a Term,
    except: Vec<(Vec<Condition<'a>>, &'a CompiledExcept)>,
}

impl<'a> Filter<'a> {
    /// The rows that a term covers, one part for each alternative of its comparison. A part that
    /// could cover nothing is left out.
    fn rows(&self, term: &'a Term) -> Vec<Rows<'a>> {
        let Some(fixed) = self.fixed(term) else { return Vec::new() };
        let parts = self.alternatives(term.comparison, Use::Gives);
        parts
            .into_iter()
            .map(|part| {
                let conditions = part.condition.into_iter().chain(fixed.iter().copied()).collect();
                let accounts = self.accounts(term, part.within);
                Rows { accounts, conditions, term, except: self.excepts(term) }
            })
            .filter(|rows| !rows.accounts.is_empty())
            .filter(|rows| rows.conditions.iter().all(|condition| could_hold(*condition)))
            .collect()
    }

    /// The accounts that a term reaches, and with the acting one those that serve it from above; of
    /// them those in which it counts.
    fn accounts(&self, term: &Term, within: Option<&IdSet>) -> Vec<Num> {
        let counts = |account: &Num| {
            within.is_none_or(|within| within.contains(*account, Everything::OfTheTenant))
        };
        let reached = self.authority.accounts(term.accounts).iter().filter(|one| counts(one));
        let mut accounts: Vec<Num> = reached.copied().collect();
        if accounts.contains(&self.authority.account) {
            accounts.extend(self.above);
        }
        accounts
    }

    /// Conditions that hold for every alternative; none if the term can cover nothing.
    fn fixed(&self, term: &'a Term) -> Option<Vec<Condition<'a>>> {
        let mut fixed: Vec<Condition<'a>> = Vec::new();
        for requirement in &term.requires {
            match requirement {
                Requirement::FaxboxMember => {
                    fixed.push((FactName::Faxbox, self.authority.set(FactSet::Faxboxes)));
                }
                Requirement::Extension => {
                    if *self.authority.set(FactSet::HeldExtensions) == IdSet::default() {
                        return None;
                    }
                }
                // Both look at a target, and an action that can be listed has none.
                Requirement::TargetFaxboxMember | Requirement::CoverPageOfFaxbox => return None,
            }
        }
        fixed.extend(term.scopes.iter().map(|(field, set)| (*field, set)));
        let exists = |field: &FactName| self.resource.facts.contains(field);
        let qualified = term.direction.is_none_or(|_| exists(&FactName::Direction))
            && (term.states == 0 || exists(&FactName::State))
            && fixed.iter().all(|(field, _)| exists(field));
        qualified.then_some(fixed)
    }

    /// Each alternative of a comparison. A fact that the type does not have matches nothing.
    fn alternatives(&self, comparison: Comparison, used: Use) -> Vec<Alternative<'a>> {
        let alternatives = comparison.alternatives();
        if alternatives.is_empty() {
            return vec![Alternative::default()];
        }
        let parts = |(field, set): (FactName, FactSet)| {
            let parts = self.authority.parts(set, used);
            parts.map(move |Part { within, values }| Alternative {
                condition: Some((field, values)),
                within,
            })
        };
        alternatives
            .into_iter()
            .filter(|(field, _)| self.resource.facts.contains(field))
            .flat_map(parts)
            .collect()
    }

    fn excepts(&self, term: &'a Term) -> Vec<(Vec<Condition<'a>>, &'a CompiledExcept)> {
        let of_one = |except: &'a CompiledExcept| {
            self.alternatives(except.comparison, Use::Takes)
                .into_iter()
                .filter(|one| one.condition.is_none_or(|(_, set)| *set != IdSet::default()))
                .map(move |Alternative { condition, within }| {
                    let within = within.map(|accounts| (FactName::Account, accounts));
                    (within.into_iter().chain(condition).collect(), except)
                })
        };
        term.except.iter().flat_map(of_one).collect()
    }
}

/// How many values one answer spells out.
const MAX_VALUES: usize = 10_000;

/// What a grant of everything covers, for the facts whose values the store keeps: all that the
/// tenant has, and nothing that a row may name besides (rulings R36).
type All = BTreeMap<FactName, IdSet>;

async fn all_of_the_tenant(
    reader: &mut dyn TenantReader,
    rows: &[Rows<'_>],
) -> Result<All, Failure> {
    let conditions = rows.iter().flat_map(|rows| &rows.conditions);
    let unlimited = conditions.filter(|(fact, set)| **set == IdSet::All && !fact.is_opaque());
    let facts: BTreeSet<FactName> = unlimited.map(|(fact, _)| *fact).collect();
    let mut all = All::new();
    for fact in facts {
        let Some(kind) = kept_as(fact) else { continue };
        let mut nums: Vec<Num> = Vec::new();
        loop {
            let after = nums.last().copied().unwrap_or(Num(0));
            let page = reader.list(kind, None, after, MAX_PAGE).await?;
            nums.extend(page.iter().map(|object| object.num));
            if nums.len() > MAX_VALUES {
                let problem = "covers more values than an answer holds: ask `Check` for each";
                return Err(InvalidRequest::one("action.name", problem).into());
            }
            if page.len() < MAX_PAGE {
                break;
            }
        }
        all.insert(fact, IdSet::of(nums));
    }
    Ok(all)
}

/// How many objects are read by one statement.
const MAX_PAGE: usize = 1_000;

/// The kind of the objects that are the values of a fact, where the store lists them.
const fn kept_as(fact: FactName) -> Option<ObjectKind> {
    match fact {
        FactName::Number => Some(ObjectKind::Number),
        FactName::Extension => Some(ObjectKind::Extension),
        FactName::Queue => Some(ObjectKind::Queue),
        FactName::Faxbox => Some(ObjectKind::Faxbox),
        FactName::Group => Some(ObjectKind::Group),
        _ => None,
    }
}

/// Whether any row could fulfil a condition. Sources must all be in the set, so a row without any
/// fulfils the empty one.
fn could_hold((field, set): Condition<'_>) -> bool {
    field == FactName::Source || *set != IdSet::default()
}

/// Every number that an answer names.
fn nums(rows: &[Rows<'_>]) -> BTreeSet<Num> {
    let mut nums = BTreeSet::new();
    for rows in rows {
        nums.extend(&rows.accounts);
        let excepted = rows.except.iter().flat_map(|(conditions, _)| conditions);
        for (field, set) in rows.conditions.iter().chain(excepted) {
            if *field != FactName::Source {
                nums.extend(set.finite().unwrap_or_default());
            }
        }
    }
    nums
}

impl<'a> Rows<'a> {
    /// Names all values of the tenant where a grant covers everything; false if it has none.
    fn spell_out(&mut self, all: &'a All) -> bool {
        for (fact, set) in &mut self.conditions {
            if let (IdSet::All, Some(known)) = (&**set, all.get(fact)) {
                *set = known;
            }
        }
        self.conditions.iter().all(|condition| could_hold(*condition))
    }
}

impl Rows<'_> {
    fn named(&self, names: &Names) -> Result<visibility::Term, StoreError> {
        let accounts = self.accounts.iter().map(|account| names.account(*account));
        let except = self.except.iter().map(|(conditions, except)| {
            Ok(Conditions {
                fields: fields(conditions, names)?,
                direction: except.direction,
                states: states(except.states),
            })
        });
        Ok(visibility::Term {
            accounts: accounts.collect::<Result<_, _>>()?,
            conditions: Conditions {
                fields: fields(&self.conditions, names)?,
                direction: self.term.direction,
                states: states(self.term.states),
            },
            except: except.collect::<Result<_, StoreError>>()?,
        })
    }
}

fn fields(
    conditions: &[Condition<'_>],
    names: &Names,
) -> Result<Vec<(FactName, Values)>, StoreError> {
    let named = |(field, set): &Condition<'_>| {
        let values = match set.finite() {
            None => Values::All,
            Some(nums) => {
                let texts = nums.iter().filter_map(|num| value(*field, *num, names).transpose());
                Values::These(texts.collect::<Result<_, _>>()?)
            }
        };
        Ok((*field, values))
    };
    conditions.iter().map(named).collect()
}

/// A value as the asking service knows it; none for a subject that the tenant has never seen.
fn value(field: FactName, num: Num, names: &Names) -> Result<Option<String>, StoreError> {
    if field == FactName::Source {
        let known = AttachmentSource::ALL.into_iter().find(|(source, _)| source.num() == num);
        return Ok(known.map(|(_, word)| word.to_owned()));
    }
    if num == Num::UNKNOWN {
        return Ok(None);
    }
    let object = names.object(num).ok_or_else(|| StoreError::Corrupt {
        table: "object",
        column: "num",
        row: format!("num {}", num.0),
    })?;
    Ok(Some(match (field, object.kind) {
        (FactName::Assignee, ObjectKind::Group) => format!("group:{}", object.id),
        _ => object.id.clone(),
    }))
}

fn states(mask: u8) -> Vec<FaxState> {
    FaxState::ALL
        .into_iter()
        .map(|(state, _)| state)
        .filter(|state| mask & (1 << *state as u8) != 0)
        .collect()
}
