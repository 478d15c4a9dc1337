//! `ResolveCallerId`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use lineguard_core::assemble::number_facts;
use lineguard_core::decision::{Decision, Reason};
use lineguard_core::engine::caller_id::{
    CallerId, Candidates, Lost, NoNumber, Outcome, Won, resolve as decide,
};
use lineguard_core::engine::{Authority, Term, by_faxbox, not_a_member};
use lineguard_core::facts::{Capabilities, NumberFacts};
use lineguard_core::id::{Num, PhoneNumber, Revision, TenantId};
use lineguard_core::port::{StoreError, TenantReader};
use lineguard_core::request::{CallerIdQuestion, Context, Presentation};
use lineguard_core::row::{LinkKind, Object, ObjectKind};
use lineguard_core::vocabulary::FactName;

use super::words::decided;
use crate::answer::{Answer, Answered, Ask, Gathering, Question, Recency, remembered};
use crate::app::App;
use crate::gather::{Known, Member, Wanted};
use crate::metrics::Operation;
use crate::wire::caller_id::{
    CallerIdAnswer, CallerIdCall, Candidate, Presented, Requested, caller_id_call,
    caller_id_response,
};
use crate::wire::consistency::duration_to_wire;
use crate::wire::pb;
use crate::wire::status::Failure;

/// How many numbers are looked at where the person may choose among all of an account.
const MAX_NUMBERS: usize = 1_000;

pub(super) async fn resolve(
    app: &App,
    message: pb::ResolveCallerIdRequest,
) -> Result<pb::ResolveCallerIdResponse, Failure> {
    let asked = Question::caller_id(&message);
    let call = caller_id_call(message)?;
    let recency = Recency::of(&call.consistency, app, &call.tenant)?;
    let answered = remembered(app, &Resolving(&call), asked, &recency).await?;
    let Answered { answer: Answer::CallerId(response), revision, staleness } = answered else {
        return Err(Failure::Internal("a caller ID was answered with something else".into()));
    };
    // Somebody who is no member is told nothing of the tenant (rulings R41).
    if response.revision == 0 {
        return Ok(pb::ResolveCallerIdResponse { staleness: None, ..response });
    }
    let staleness = staleness.map(duration_to_wire);
    Ok(pb::ResolveCallerIdResponse { revision: revision.0, staleness, ..response })
}

struct Resolving<'a>(&'a CallerIdCall);

#[async_trait]
impl Ask for Resolving<'_> {
    type Answer = Answer;

    fn tenant(&self) -> &TenantId {
        &self.0.tenant
    }

    fn operation(&self) -> Option<Operation> {
        Some(Operation::CallerId)
    }

    async fn ask(&self, app: &App, from: &mut Gathering<'_>) -> Result<Answer, Failure> {
        resolved(app, self.0, from).await.map(caller_id_response).map(Answer::CallerId)
    }

    fn nowhere(&self) -> Result<Answer, Failure> {
        Ok(Answer::CallerId(caller_id_response(no_member())))
    }
}

async fn resolved(
    app: &App,
    call: &CallerIdCall,
    from: &mut Gathering<'_>,
) -> Result<CallerIdAnswer, Failure> {
    let member = from.member(&call.account, &call.subject).await?;
    let Some(authority) = member.authority.as_deref() else {
        return Ok(no_member());
    };
    if let Some(reason) = authority.barred() {
        return Ok(barred(reason, &member));
    }
    let known = wanted(call).load(from).await?;
    let question = question(call, &known);
    let (numbers, complete) = numbers(from, &member, authority, question.requested).await?;
    let mut candidates = Vec::with_capacity(numbers.len() + 1);
    for number in &numbers {
        let faxboxes = match by_faxbox(&member.model, question.channel) {
            true => from.links_from(LinkKind::NumberFaxbox, number.num).await?,
            false => Vec::new(),
        };
        candidates.push(number_facts(member.tenant.num, number, &faxboxes)?);
    }
    if question.requested == Presentation::Number(Num::UNKNOWN) {
        candidates.push(unknown());
    }
    let candidates = Candidates { numbers: &candidates, complete };
    let answer = decide(&member.model, app.vocabulary, authority, &question, candidates)?;
    Ok(named(answer, call, &numbers, &member, authority)?)
}

fn wanted(call: &CallerIdCall) -> Wanted {
    let mut wanted = Wanted::default();
    if let Requested::Number(number) = &call.requested {
        wanted.object(ObjectKind::Number, number.as_str());
    }
    if let Some(holder) = &call.locked_by {
        wanted.object(ObjectKind::Subject, &holder.qualified());
    }
    wanted
}

