//! Whom a question is about, and from which account they act.

use std::collections::BTreeSet;

use clap::Args;
use lineguard_core::id::Subject;
use lineguard_core::suggest::nearest;
use tonic::Code;

use super::client::{Client, ask, failed, subject, subject_text};
use super::paint::plain;
use super::{Exit, Failure, note};
use crate::wire::pb;

/// Greatest page of the service.
const PAGE: i32 = 1000;

/// Whom a question is about.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// The person or program: `alice`, `user:alice` or `service:fax-router`
    #[arg(value_parser = subject)]
    subject: Subject,
    /// The tenant
    #[arg(long, short, value_name = "ID")]
    pub(super) tenant: String,
    /// The account they act from; unless given, the one of the tenant that they belong to, or its
    /// root if they belong to none
    #[arg(long, short, value_name = "ID")]
    account: Option<String>,
}

/// What the caller of the command may know of a tenant's accounts.
enum Accounts {
    /// Nothing.
    Hidden,
    /// That there is no such tenant, or none that the caller may see.
    NoTenant,
    /// These, the root first; perhaps not all.
    These(Vec<String>),
}

impl Who {
    /// The subject on the wire.
    pub(super) fn wire_subject(&self) -> Option<pb::Subject> {
        Some(crate::wire::id::subject_to_wire(&self.subject))
    }

    /// The account they act from. It is never guessed: of several, the person has selected one.
    pub(super) async fn account(&self, client: &Client) -> Result<String, Failure> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let mut own = match self.own_accounts(client).await {
            Ok(all) => all.into_iter().filter(|one| one.tenant == self.tenant),
            Err(status)
                if matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) =>
            {
                note(format_args!(
                    "note: asked as acting from account `{0}`, because this caller may not ask for \
                     the accounts of others; --account says another one",
                    plain(&self.tenant)
                ));
                return Ok(self.tenant.clone());
            }
            Err(status) => return Err(failed(&status)),
        };
        match (own.next(), own.next()) {
            (Some(only), None) => Ok(only.account),
            (None, _) => self.root(client).await,
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(own);
                let ids: BTreeSet<String> = all.map(|one| one.account).collect();
                let (who, tenant) = (self.name(), plain(&self.tenant));
                let text = format!(
                    "{who} may act from several accounts of `{tenant}`: {}; say which with --account",
                    listed(ids)
                );
                Err(Failure::with(Exit::Usage, text))
            }
        }
    }

    /// The root, as far as the caller may know it.
    async fn root(&self, client: &Client) -> Result<String, Failure> {
        let root = match self.accounts(client).await? {
            Accounts::These(accounts) => accounts.into_iter().next(),
            Accounts::Hidden | Accounts::NoTenant => None,
        };
        Ok(root.unwrap_or_else(|| self.tenant.clone()))
    }

    /// Says on standard error what the answer leaves open to whoever may know more: for the
    /// service, what does not exist and who is no member are one and the same.
    pub(super) async fn note_no_member(&self, client: &Client, account: &str) {
        if let Ok(text) = self.no_member(client, account).await {
            note(text);
        }
    }

    async fn no_member(&self, client: &Client, account: &str) -> Result<String, Failure> {
        let own = self.own_accounts(client).await.ok();
        let (who, tenant) = (self.name(), plain(&self.tenant));
        let mut tenants: Vec<&str> = own.iter().flatten().map(|one| one.tenant.as_str()).collect();
        tenants.dedup();
        let accounts = self.accounts(client).await?;
        if matches!(accounts, Accounts::NoTenant) {
            let near = meant(nearest(&self.tenant, tenants.iter().copied()));
            return Ok(format!("note: there is no tenant `{tenant}`{near}"));
        }
        if let Accounts::These(all) = &accounts
            && all.len() < PAGE as usize
            && !all.iter().any(|one| one == account)
        {
            let near = meant(nearest(account, all.iter().map(String::as_str)));
            let account = plain(account);
            return Ok(format!("note: there is no account `{account}` in `{tenant}`{near}"));
        }
        let account = plain(account);
        let Some(own) = &own else {
            return Ok(format!("note: {who} is no active member of account `{account}`"));
        };
        let here: Vec<&str> = own
            .iter()
            .filter(|one| one.tenant == self.tenant)
            .map(|one| one.account.as_str())
            .collect();
        Ok(match (&here[..], &tenants[..]) {
            ([], []) => format!("note: {who} is an active member of no account of any tenant"),
            ([], tenants) => format!(
                "note: {who} is an active member of no account of `{tenant}`, but in {}",
                listed(tenants)
            ),
            (here, _) => format!(
                "note: {who} is no active member of account `{account}`; in `{tenant}` they may act \
                 from {}",
                listed(here)
            ),
        })
    }

    fn name(&self) -> String {
        let subject = crate::wire::id::subject_to_wire(&self.subject);
        format!("`{}`", plain(&subject_text(&subject)))
    }

    /// The accounts that the person may select, in any tenant.
    async fn own_accounts(
        &self,
        client: &Client,
    ) -> Result<Vec<pb::AccountMembership>, tonic::Status> {
        let unreachable = |failure: Failure| tonic::Status::unavailable(failure.message);
        let mut service = client.authorization().await.map_err(unreachable)?;
        let mut question = pb::ListAccountsRequest {
            subject: self.wire_subject(),
            page_size: PAGE,
            page_token: String::new(),
        };
        let mut accounts = Vec::new();
        loop {
            let page = service.list_accounts(ask(question.clone())).await?.into_inner();
            accounts.extend(page.accounts);
            if page.next_page_token.is_empty() {
                return Ok(accounts);
            }
            question.page_token = page.next_page_token;
        }
    }

    async fn accounts(&self, client: &Client) -> Result<Accounts, Failure> {
        let question = pb::ListRequest {
            tenant: self.tenant.clone(),
            kind: pb::ObjectKind::Account.into(),
            account: None,
            page_size: PAGE,
            page_token: String::new(),
        };
        match client.admin().await?.list(ask(question)).await {
            Ok(page) => {
                let objects = page.into_inner().objects.into_iter();
                let account = objects.filter_map(|object| match object.kind {
                    Some(pb::object::Kind::Account(account)) => Some(account.account),
                    _ => None,
                });
                Ok(Accounts::These(account.collect()))
            }
            Err(status) if status.code() == Code::NotFound => Ok(Accounts::NoTenant),
            Err(_) => Ok(Accounts::Hidden),
        }
    }
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{}`?", plain(near))).unwrap_or_default()
}

fn listed(ids: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| format!("`{}`", plain(id.as_ref()))).collect();
    ids.join(", ")
}
