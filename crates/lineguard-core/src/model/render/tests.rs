use super::{CellDiff, Side, diff, matrix, render_diff};
use crate::model::{BUILT_IN, Model, built_in_vocabulary, parse};

const TEXT: &str = r#"
format = 1
name = "small"
title = "Small"
summary = "A small model."
[[visibility]]
key = "given"
title = "Given"
reach = ["number.access"]
[[permission]]
key = "fax.view"
title = "View faxes"
category = "Faxes"
actions = ["fax.view"]
reach = ["visibility"]
direction = "inbound"
[[permission]]
key = "fax.send"
title = "Send faxes"
category = "Faxes"
actions = ["fax.send"]
requires = ["faxbox_member"]
[[permission]]
key = "call.view"
title = "View calls"
category = "Calls"
actions = ["call.view"]
reach = ["own", { field = "extension", in = "extensions.granted" }]
[[permission]]
key = "fax.approve"
title = "Approve"
category = "Faxes"
grants = [
  { actions = ["fax.approve"], states = ["pending"], except = ["own_unless_self_approval"] },
  { actions = ["fax.view"], states = ["pending"] },
]
[[permission]]
key = "send_from"
title = "Send from every number"
category = "Faxes"
kind = "restriction"
restricts = "send_from.fax"
[[role]]
key = "admin"
title = "Administrator"
permissions = "all"
reach = { "call.view" = ["account"] }
[[role]]
key = "user"
title = "User"
permissions = ["fax.view", "fax.send", "call.view"]
[[overlay]]
key = "faxbox_owner"
title = "Faxbox owner"
of = "faxbox"
permissions = ["fax.send"]
[[overlay]]
key = "owner"
title = "Owner"
of = "account"
permissions = "everything"
[caller_id]
choose = "caller_id.use"
hide = "caller_id.hide"
[outgoing]
held = ["fax.send"]
"#;

fn model(text: &str) -> Model {
    parse(text, built_in_vocabulary()).expect("the text is right")
}

#[test]
fn the_matrix_reads_well() {
    assert_eq!(
        matrix(&model(TEXT), built_in_vocabulary()),
        "\
Small (small)
A small model.

               admin   user

Faxes
  fax.view     (1)     (1)     View faxes
  fax.send     member  member  Send faxes (with a number that the person may present)
  fax.approve  (2)     -       Approve
  send_from    yes     -       Send from every number (held: unrestricted by default)

Calls
  call.view    yes     (3)     View calls

Notes
  (1)  visibility inbound
  (2)  pending except own unless self-approval / pending
  (3)  own + ext.granted

Ownership, whatever the role

  faxbox_owner: Faxbox owner, on the owned faxbox
    fax.send    Send faxes

  owner: Owner, on the owned account and below
    everything  Every action there is

Rules of the whole product

  tree.sub_accounts                   false
  tree.numbers_flow_down              false
  tree.personal                       false
  members.roles                       many
  members.default_roles               (none)
  members.everybody                   (none)
  members.unset_access_numbers        none
  caller_id.choose                    caller_id.use
  caller_id.hide                      caller_id.hide
  caller_id.default                   (none)
  caller_id.single_number_is_default  false
  outgoing.numbers                    by_account
  outgoing.held                       fax.send
  auto_assign.targets                 (none)
  auto_assign.several                 false
  auto_assign.fallback                unassigned
  faxbox.removal                      refuse
  visibility given                    “Given”: number.access
  overlay faxbox_owner                “Faxbox owner”, of: faxbox
  overlay owner                       “Owner”, of: account

Roles in full

  admin  title Administrator; reach call.view account
  user   title User

Permissions in full

  fax.view     gives fax.view: visibility, all of it inbound
  fax.send     gives fax.send: account; requires faxbox_member
  fax.approve  gives fax.approve: account, all of it pending except own unless self-approval; fax.view: account, all of it pending
  send_from    gives restriction send_from.fax
  call.view    gives call.view: own + extension in extensions.granted
"
    );
}

#[test]
fn what_everybody_has_is_in_every_column() {
    let everybody = "[members]\neverybody = [\"call.view\", \"send_from\"]\n[[visibility]]";
    let after = model(&TEXT.replacen("[[visibility]]", everybody, 1));
    let matrix = matrix(&after, built_in_vocabulary());
    let rows = |key: &str| {
        let row = matrix.lines().find(|line| line.trim_start().starts_with(key));
        row.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        rows("send_from"),
        "send_from yes yes Send from every number (held: unrestricted by default) (everybody has it)"
    );
    // The administrator's own reach, and that of everybody.
    assert_eq!(rows("call.view"), "call.view (3) (4) View calls (everybody has it)");
    assert!(matrix.contains("(3)  yes + own + ext.granted\n"), "{matrix}");
    assert_eq!(
        render_diff(&diff(&model(TEXT), &after, built_in_vocabulary())),
        "\
Cells
  ~ admin  call.view   yes → yes + own + ext.granted
  ~ user  send_from    - → yes

Rules
  ~ members.everybody  (none) → call.view, send_from
"
    );
}

#[test]
fn no_line_of_a_built_in_matrix_ends_in_blanks() {
    for (name, text) in BUILT_IN {
        let matrix = matrix(&model(text), built_in_vocabulary());
        assert!(matrix.lines().all(|line| line == line.trim_end()), "{name}");
    }
}

#[test]
fn a_model_does_not_differ_from_itself() {
    for (_, text) in BUILT_IN {
        let model = model(text);
        assert_eq!(diff(&model, &model, built_in_vocabulary()), []);
    }
    assert_eq!(render_diff(&[]), "no differences\n");
}

#[test]
fn differences_are_told_cell_by_cell() {
    let after = TEXT
        .replace("number.access", "number.granted")
        .replace("held = [\"fax.send\"]", "")
        .replace("\"View faxes\"", "\"See faxes\"")
        .replace("[\"fax.send\"]\nrequires", "[\"fax.send\", \"fax.resend\"]\nrequires")
        .replace("\"fax.view\", \"fax.send\", \"call.view\"", "\"fax.view\"")
        .replace("reach = { \"call.view\" = [\"account\"] }\n", "")
        .replace("\"send_from\"", "\"send_from_all\"")
        .replace("permissions = [\"fax.send\"]", "permissions = [\"fax.view\"]")
        .replace("of = \"faxbox\"", "of = \"account\"")
        .replace("key = \"user\"\ntitle = \"User\"", "key = \"user\"\ntitle = \"Member\"");
    let diffs = diff(&model(TEXT), &model(&after), built_in_vocabulary());
    let gone = diffs.iter().any(|diff| {
        matches!(diff, CellDiff::Permission { only_in: Side::Before, permission, .. }
            if permission.as_str() == "send_from")
    });
    assert!(gone, "{diffs:?}");
    assert_eq!(
        render_diff(&diffs),
        "\
Only before
  - send_from             Send from every number

Only after
  + send_from_all         Send from every number

Cells
  ~ admin  call.view      yes → own + ext.granted
  ~ user  fax.send        member → -
  ~ user  call.view       own + ext.granted → -

Ownership
  ~ faxbox_owner          -fax.send +fax.view

Rules
  ~ outgoing.held         fax.send → (none)
  ~ visibility given      “Given”: number.access → “Given”: number.granted
  ~ overlay faxbox_owner  “Faxbox owner”, of: faxbox → “Faxbox owner”, of: account

Details
  ~ fax.view  title       View faxes → See faxes
  ~ fax.send  gives       fax.send: account → fax.resend, fax.send: account
  ~ admin  reach          call.view account → (none)
  ~ user  title           User → Member
"
    );
}
