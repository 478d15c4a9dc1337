//! What kind of question one is, told from the rows alone: a comparison proves nothing about what
//! nobody asked.

use lineguard_core::assemble::Dump;
use lineguard_core::facts::{Fact, MemberStatus, ResourceFacts};
use lineguard_core::id::Num;
use lineguard_core::model::Model;
use lineguard_core::model::reach::FaxState;
use lineguard_core::request::{Conferred, Question};
use lineguard_core::row::{
    ALL, AccountBody, Link, LinkKind, MemberBody, NumberBody, Object, ObjectKind,
};
use lineguard_core::vocabulary::{ActionDef, ActionKind, Outgoing, SendChannel, Vocabulary};
use lineguard_testkit::generate::Asked;

use crate::rows::{object, path};

/// Every kind that the questions of one run must reach.
pub const KINDS: [&str; 41] = [
    "number: not said",
    "number: said to be none",
    "number: nobody's",
    "number: not active",
    "number: not able",
    "number: of the very account",
    "number: of an account above",
    "number: of an account below",
    "number: of an account beside",
    "number: routed into its faxbox",
    "number: not routed into its faxbox",
    "number: to be held",
    "target: not named",
    "target: left out",
    "target: without facts",
    "target: elsewhere",
    "target: here",
    "fax: named",
    "fax: draft or pending, creator not known",
    "tie: membership active",
    "tie: membership suspended",
    "tie: no membership that counts",
    "tie: active above one that is passed over",
    "tie: suspended above one that is passed over",
    "faxbox of a group: both memberships count",
    "faxbox of a group: one of two suspended",
    "delegation: of one who is not active",
    "delegation: asked about, active",
    "delegation: asked about, suspended",
    "delegation: asked about, active above only",
    "delegation: asked about, active nowhere",
    "owned group: above or here",
    "owned group: below",
    "owned group: beside",
    "unseen name, list of all",
    "role: known otherwise where the member is",
    "role: not known where the member is",
    "permission: not in the model",
    "seal: passed by what sets up",
    "seal: stops what would open it",
    "emergency call: for nobody who is active",
];

pub struct Kinds<'a> {
    pub dump: &'a Dump,
    model: &'a Model,
    vocabulary: &'a Vocabulary,
}

impl<'a> Kinds<'a> {
    pub const fn new(dump: &'a Dump, model: &'a Model, vocabulary: &'a Vocabulary) -> Self {
        Self { dump, model, vocabulary }
    }