fn question(call: &CallerIdCall, known: &Known) -> CallerIdQuestion {
    let CallerIdCall { used_for, requested, channel, recipient_verified, locked_by, .. } = call;
    let holder =
        |holder: &lineguard_core::id::Subject| known.num(ObjectKind::Subject, &holder.qualified());
    CallerIdQuestion {
        channel: *used_for,
        requested: match requested {
            Requested::Unspecified => Presentation::Unspecified,
            Requested::Anonymous => Presentation::Anonymous,
            Requested::Number(number) => Presentation::Number(known.number(number.as_str())),
        },
        context: Context {
            channel: *channel,
            recipient_verified: *recipient_verified,
            locked_by: locked_by.as_ref().map(holder),
        },
    }
}

/// The numbers in question: the requested one, the default, those that the grants name, and all that
/// serve the acting account where a grant names none, up to a bound. Tells whether they are all.
async fn numbers(
    reader: &mut dyn TenantReader,
    member: &Member,
    authority: &Authority,
    requested: Presentation,
) -> Result<(Vec<Object>, bool), StoreError> {
    let Some(rules) = member.model.caller_id else { return Ok((Vec::new(), true)) };
    let mut nums: BTreeSet<Num> = authority.default_number.into_iter().collect();
    if let Presentation::Number(number) = requested {
        nums.insert(number);
    }
    let mut all = false;
    for term in authority.terms(rules.choose) {
        match listed(term, authority) {
            Some(listed) => nums.extend(listed),
            None => all = true,
        }
    }
    let complete =
        if all { all_of(reader, &accounts(member, authority), &mut nums).await? } else { true };
    let nums: Vec<Num> = nums.into_iter().collect();
    let mut numbers = reader.get(&nums).await?;
    numbers.retain(|object| object.kind == ObjectKind::Number);
    numbers.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Ok((numbers, complete))
}

/// The numbers that a grant names, if it names finitely many.
fn listed(term: &Term, authority: &Authority) -> Option<Vec<Num>> {
    let mut listed = Vec::new();
    let mut named = false;
    for (field, set) in term.comparison.alternatives() {
        if field == FactName::Number {
            listed.extend_from_slice(authority.set(set).finite()?);
            named = true;
        }
    }
    named.then_some(listed)
}

/// The accounts whose numbers can be presented from the acting one: it, and those above that serve
/// it.
fn accounts(member: &Member, authority: &Authority) -> Vec<Num> {
    let above: &[Num] =
        if member.model.tree.numbers_flow_down { &authority.ancestors } else { &[] };
    std::iter::once(authority.account).chain(above.iter().copied()).collect()
}

/// Adds the numbers of accounts as far as the bounds let, and tells whether those are all.
async fn all_of(
    reader: &mut dyn TenantReader,
    accounts: &[Num],
    nums: &mut BTreeSet<Num>,
) -> Result<bool, StoreError> {
    for account in accounts {
        // One more than has room tells whether there are more. Some may be among them already.
        let numbers =
            reader.list(ObjectKind::Number, Some(*account), Num(0), MAX_NUMBERS + 1).await?;
        for number in numbers {
            if nums.len() >= MAX_NUMBERS && !nums.contains(&number.num) {
                return Ok(false);
            }
            nums.insert(number.num);
        }
    }
    Ok(true)
}

/// Stands for a number that the tenant does not have, so that it is refused for the very reason
/// for which one that the person may not use is.
fn unknown() -> NumberFacts {
    NumberFacts {
        number: Num::UNKNOWN,
        account: Num::UNKNOWN,
        active: true,
        capabilities: Capabilities { voice: true, fax: true, message: true },
        faxboxes: Box::default(),
    }
}

/// The answer to somebody who may do nothing: it tells no number, and nothing of the account.
fn barred(reason: Reason, member: &Member) -> CallerIdAnswer {
    let told = decided(member, &Decision { reason, ..not_a_member() });
    let (reason, explanation) = (reason.as_str(), told.explanation);
    let revision = Revision(told.revision);
    CallerIdAnswer { reason, explanation, revision, ..no_member() }
}

fn no_member() -> CallerIdAnswer {
    let reason = Reason::NotAMemberOfActingAccount;
    CallerIdAnswer {
        presented: Presented::Denied,
        reason: reason.as_str(),
        explanation: "The person is not a member of this account.".into(),
        candidates: Vec::new(),
        may_be_anonymous: false,
        may_call_without_number: false,
        revision: Revision(0),
    }
}

