use super::*;

fn mistakes(text: &str) -> String {
    let errors = parse(text).expect_err("the text has mistakes");
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn a_small_vocabulary_is_read() {
    let text = r#"
format = 1
[[resource]]
type = "fax"
title = "Fax"
holder = "store"
view = "fax.view"
facts = ["account", "direction"]
[[resource]]
type = "member"
title = "Member"
holder = "store"
facts = ["account"]
[[action]]
name = "member.remove"
title = "Remove a member"
resource = "member"
kind = "manage"
spares_owners = true
stops_at_seals = true
[[action]]
name = "role.assign"
title = "Give a role"
resource = "member"
kind = "manage"
target = "member"
confers = "role"
[[action]]
name = "fax.help"
title = "Call for help by fax"
resource = "fax"
kind = "use"
emergency = true
[[action]]
name = "fax.view"
title = "See a fax"
resource = "fax"
kind = "view"
[[action]]
name = "fax.forward"
title = "Forward a fax"
resource = "fax"
kind = "use"
sees = "fax.view"
target = "fax"
sends = "fax"
outgoing = "target"
attaches = true
recipient = true
exclusive = true
outage = "send"
"#;
    let vocabulary = parse(text).expect("the text is right");
    let view = vocabulary.action("fax.view").expect("it is in the text");
    let forward = vocabulary.action("fax.forward").expect("it is in the text");
    let fax = vocabulary.resource_type("fax").expect("it is in the text");
    let def = vocabulary.def(forward).expect("it is an action");
    assert_eq!(def.sees, Some(view));
    assert_eq!(def.target, Some(fax));
    assert_eq!(def.outgoing, Outgoing::Target);
    assert_eq!((def.confers, def.outage), (None, Some(Outage::Send)));
    assert!(def.attaches && def.recipient && def.exclusive && !def.spares_owners);
    assert!(!def.emergency);
    assert!(!def.stops_at_seals && !def.passes_seals());
    let help = vocabulary.action("fax.help").expect("it is in the text");
    assert!(vocabulary.def(help).expect("it is an action").emergency);
    let remove = vocabulary.action("member.remove").expect("it is in the text");
    let remove = vocabulary.def(remove).expect("it is an action");
    assert!(remove.spares_owners && remove.stops_at_seals && !remove.passes_seals());
    let assign = vocabulary.action("role.assign").expect("it is in the text");
    let assign = vocabulary.def(assign).expect("it is an action");
    assert_eq!((assign.confers, assign.passes_seals()), (Some(Confers::Role), true));
    let def = vocabulary.resource(fax).expect("it is a type");
    assert_eq!((def.stored, def.view), (Some(StoredType::Fax), Some(view)));
    assert_eq!(def.facts, [FactName::Account, FactName::Direction]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = r#"
format = 2
[[resource]]
type = "fax"
title = ""
holder = "caller"
view = "call.viev"
facts = ["number", "directon", "number"]
[[resource]]
type = "call"
title = "Call"
holder = "store"
view = "fax.view"
[[resource]]
type = "fax"
[[action]]
name = "fax.view"
title = "See"
resource = "faxx"
kind = "viewing"
sees = "call.view"
outgoing = "target"
confers = "roles"
sends = 7
[[action]]
name = "call.view"
title = "See"
resource = "call"
kind = "view"
attaches = "yes"
outage = "call"
exclusiv = true
[[action]]
name = "fax.send"
title = "Send"
resource = "fax"
kind = "use"
sees = "call.view"
spares_owners = true
stops_at_seals = true
[[action]]
name = "call.help"
title = "Help"
resource = "call"
kind = "use"
emergency = true
sees = "call.view"
sends = "call"
outage = "place_call"
"#;
    assert_eq!(
        mistakes(text),
        "\
2:10: only `format = 1` can be read
5:9: `title` must not be empty
6:1: the store holds `fax`; its holder is `store`
7:8: unknown action `call.viev`; did you mean `call.view`?
8:1: `facts` must contain `account`
8:20: unknown value of `facts`: `directon`; did you mean `direction`?
8:32: `number` stands twice in `facts`
9:1: missing key `facts`
12:1: the store cannot hold `call`; its holder is `caller`
13:1: `view` is `fax.view`, which does not act on `call`
14:1: missing key `facts`
14:1: missing key `title`
14:1: missing key `holder`
15:8: resource type `fax` stands in line 4 already
19:12: unknown resource type `faxx`; did you mean `fax`?
20:8: unknown value of `kind`: `viewing`; did you mean `view`?
22:1: `outgoing` is `target`, but the action has no `target`
23:1: `confers` needs a `target` that names what is conferred
23:1: `confers` is for actions on `member`
23:11: unknown value of `confers`: `roles`; did you mean `role`?
24:9: `sends` must be a string, not an integer
30:12: `attaches` must be `true` or `false`, not a string
31:10: unknown value of `outage`: `call`
32:1: unknown key `exclusiv`; did you mean `exclusive`?
38:1: `sees` is `call.view`, which acts on another type
39:1: `spares_owners` is for actions on `member`
40:1: `stops_at_seals` is for actions that manage; all others stop
47:1: `sees` says nothing beside `emergency = true`
48:1: `sends` says nothing beside `emergency = true`
49:1: `outage` says nothing beside `emergency = true`
"
    );
}

#[test]
fn actions_that_see_one_another_are_refused() {
    let text = r#"
format = 1
[[resource]]
type = "call"
title = "Call"
holder = "caller"
facts = ["account"]
[[action]]
name = "a"
title = "A"
resource = "call"
kind = "view"
sees = "b"
[[action]]
name = "b"
title = "B"
resource = "call"
kind = "view"
sees = "a"
"#;
    assert_eq!(mistakes(text), "13:1: `sees` leads in a circle\n19:1: `sees` leads in a circle\n");
}