    /// The kinds of a question.
    pub fn of(&self, asked: &Asked) -> Vec<&'static str> {
        let question = &asked.question;
        let def = self.vocabulary.def(question.action).expect("an action of this vocabulary");
        let acting = self.find(ObjectKind::Account, &asked.account).map(|one| one.num);
        let subject = self.find(ObjectKind::Subject, &asked.subject).map(|one| one.num);
        let status = acting.and_then(|acting| self.status(acting, &asked.subject));
        let mut kinds = Vec::new();
        if status != Some(MemberStatus::Active) {
            if def.emergency {
                kinds.push("emergency call: for nobody who is active");
            }
            return kinds;
        }
        let (Some(acting), Some(subject)) = (acting, subject) else { return kinds };
        self.number(def, question, &mut kinds);
        self.target(def, question, acting, &mut kinds);
        self.fax(def, question, &mut kinds);
        self.ties(acting, subject, asked, &mut kinds);
        self.names(acting, asked, &mut kinds);
        self.conferred(acting, question, &mut kinds);
        self.seals(def, acting, asked, &mut kinds);
        kinds
    }

    pub fn find(&self, kind: ObjectKind, id: &str) -> Option<&'a Object> {
        self.dump.objects.iter().find(|one| one.kind == kind && one.id == id)
    }

    pub fn links(&self, kind: LinkKind) -> impl Iterator<Item = &'a Link> {
        self.dump.links.iter().filter(move |link| link.kind == kind)
    }

    fn member(&self, account: Num, subject: &str) -> Option<&'a Object> {
        let mut all = self.dump.objects.iter();
        all.find(|one| {
            one.kind == ObjectKind::Member && one.account == Some(account) && one.id == subject
        })
    }

    pub fn status(&self, account: Num, subject: &str) -> Option<MemberStatus> {
        let body: MemberBody = serde_json::from_str(&self.member(account, subject)?.body).ok()?;
        MemberStatus::from_word(&body.status)
    }

    fn number(&self, def: &ActionDef, question: &Question, kinds: &mut Vec<&'static str>) {
        let Some(channel) = def.sends else { return };
        let side: &ResourceFacts = match (def.outgoing, &question.target) {
            (Outgoing::Target, Some(target)) => target,
            (Outgoing::Target, None) if !def.target_optional => return,
            _ => &question.resource,
        };
        let number = match side.number {
            Fact::Missing => return kinds.push("number: not said"),
            Fact::Absent => return kinds.push("number: said to be none"),
            Fact::Known(number) => number,
        };
        let Some(row) = object(self.dump, number) else { return kinds.push("number: nobody's") };
        let body: NumberBody = serde_json::from_str(&row.body).expect("a number's body");
        let able = match channel {
            SendChannel::Call => body.voice,
            SendChannel::Fax => body.fax,
            SendChannel::Message => body.message,
        };
        if !body.active {
            kinds.push("number: not active");
        }
        if !able {
            kinds.push("number: not able");
        }
        if self.model.outgoing.held.contains(&question.action) {
            kinds.push("number: to be held");
        }
        if let (Fact::Known(account), Some(of)) = (&side.account, row.account) {
            kinds.push(match () {
                () if *account == of => "number: of the very account",
                () if path(self.dump, *account).contains(&of) => "number: of an account above",
                () if path(self.dump, of).contains(account) => "number: of an account below",
                () => "number: of an account beside",
            });
        }
        if let Fact::Known(faxbox) = side.faxbox
            && self.model.outgoing.by_faxbox
            && channel == SendChannel::Fax
        {
            let routed = Link { kind: LinkKind::NumberFaxbox, a: number, b: faxbox };
            let routed = self.dump.links.contains(&routed);
            kinds.push(if routed {
                "number: routed into its faxbox"
            } else {
                "number: not routed into its faxbox"
            });
        }
    }

    fn target(
        &self,
        def: &ActionDef,
        question: &Question,
        acting: Num,
        kinds: &mut Vec<&'static str>,
    ) {
        if !def.two_sided() {
            return;
        }
        kinds.push(match &question.target {
            None if def.target_optional => "target: left out",
            None => "target: not named",
            Some(target) if *target == ResourceFacts::nowhere() => "target: without facts",
            Some(target) if target.account == Fact::Known(acting) => "target: here",
            Some(_) => "target: elsewhere",
        });
    }

    fn fax(&self, def: &ActionDef, question: &Question, kinds: &mut Vec<&'static str>) {
        let seen_first = self.vocabulary.resource(def.resource).is_some_and(|one| one.seen_first);
        if !seen_first || !question.names_stored_resource {
            return;
        }
        kinds.push("fax: named");
        let outgoing = matches!(
            question.resource.state,
            Fact::Known(FaxState::Draft) | Fact::Known(FaxState::Pending)
        );
        if outgoing && !matches!(question.resource.creator, Fact::Known(_)) {
            kinds.push("fax: draft or pending, creator not known");
        }
    }

    fn names(&self, acting: Num, asked: &Asked, kinds: &mut Vec<&'static str>) {
        let Some(member) = self.member(acting, &asked.subject) else { return };
        let all = Link { kind: LinkKind::MemberLabel, a: member.num, b: ALL };
        if let Fact::Known(labels) = &asked.question.resource.labels
            && labels.contains(&Num::UNKNOWN)
            && self.dump.links.contains(&all)
        {
            kinds.push("unseen name, list of all");
        }
    }

    fn conferred(&self, acting: Num, question: &Question, kinds: &mut Vec<&'static str>) {
        if let Some(Conferred::Permission(key)) = &question.conferred
            && self.model.permission(key.as_str()).is_none()
        {
            kinds.push("permission: not in the model");
        }
        let (Some(Conferred::Role { key, permissions }), Fact::Known(account)) =
            (&question.conferred, &question.resource.account)
        else {
            return;
        };
        if !path(self.dump, *account).contains(&acting) {
            return;
        }
        if permissions.is_none() {
            kinds.push("role: not known where the member is");
        }
        let defines = |account: &Num| {
            let mut roles = self.dump.objects.iter().filter(|one| one.kind == ObjectKind::Role);
            roles.any(|role| role.account == Some(*account) && role.id == key.as_str())
        };
        let definer = |account| path(self.dump, account).into_iter().find(defines);
        if definer(*account) != definer(acting) {
            kinds.push("role: known otherwise where the member is");
        }
    }

    /// What sets something up, asked by somebody from above a seal or about what lies below one.
    fn seals(&self, def: &ActionDef, acting: Num, asked: &Asked, kinds: &mut Vec<&'static str>) {
        if def.kind != ActionKind::Manage {
            return;
        }
        let sealed = |part: &[Num]| part.iter().any(|account| self.is_sealed(*account));
        let here = path(self.dump, acting);
        let active =
            |account: &Num| self.status(*account, &asked.subject) == Some(MemberStatus::Active);
        let from_above = here.iter().rposition(active).is_some_and(|up| sealed(&here[..up]));
        let to_below = match asked.question.resource.account {
            Fact::Known(account) => {
                let there = path(self.dump, account);
                let up = there.iter().position(|one| *one == acting);
                up.is_some_and(|up| sealed(&there[..up]))
            }
            Fact::Missing | Fact::Absent => false,
        };
        if from_above || to_below {
            kinds.push(if def.stops_at_seals {
                "seal: stops what would open it"
            } else {
                "seal: passed by what sets up"
            });
        }
    }

    fn is_sealed(&self, account: Num) -> bool {
        object(self.dump, account).is_some_and(|one| {
            let body: AccountBody = serde_json::from_str(&one.body).expect("an account's body");
            body.sealed
        })
    }
}
