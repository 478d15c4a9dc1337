//! External identifiers are compared byte for byte.

use lineguard_core::change::Change;
use lineguard_core::id::{MAX_ID_BYTES, TenantId};
use lineguard_core::port::Store;
use lineguard_core::row::ObjectKind;

use super::{Failure, Shown, acme, apply, behaviours, find, holds, reader, same, tenant_row};
use crate::ids as id;
use crate::world::{NOW, received, world};

behaviours![
    ids_that_differ_in_case_are_two,
    ids_that_differ_in_an_accent_are_two,
    ids_that_differ_in_a_trailing_blank_are_two,
    ids_that_differ_in_unicode_form_are_two,
    ids_of_four_byte_characters_are_told_apart,
    ids_of_the_greatest_length_are_told_apart,
    ids_with_characters_of_sql_are_kept,
    subjects_are_told_apart_by_bytes_and_kind,
    fax_ids_are_told_apart_by_bytes,
    tenant_ids_are_told_apart_by_bytes,
    labels_are_told_apart_by_bytes,
];

const TRICKY: [&str; 8] = ["bob", "Bob", "bob ", " bob", "böb", "bo\u{308}b", "b😀b", "b😁b"];

/// Those of them that may be given to a new person or tenant.
fn new() -> impl Iterator<Item = &'static str> + Clone {
    TRICKY.into_iter().filter(|one| one.trim() == *one)
}

/// All of them can be accounts of one tenant, each found under its own id only.
async fn told_apart(store: &dyn Store, ids: &[&str]) -> Shown {
    let mut told = world("acme").account("root");
    for one in ids.iter().skip(1) {
        told = told.account(one);
    }
    let first = ids.first().copied().unwrap_or_default();
    // The last one stays out: it must not be found under one that is nearly the same.
    world("absent").account(first).build(store).await;
    told.build(store).await;
    holds(find(store, "acme", ObjectKind::Account, first).await?.is_none(), "found by another id")?;
    for one in ids.iter().skip(1) {
        let found = find(store, "acme", ObjectKind::Account, one).await?;
        let found = found.ok_or_else(|| Failure(format!("lost `{one}`")))?;
        same(found.id.as_str(), *one)?;
    }
    Ok(())
}

async fn ids_that_differ_in_case_are_two(store: &dyn Store) -> Shown {
    told_apart(store, &["bob", "Bob", "BOB"]).await
}

async fn ids_that_differ_in_an_accent_are_two(store: &dyn Store) -> Shown {
    told_apart(store, &["rene", "rené", "renè"]).await
}

/// New ones may not end so; a database that pads with blanks must not find one by the other.
async fn ids_that_differ_in_a_trailing_blank_are_two(store: &dyn Store) -> Shown {
    let fax = received("f", "bob", 0);
    world("acme").account("bob").fax(fax).build(store).await;
    let labels = ["bob", "bob ", "bob  ", " bob"];
    let change = Change::SetFaxLabels {
        fax: id::fax("f"),
        labels: labels.iter().map(|one| id::external(one)).collect(),
    };
    apply(store, "labels", vec![change]).await?;
    for one in labels {
        let found = find(store, "acme", ObjectKind::Label, one).await?;
        same(found.map(|found| found.id).as_deref(), Some(one))?;
        let found = find(store, "acme", ObjectKind::Account, one).await?;
        same(found.is_some(), one == "bob")?;
    }
    Ok(())
}

async fn ids_that_differ_in_unicode_form_are_two(store: &dyn Store) -> Shown {
    told_apart(store, &["caf\u{e9}", "cafe\u{301}", "ﬁ", "fi"]).await
}

async fn ids_of_four_byte_characters_are_told_apart(store: &dyn Store) -> Shown {
    told_apart(store, &["😀", "😁", "𐍈"]).await
}

async fn ids_of_the_greatest_length_are_told_apart(store: &dyn Store) -> Shown {
    let long = "x".repeat(MAX_ID_BYTES - 1);
    let wide = "é".repeat(MAX_ID_BYTES / 2);
    let (a, b) = (format!("{long}a"), format!("{long}b"));
    told_apart(store, &[&long, &a, &b, &wide]).await
}

async fn ids_with_characters_of_sql_are_kept(store: &dyn Store) -> Shown {
    told_apart(store, &["a%b", "a_b", "a'b", "a\"b", "a\\b", "a;--", "a?b", "$1"]).await
}

async fn subjects_are_told_apart_by_bytes_and_kind(store: &dyn Store) -> Shown {
    let mut told = world("acme").account("root");
    for one in new() {
        told = told.member(one);
    }
    told.build(store).await;
    let mut reader = reader(store, "acme").await?;
    let subjects = reader.list(ObjectKind::Subject, None, id::NONE, 100).await?;
    same(subjects.len(), new().count())?;
    for one in TRICKY {
        let rows = reader.member_rows(&id::account("root"), &id::user(one)).await?;
        let rows = rows.ok_or_else(|| Failure("no rows".to_owned()))?;
        let members = rows.objects.iter().filter(|object| object.kind == ObjectKind::Member);
        let members: Vec<&str> = members.map(|member| member.id.as_str()).collect();
        let known = new().any(|new| new == one);
        same(members, known.then(|| format!("user:{one}")).iter().map(String::as_str).collect())?;
    }
    let rows = reader.member_rows(&id::account("root"), &id::service("bob")).await?;
    same(rows.and_then(|rows| rows.subject), None)
}

async fn fax_ids_are_told_apart_by_bytes(store: &dyn Store) -> Shown {
    world("acme").account("root").build(store).await;
    let faxes: Vec<_> = TRICKY.iter().map(|one| received(one, "root", 0)).collect();
    for (answer, one) in store.register(&acme(), &faxes, NOW).await?.into_iter().zip(TRICKY) {
        let answer = answer?;
        holds(answer.created, "taken for another fax")?;
        same(answer.fax.id.as_str(), one)?;
    }
    let mut reader = reader(store, "acme").await?;
    for one in TRICKY {
        same(reader.fax(&id::fax(one)).await?.map(|fax| fax.id), Some(id::fax(one)))?;
    }
    same(reader.fax(&id::fax("BOB")).await?, None)
}

async fn tenant_ids_are_told_apart_by_bytes(store: &dyn Store) -> Shown {
    for one in new() {
        world(one).account("root").build(store).await;
    }
    for one in new() {
        same(tenant_row(store, one).await?.id, id::tenant(one))?;
    }
    for absent in ["BOB", "bob ", " bob"] {
        let absent = TenantId::parse(absent).map_err(|error| Failure(error.to_string()))?;
        holds(store.snapshot(&absent).await?.is_none(), "found a tenant by another id")?;
    }
    Ok(())
}

async fn labels_are_told_apart_by_bytes(store: &dyn Store) -> Shown {
    let fax = received("f", "root", 0);
    world("acme").account("root").fax(fax).build(store).await;
    let labels = TRICKY.iter().map(|one| id::external(one)).collect();
    let change = Change::SetFaxLabels { fax: id::fax("f"), labels };
    apply(store, "labels", vec![change]).await?;
    let fax = reader(store, "acme").await?.fax(&id::fax("f")).await?;
    same(fax.map(|fax| fax.labels.len()), Some(TRICKY.len()))
}
