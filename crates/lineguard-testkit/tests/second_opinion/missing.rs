//! What is missing is said at once: with the facts that an error names there is an answer.

use lineguard_core::decision::{FactOwner, MissingFact, MissingFacts};
use lineguard_core::facts::{Fact, ResourceFacts};
use lineguard_core::id::{Key, Num};
use lineguard_core::model::reach::{Direction, FaxState};
use lineguard_core::request::{Conferred, Question};
use lineguard_core::vocabulary::{Confers, FactName, Vocabulary};
use lineguard_testkit::generate::Rng;

/// Answers every missing fact that an error names, and no other, in some way.
pub fn give(
    rng: &mut Rng,
    vocabulary: &Vocabulary,
    question: &mut Question,
    missing: MissingFacts,
) {
    for MissingFact { of, fact } in missing.iter() {
        match (of, fact) {
            (FactOwner::Resource, Some(fact)) => say(rng, fact, &mut question.resource),
            (FactOwner::Target, Some(fact)) => {
                say(rng, fact, question.target.get_or_insert_default());
            }
            (FactOwner::Target, None) => {
                let key = Key::parse("something").expect("a key");
                let confers = vocabulary.def(question.action).and_then(|def| def.confers);
                question.conferred = Some(match confers.expect("only what confers needs one") {
                    Confers::Role => {
                        let permissions = rng.chance(50).then(Box::default);
                        Conferred::Role { key, permissions }
                    }
                    Confers::Permission => Conferred::Permission(key),
                });
            }
            (FactOwner::Context, _) => {
                question.context.recipient_verified = Some(rng.chance(50));
            }
            (FactOwner::Resource, None) => panic!("nothing of a resource is missing as a whole"),
        }
    }
    // The door gives every target an account.
    if let Some(ResourceFacts { account: account @ Fact::Missing, .. }) = &mut question.target {
        account.clone_from(&question.resource.account);
    }
}

fn say(rng: &mut Rng, fact: FactName, facts: &mut ResourceFacts) {
    let present = rng.chance(70);
    let num = Num(1 + rng.below(60) as u64);
    let one = if present { Fact::Known(num) } else { Fact::Absent };
    let several = if present { Fact::Known([num].into()) } else { Fact::Absent };
    let place = match fact {
        FactName::Account => &mut facts.account,
        FactName::Creator => &mut facts.creator,
        FactName::Assignee => &mut facts.assignee,
        FactName::Faxbox => &mut facts.faxbox,
        FactName::Number => &mut facts.number,
        FactName::Extension => &mut facts.extension,
        FactName::Queue => &mut facts.queue,
        FactName::Group => &mut facts.group,
        FactName::FormType => &mut facts.form_type,
        FactName::DocumentType => &mut facts.document_type,
        FactName::Template => &mut facts.template,
        FactName::Participant => return unless_known(&mut facts.participants, several),
        FactName::Label => return unless_known(&mut facts.labels, several),
        FactName::Source => return unless_known(&mut facts.sources, several),
        FactName::Direction => {
            return unless_known(&mut facts.direction, Fact::Known(Direction::Inbound));
        }
        FactName::State => return unless_known(&mut facts.state, Fact::Known(FaxState::Active)),
    };
    unless_known(place, one);
}

/// An error names only what was not said.
fn unless_known<T>(place: &mut Fact<T>, value: Fact<T>) {
    assert!(matches!(place, Fact::Missing), "a fact that is not missing was called missing");
    *place = value;
}