fn named(
    answer: CallerId,
    call: &CallerIdCall,
    numbers: &[Object],
    member: &Member,
    authority: &Authority,
) -> Result<CallerIdAnswer, StoreError> {
    let (presented, reason, explanation) = match answer.outcome {
        Outcome::Number(number, won) => {
            let number = phone(number, numbers)?;
            (Presented::Number(number), won_code(won), won_words(won))
        }
        Outcome::Anonymous => {
            (Presented::Anonymous, "REQUESTED", "The person may hide the number.")
        }
        Outcome::None(why) => (Presented::None, why.code(), no_number_words(why)),
        Outcome::Denied(why) => (Presented::Denied, why.code(), lost_words(why)),
    };
    Ok(CallerIdAnswer {
        presented,
        reason,
        explanation: explanation.to_owned(),
        candidates: candidates(&answer, call, numbers)?,
        may_be_anonymous: answer.may_be_anonymous,
        may_call_without_number: authority.may_call_without_number(),
        revision: member.revision(),
    })
}

fn candidates(
    answer: &CallerId,
    call: &CallerIdCall,
    numbers: &[Object],
) -> Result<Vec<Candidate>, StoreError> {
    let won = match answer.outcome {
        Outcome::Number(number, won) => Some((number, won)),
        Outcome::Anonymous | Outcome::None(_) | Outcome::Denied(_) => None,
    };
    let mut candidates = Vec::new();
    for object in numbers {
        let selectable = answer.selectable.contains(&object.num);
        let lost =
            answer.lost.iter().find(|(number, _)| *number == object.num).map(|(_, why)| *why);
        let won = won.filter(|(number, _)| *number == object.num).map(|(_, won)| won);
        let (reason, words) = match (won, lost) {
            (Some(won), _) => (won_code(won), won_words(won)),
            (None, Some(lost)) => (lost.code(), lost_words(lost)),
            (None, None) if selectable => {
                ("NOT_CHOSEN", "The person may choose it, and it was not asked for.")
            }
            (None, None) => ("NOT_CHOSEN", "It is the preset default, and was not asked for."),
        };
        candidates.push(Candidate {
            number: phone(object.num, numbers)?,
            chosen: won.is_some(),
            selectable,
            reason,
            explanation: words.to_owned(),
        });
    }
    if let (Requested::Number(number), Some((_, why))) =
        (&call.requested, answer.lost.iter().find(|(number, _)| *number == Num::UNKNOWN))
    {
        candidates.push(Candidate {
            number: number.clone(),
            chosen: false,
            selectable: false,
            reason: why.code(),
            explanation: lost_words(*why).to_owned(),
        });
        // A number that does not exist stands where one that the person may not use would.
        candidates.sort_unstable_by(|a, b| a.number.cmp(&b.number));
    }
    Ok(candidates)
}

fn phone(number: Num, numbers: &[Object]) -> Result<PhoneNumber, StoreError> {
    let object = numbers.iter().find(|object| object.num == number);
    object.and_then(|object| PhoneNumber::parse(&object.id).ok()).ok_or_else(|| {
        StoreError::Corrupt { table: "object", column: "id", row: format!("num {}", number.0) }
    })
}

const fn won_code(won: Won) -> &'static str {
    match won {
        Won::Requested => "REQUESTED",
        Won::Default => "DEFAULT",
        Won::OnlySelectable => "ONLY_SELECTABLE",
    }
}

const fn won_words(won: Won) -> &'static str {
    match won {
        Won::Requested => "It was asked for, and the person may use it.",
        Won::Default => "It is the preset default.",
        Won::OnlySelectable => "It is the only number the person may choose.",
    }
}

const fn no_number_words(why: NoNumber) -> &'static str {
    match why {
        NoNumber::NotInModel => "The account's product presents no numbers.",
        NoNumber::ChoiceNeeded => "No default is preset; the person has to choose.",
        NoNumber::NothingSelectable => "No default is preset, and there is no number to choose.",
        NoNumber::DefaultNotUsable(Lost::Inactive) => "The preset default is not active.",
        NoNumber::DefaultNotUsable(Lost::Incapable) => {
            "The preset default cannot be used for this."
        }
        NoNumber::DefaultNotUsable(Lost::Restricted) => {
            "The person's send-from list leaves the preset default out."
        }
        NoNumber::DefaultNotUsable(Lost::NotGranted(_)) => {
            "The person may not use the preset default from this account."
        }
    }
}

const fn lost_words(why: Lost) -> &'static str {
    match why {
        Lost::NotGranted(_) => "The person may not use it.",
        Lost::Inactive => "It is not active.",
        Lost::Incapable => "It cannot be used for this.",
        Lost::Restricted => "The person's send-from list leaves it out.",
    }
}
