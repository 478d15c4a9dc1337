//! Emergency calls: no permission screen stands between a person and help.

use lineguard::wire::pb::{Channel, Effect, Reason};
use lineguard_core::facts::MemberStatus;
use lineguard_core::model::BUILT_IN;

use crate::ask::ask;
use crate::changes::status;
use crate::harness::{Harness, product};

#[tokio::test]
async fn every_active_member_may_call_for_help_in_every_product() {
    for (model, _) in BUILT_IN {
        let harness = Harness::start().await;
        // Members without any role: whatever is granted, this is not.
        let world = product(model).account("home").owner("ann").member("me").member("gone");
        harness.build(world).await;
        harness.apply([status("home", "gone", MemberStatus::Suspended)]).await;

        for channel in [Channel::Unspecified, Channel::Web, Channel::Mobile] {
            let call = |who: &'static str, at: &'static str| {
                let asked = ask(who, at, "call.emergency");
                asked.context(|context| context.channel = channel.into()).send(&harness)
            };
            for who in ["me", "ann"] {
                let answer = call(who, "home").await;
                let decision = answer.allows();
                assert_eq!(decision.reason(), Reason::EmergencyCall, "{model}");
                assert_eq!(decision.permission, None);
                assert!(decision.explanation.contains("emergency"), "{}", decision.explanation);
            }
            call("gone", "home").await.denies(Reason::MemberSuspended);
            call("nobody", "home").await.denies(Reason::NotAMemberOfActingAccount);
            call("me", "elsewhere").await.denies(Reason::NotAMemberOfActingAccount);
        }
        let other = ask("me", "home", "call.make").send(&harness).await;
        let crate::ask::Answer::Decision(other) = other else { continue };
        assert!(other.effect() == Effect::Deny || other.reason() == Reason::Granted);
    }
}
