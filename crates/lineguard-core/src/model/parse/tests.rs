use super::parse;
use crate::model::reach::{Clause, Comparison, Direction, FaxState, Qualifiers, Word};
use crate::model::{
    BUILT_IN, Model, OverlayGives, PermissionIx, PermissionKind, TextError, built_in_vocabulary,
};

/// A model in a few lines; tests put their own below.
const HEAD: &str = r#"format = 1
name = "small"
title = "Small"
summary = "A small model."
"#;

fn model(rest: &str) -> Model {
    let text = format!("{HEAD}{rest}");
    parse(&text, built_in_vocabulary()).unwrap_or_else(|errors| panic!("{}", told(&errors)))
}

/// The mistakes of a text; lines count from the first line after [`HEAD`].
fn mistakes(rest: &str) -> String {
    let text = format!("{HEAD}{rest}");
    let mut errors = parse(&text, built_in_vocabulary()).expect_err("the text has mistakes");
    for error in &mut errors {
        error.line = error.line.saturating_sub(HEAD.lines().count());
    }
    told(&errors)
}

fn told(errors: &[TextError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

#[test]
fn a_good_model_is_read() {
    let model = model(
        r#"
[tree]
sub_accounts = true
[members]
roles = "one"
default_roles = ["user"]
[[product]]
key = "fax"
title = "Fax"
[[flag]]
key = "ai"
title = "AI"
default = false
[[setting]]
key = "approve"
title = "Approve"
rule = "approval"
default = false
[[visibility]]
key = "given"
title = "Given"
reach = [{ field = "number", in = "numbers.access", direction = "inbound" }]
[[permission]]
key = "fax.view"
title = "View"
category = "Fax"
product = "fax"
actions = ["fax.view", "fax.download"]
reach = ["visibility", "own"]
direction = "inbound"
[[permission]]
key = "ai.use"
title = "AI"
category = "AI"
flag = "ai"
actions = ["ai_tool.use"]
role_only = true
[[permission]]
key = "approve"
title = "Approve"
category = "Fax"
grants = [
  { actions = ["fax.approve"], states = ["pending"], except = ["own_unless_self_approval"] },
  { actions = ["fax.view"], states = ["pending"] },
]
[[permission]]
key = "auto"
title = "Target"
category = "Fax"
kind = "routing"
[[role]]
key = "user"
title = "User"
visibility = "given"
permissions = "all"
also = ["auto"]
but = ["approve"]
reach = { "fax.view" = ["account"] }
[[overlay]]
key = "owner"
title = "Owner"
of = "account"
permissions = "everything"
[caller_id]
choose = "caller_id.use"
hide = "caller_id.hide"
[[test]]
name = "t"
given = {}
ask = { action = "fax.view" }
expect = { effect = "deny" }
"#,
    );
    assert!(model.tree.sub_accounts && model.members.one_role);
    let (_, user) = model.role("user").expect("the role is in the text");
    let held: Vec<_> = user.permissions.iter().map(|held| held.permission).collect();
    assert_eq!(held, [PermissionIx(0), PermissionIx(3)]);
    assert_eq!(user.permissions[0].reach, Some(vec![Clause::word(Word::Account)]));
    let view = built_in_vocabulary().action("fax.view").expect("it is in the vocabulary");
    assert_eq!(model.permissions_for(view), [PermissionIx(0), PermissionIx(2)]);
    assert_eq!(model.overlays[0].gives, OverlayGives::Everything);
    assert_eq!((model.tests[0].line, model.tests[0].column), (71, 1));
}

const TWO: &str = r#"
[[permission]]
key = "view"
title = "View"
category = "Fax"
actions = ["fax.view"]
[[permission]]
key = "send"
title = "Send"
category = "Fax"
actions = ["fax.send"]
"#;

#[test]
fn what_everybody_has_is_read_in_the_order_of_the_screen() {
    let two = model(&format!("[members]\neverybody = [\"send\", \"view\"]\n{TWO}"));
    assert_eq!(two.members.everybody, [PermissionIx(0), PermissionIx(1)]);
    let none = model(&format!("[members]\neverybody = []\n{TWO}"));
    assert_eq!(none.members.everybody, []);
    assert_eq!(model(TWO).members.everybody, []);
}

#[test]
fn mistakes_in_what_everybody_has_are_told() {
    let text = format!("[members]\neverybody = [\"veiw\", \"send\", \"send\", 1]\n{TWO}");
    assert_eq!(
        mistakes(&text),
        "\
2:14: unknown permission `veiw`; did you mean `view`?
2:30: `send` stands twice in `everybody`
2:38: `everybody` must be a list of strings, not an integer
"
    );
    let text = format!("[members]\neverybody = \"all\"\neverbody = []\n{TWO}");
    assert_eq!(
        mistakes(&text),
        "\
2:13: `everybody` must be a list, not a string
3:1: unknown key `everbody`; did you mean `everybody`?
"
    );
}

#[test]
fn qualifiers_of_a_permission_hold_for_every_clause_and_for_roles() {
    let model = model(
        r#"
[[permission]]
key = "p"
title = "P"
category = "C"
actions = ["fax.view"]
reach = ["assigned", { states = ["active", "draft"] }]
direction = "inbound"
states = ["active", "trash"]
"#,
    );
    let PermissionKind::Grant(grants) = &model.permissions[0].kind else { panic!("it grants") };
    let qualified = |word, states| Clause::Match {
        comparison: Comparison::Word(word),
        qualifiers: Qualifiers { direction: Some(Direction::Inbound), states, except: vec![] },
    };
    assert_eq!(
        grants[0].reach,
        [
            qualified(Word::Assigned, vec![FaxState::Active, FaxState::Trash]),
            qualified(Word::Account, vec![FaxState::Active]),
        ]
    );
    assert_eq!(grants[0].qualifiers.states, [FaxState::Active, FaxState::Trash]);
}

#[test]
fn all_mistakes_of_keys_and_names_are_told_at_once() {
    let text = r#"colour = "red"
[members]
roles = "some"
default_roles = ["usr"]
[[product]]
key = "Fax"
title = 3
[[flag]]
key = "ai"
title = ""
[[setting]]
key = "s"
title = "S"
rule = "aproval"
default = "no"
[[permission]]
key = "fax.view"
title = "View"
category = "Fäxe"
product = "phone"
flag = "ia"
actions = ["fax.veiw", "fax.send"]
reech = ["account"]
[[permission]]
key = "fax.view"
[[permission]]
key = "fax.send"
title = "Send"
actions = ["fax.send", "fax.send"]
reach = ["acount", 5, { feild = "number" }]
requires = ["faxboxmember"]
inherited = 1
[[role]]
key = "user"
title = "User"
visibility = "teem"
permissions = ["fax.sent", "fax.view"]
also = ["fax.send"]
[[overlay]]
key = "owner"
title = "Owner"
of = "faxbox"
permissions = "everything"
[caller_id]
choose = "caller_id.usse"
[auto_assign]
targets = ["users"]
[faxbox]
removal = "drop"
[[test]]
name = "x"
given = 1
ask = {}
"#;
    assert_eq!(
        mistakes(text),
        "\
1:1: unknown key `colour`
3:9: unknown value of `roles`: `some`
4:18: unknown role `usr`; did you mean `user`?
6:7: `key` must consist of `a-z`, `0-9`, `_`, `.` and `-`
7:9: `title` must be a string, not an integer
8:1: missing key `default`
10:9: `title` must not be empty
14:8: unknown value of `rule`: `aproval`; did you mean `approval`?
15:11: `default` must be `true` or `false`, not a string
20:11: unknown product `phone`
21:8: unknown feature flag `ia`
22:12: unknown action `fax.veiw`; did you mean `fax.view`?
23:1: unknown key `reech`; did you mean `reach`?
24:1: missing key `actions`
24:1: missing key `title`
24:1: missing key `category`
25:7: permission `fax.view` stands in line 21 already
26:1: missing key `category`
29:24: `fax.send` stands twice in `actions`
30:10: unknown clause `acount`; did you mean `account`?
30:20: `reach` must be a list of words and tables, not an integer
30:25: unknown key `feild`; did you mean `field`?
31:13: unknown value of `requires`: `faxboxmember`; did you mean `faxbox_member`?
32:13: `inherited` must be `true` or `false`, not an integer
36:14: unknown visibility level `teem`
37:16: unknown permission `fax.sent`; did you mean `fax.send`?
38:1: `also` goes with `permissions = \"all\"` only
43:15: `everything` is for owners of an account only
44:1: missing key `hide`
45:10: unknown action `caller_id.usse`; did you mean `caller_id.use`?
47:12: unknown value of `targets`: `users`; did you mean `user`?
49:11: unknown value of `removal`: `drop`
50:1: missing key `expect`
52:9: `given` must be a table, not an integer
53:7: missing key `action`
"
    );
}

#[test]
fn rules_that_could_never_matter_are_refused() {
    let text = r#"
[[permission]]
key = "a"
title = "A"
category = "C"
actions = ["faxbox.update", "fax.view"]
direction = "inbound"
reach = ["extension.held", "own"]
requires = ["target_faxbox_member"]
scopes = ["template", "number"]
confers = ["role"]
[[permission]]
key = "b"
title = "B"
category = "C"
actions = ["faxbox.update"]
reach = ["own", "supervised", { direction = "inbound" }, { field = "faxbox", in = "labels" }]
except = ["account", "queue.granted"]
[[permission]]
key = "c"
title = "C"
category = "C"
actions = ["fax.view"]
direction = "inbound"
states = []
reach = [{ direction = "outbound" }, "visibility", { field = "number" }, "own", "own"]
[[overlay]]
key = "o"
title = "O"
of = "group"
permissions = ["c"]
"#;
    assert_eq!(
        mistakes(text),
        "\
7:1: what `faxbox.update` acts on has no fact `direction`
8:10: this compares `extension`, which nothing that `faxbox.update`, `fax.view` acts on has
9:1: `fax.view`, `faxbox.update` can never meet `target_faxbox_member`
10:1: nothing that `fax.view`, `faxbox.update` acts on has a fact `template`
11:1: none of its actions confers what `confers` says
17:10: this compares `creator` or `participants`, which nothing that `faxbox.update` acts on has
17:17: this compares `creator` or `participants` or `assignee`, which nothing that `faxbox.update` acts on has
17:31: nothing that `faxbox.update` acts on has a fact `direction`
17:83: this set never contains a `faxbox`
18:1: this compares `queue`, which nothing that `faxbox.update` acts on has
18:11: this exception takes everything out again
25:10: `states` must not be empty
26:10: this clause and the qualifiers of its grant exclude each other
26:38: `visibility` needs a `[[visibility]]` level
26:52: missing key `in`
26:81: this clause stands twice in `reach`
31:16: nothing that `c` is about has a fact `group`
"
    );
}

#[test]
fn each_kind_of_permission_has_its_own_keys() {
    let text = r#"
[[permission]]
key = "a"
title = "A"
category = "C"
kind = "restriction"
restricts = "send_from.fax"
actions = ["fax.view"]
[[permission]]
key = "b"
title = "B"
category = "C"
kind = "restriction"
restricts = "send_from.fax"
[[permission]]
key = "c"
title = "C"
category = "C"
kind = "channel"
[[permission]]
key = "d"
title = "D"
category = "C"
kind = "routing"
channels = ["web"]
[[permission]]
key = "e"
title = "E"
category = "C"
kind = "obligation"
reach = ["own"]
[[permission]]
key = "f"
title = "F"
category = "C"
kind = "grants"
[[permission]]
key = "g"
title = "G"
category = "C"
states = ["active"]
grants = []
[[role]]
key = "r"
title = "R"
permissions = ["g"]
reach = { "a" = ["account"], "g" = [], x.y = ["own"] }
"#;
    assert_eq!(
        mistakes(text),
        "\
8:1: `actions` means nothing to a permission of kind `restriction`
14:1: permission `a` restricts the same already
15:1: missing key `channels`
25:1: `channels` means nothing to a permission of kind `routing`
26:1: missing key `actions`
26:1: missing key `obligation`
31:1: `reach` means nothing to a permission of kind `obligation`
36:8: unknown value of `kind`: `grants`; did you mean `grant`?
41:1: `states` stands in each of the `grants`, not beside them
42:10: `grants` must not be empty
47:11: `a` grants nothing, so it has no reach
47:11: the role does not hold `a`
47:36: `g` must not be empty
47:40: `x` is a table; a key with dots needs quotes
"
    );
}

#[test]
fn levels_do_not_lead_to_levels() {
    let text = r#"
[[visibility]]
key = "a"
title = "A"
reach = ["visibility"]
"#;
    assert_eq!(mistakes(text), "5:10: a visibility level cannot contain `visibility`\n");
}

#[test]
fn what_is_not_toml_is_told_with_its_place() {
    assert_eq!(
        mistakes("a = \nb = \"x\nlist = [1,\n"),
        "\
1:5: string values must be quoted, expected literal string
2:7: invalid basic string, expected `\"`
3:11: unclosed array, expected `]`
"
    );
}

#[test]
fn a_key_given_twice_hides_no_other_mistake() {
    assert_eq!(
        mistakes("title = \"Again\"\ncolour = 1\n"),
        "1:1: `title` stands twice in this table\n2:1: unknown key `colour`\n"
    );
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        mistakes("flag = [{ key = \"ä\", title = \"ö\", default = true, \"ü\" = 1 }]\n"),
        "1:17: `key` must consist of `a-z`, `0-9`, `_`, `.` and `-`\n1:51: unknown key `ü`\n"
    );
}

#[test]
fn what_would_exhaust_the_reader_is_refused() {
    let long = format!("{HEAD}# {}", "x".repeat(1 << 20));
    let errors = parse(&long, built_in_vocabulary()).expect_err("it is too long");
    assert_eq!(told(&errors), "1:1: the text is longer than 1048576 bytes\n");
    for deep in [format!("{}x = 1\n", "a.".repeat(300_000)), format!("x = {}", "[".repeat(500_000))]
    {
        assert!(mistakes(&deep).contains("recurs"), "{}", mistakes(&deep));
    }
    let many = "[[role]]\nkey = \"r\"\n".repeat(2000);
    assert!(mistakes(&many).contains("at most 1000 of `role`, not 2000"));
    let wide = format!("[[visibility]]\nkey = \"v\"\nreach = [{}]\n", "{},".repeat(5000));
    assert!(mistakes(&wide).contains("at most 100 of `reach`, not 5000"));
    let lines = mistakes(&"zzz.zzz = 1\n".repeat(3000)).lines().count();
    assert!(lines <= 1001, "{lines} mistakes");
}

#[test]
fn no_prefix_of_a_text_makes_the_reader_panic() {
    for (_, text) in BUILT_IN {
        // All lengths take minutes; a step that is prime to the length of lines meets every place.
        for head in (0..text.len()).step_by(131).filter_map(|end| text.get(..end)) {
            let _ = parse(head, built_in_vocabulary());
        }
    }
}

#[test]
fn no_missing_line_makes_the_reader_panic() {
    for (_, text) in BUILT_IN {
        let lines: Vec<_> = text.lines().collect();
        for left_out in (0..lines.len()).step_by(7) {
            let kept = lines.iter().enumerate().filter(|(i, _)| *i != left_out);
            let kept: Vec<_> = kept.map(|(_, line)| *line).collect();
            let _ = parse(&kept.join("\n"), built_in_vocabulary());
        }
    }
}

/// Rulings R31: a list of faxes has no question that could bring what the store was never told.
#[test]
fn sight_of_what_is_stored_depends_on_nothing_that_only_questions_bring() {
    let permission = |actions: &str, scopes: &str| {
        format!(
            "[[permission]]\nkey = \"p\"\ntitle = \"P\"\ncategory = \"C\"\n\
             actions = [{actions}]\nscopes = [{scopes}]\n"
        )
    };
    let problem = "6:1: `fax.view` cannot depend on the fact `attachment_sources`, which the store may not know";
    for actions in [r#""fax.view""#, r#""fax.send", "fax.view", "library_document.view""#] {
        let told = mistakes(&permission(actions, r#""number", "source""#));
        assert_eq!(told, format!("{problem}\n"));
    }
    // Other actions may, and other facts; what the asking service holds, it always brings.
    model(&permission(r#""fax.send", "fax.broadcast""#, r#""source""#));
    model(&permission(r#""fax.view""#, r#""number""#));
    model(&permission(r#""library_document.view""#, r#""source""#));
}
