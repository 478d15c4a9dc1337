//! Typical members of several products, each with a question that is allowed and one that is not.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "all of this is a test")]

use std::fmt;

use lineguard_core::assemble::{fax_facts, member_facts};
use lineguard_core::engine::{Authority, compile};
use lineguard_core::facts::{Fact, MemberFacts, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::reach::Direction;
use lineguard_core::model::{BUILT_IN, Model, built_in_vocabulary, parse};
use lineguard_core::port::{Store, TenantReader};
use lineguard_core::request::{Context, Question};
use lineguard_core::row::ObjectKind;
use lineguard_testkit::memory::MemoryStore;
use lineguard_testkit::world::{World, received, world};
use lineguard_testkit::{block_on, ids};

/// A question about a member.
#[derive(Debug)]
pub struct Case {
    /// Key of the model.
    pub model: &'static str,
    /// The member's role.
    role: &'static str,
    /// What is to be done.
    action: &'static str,
    /// To which of the things in the account: the member was given those with low numbers.
    which: usize,
    /// Whether it is allowed.
    pub allow: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.allow { "allow" } else { "deny" };
        write!(f, "{} {} {} {answer}", self.model, self.role, self.action)
    }
}

const GIVEN: usize = 3;
const FOREIGN: usize = 70;

const fn case(
    model: &'static str,
    role: &'static str,
    action: &'static str,
    which: usize,
    allow: bool,
) -> Case {
    Case { model, role, action, which, allow }
}

/// All questions.
pub static CASES: &[Case] = &[
    case("retarus", "user", "fax.view", GIVEN, true),
    case("retarus", "user", "fax.view", FOREIGN, false),
    case("ifax", "sender_receiver", "fax.view", GIVEN, true),
    case("ifax", "sender_receiver", "fax.view", FOREIGN, false),
    case("amplify", "member", "fax.view", GIVEN, true),
    case("amplify", "member", "fax.view", FOREIGN, false),
    case("nuacom", "nonadmin", "call.view", GIVEN, true),
    case("nuacom", "nonadmin", "call.view", FOREIGN, false),
    case("iovox", "reporting_viewer", "call.view", GIVEN, true),
    case("iovox", "config_viewer", "call.view", GIVEN, false),
    case("standard", "member", "fax.view", GIVEN, true),
    case("standard", "member", "fax.view", FOREIGN, false),
    case("standard", "member", "fax.download", GIVEN, true),
    case("standard", "administrator", "call.view", GIVEN, true),
    case("standard", "member", "call.view", FOREIGN, false),
];

/// What it takes to decide a question.
pub struct Ready {
    pub model: Model,
    pub facts: MemberFacts,
    pub authority: Authority,
    pub question: Question,
}

/// Sets a question up.
pub fn ready(case: &Case) -> Ready {
    let vocabulary = built_in_vocabulary();
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == case.model).expect("a model");
    let model = parse(text, vocabulary).expect("a model that parses");
    let store = MemoryStore::new();
    let built = block_on(member(case, &model, text).build(&store));
    let mut reader = block_on(store.snapshot(&built.tenant)).expect("memory").expect("the tenant");
    let rows = block_on(reader.member_rows(&ids::account("home"), &ids::user("ana")));
    let facts = member_facts(&rows.expect("memory").expect("the account"));
    let facts = facts.expect("rows that parse").expect("the account");
    let authority = compile(&model, vocabulary, &facts).expect("keys that the model knows");
    let action = vocabulary.action(case.action).expect("an action");
    let resource = if case.action.starts_with("call.") {
        call(reader.as_mut(), case.which, facts.subject)
    } else {
        fax_facts(&built.faxes[case.which])
    };
    drop(reader);
    let question = Question {
        action,
        names_stored_resource: case.action.starts_with("fax."),
        resource,
        target: None,
        sent_from: None,
        conferred: None,
        context: Context::default(),
    };
    Ready { model, facts, authority, question }
}

fn phone(at: usize) -> String {
    format!("+1555010{at:04}")
}

/// An account with a hundred numbers, faxboxes and extensions; the member is given the first ten.
fn member(case: &Case, model: &Model, text: &str) -> World {
    let mut told = world("t1").model(text).account("home");
    for at in 0..100 {
        told = told.number(&phone(at)).faxbox(&format!("box{at}")).extension(&format!("x{at}"));
    }
    let numbers: Vec<String> = (0..10).map(phone).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    told = told.member("ana").role(case.role).access(&numbers).granted(&numbers);
    let granted = (0..10).map(|at| ids::extension(&format!("x{at}"))).collect();
    let granted = lineguard_core::change::ListValue::These(granted);
    told = told.list(lineguard_core::change::MemberList::GrantedExtensions(granted));
    for at in 0..10 {
        told = told.join("ana", &format!("box{at}"));
    }
    if model.tree.sub_accounts {
        for at in 0..20 {
            told = told.below("home", &format!("branch{at}"));
        }
        told = told.enter("home");
    }
    for at in 0..100 {
        let mut fax = received(&format!("f{at}"), "home", at as i64);
        fax.number = Some(ids::number(&phone(at)));
        fax.faxbox = Some(ids::faxbox(&format!("box{at}")));
        told = told.fax(fax);
    }
    told
}

/// A call on one of the extensions and numbers, without a queue.
fn call(reader: &mut dyn TenantReader, which: usize, subject: Num) -> ResourceFacts {
    let (number, extension) = (phone(which), format!("x{which}"));
    let keys = [
        (ObjectKind::Account, Num(0), "home"),
        (ObjectKind::Number, Num(0), number.as_str()),
        (ObjectKind::Extension, Num(0), extension.as_str()),
    ];
    let found = block_on(reader.find(&keys)).expect("memory");
    let mut known = found.into_iter().map(|object| Fact::Known(object.expect("told before").num));
    let mut next = || known.next().expect("three were asked for");
    ResourceFacts {
        account: next(),
        number: next(),
        extension: next(),
        participants: Fact::Known(Box::new([Num(subject.0 + 1_000_000)])),
        direction: Fact::Known(Direction::Inbound),
        ..ResourceFacts::nowhere()
    }
}
