//! `ListAccounts`: the accounts that a subject may select, across tenants.

use lineguard_core::facts::MemberStatus;
use lineguard_core::id::{AccountId, Key, Num, Subject};
use lineguard_core::port::{AccountOfSubject, StoreError};
use lineguard_core::row::{AccountBody, MemberBody};

use crate::app::App;
use crate::token::Query;
use crate::wire::invalid::InvalidRequest;
use crate::wire::page::Filled;
use crate::wire::pb;
use crate::wire::permissions::{AccountMembership, list_accounts_call, membership_to_wire};
use crate::wire::status::Failure;

pub(super) async fn list(
    app: &App,
    message: pb::ListAccountsRequest,
) -> Result<pb::ListAccountsResponse, Failure> {
    let (subject, page) = list_accounts_call(message)?;
    let query = Query::of("ListAccounts").with(subject.qualified());
    let mut after = match &page.token {
        None => None,
        Some(token) => Some(
            app.tokens
                .open(&query, token)
                .and_then(|position| decode(&position))
                .ok_or_else(|| InvalidRequest::one("page_token", "is not a token of this list"))?,
        ),
    };
    let _place = app.long.lists.enter_without_tenant().await.ok_or_else(|| app.shed())?;
    let mut accounts = Filled::new(page.size);
    let mut more = true;
    let mut full = false;
    while more && !full {
        (after, more, full) = read_on(app, &subject, after, page.size, &mut accounts).await?;
    }
    let next = after.filter(|_| more).map(|after| app.tokens.seal(&query, &encode(after)));
    let next_page_token = next
        .transpose()
        .map_err(|_| Failure::Internal("the system gave no randomness".into()))?
        .unwrap_or_default();
    Ok(pb::ListAccountsResponse { accounts: accounts.items, next_page_token })
}

type Position = (Num, Num);

/// Adds the next memberships that can be selected: active ones. Says where it stopped, whether there
/// may be more, and whether there is no room for them.
async fn read_on(
    app: &App,
    subject: &Subject,
    after: Option<Position>,
    size: usize,
    accounts: &mut Filled<pb::AccountMembership>,
) -> Result<(Option<Position>, bool, bool), StoreError> {
    let read = app.store.accounts_of(subject, after, size).await?;
    let whole = read.len() == size;
    let mut last = after;
    for (tenant, membership) in read {
        let selectable = selectable(&membership)?.map(membership_to_wire);
        if selectable.is_some_and(|one| !accounts.add(one)) {
            return Ok((last, true, true));
        }
        last = Some((tenant, membership.account.num));
    }
    Ok((last, whole, accounts.items.len() == size))
}

fn selectable(membership: &AccountOfSubject) -> Result<Option<AccountMembership>, StoreError> {
    let AccountOfSubject { tenant, tenant_title, account, member } = membership;
    let corrupt = |num: Num| StoreError::Corrupt {
        table: "object",
        column: "body",
        row: format!("tenant {tenant} num {}", num.0),
    };
    let body: MemberBody = serde_json::from_str(&member.body).map_err(|_| corrupt(member.num))?;
    let status = MemberStatus::from_word(&body.status).ok_or_else(|| corrupt(member.num))?;
    if status != MemberStatus::Active {
        return Ok(None);
    }
    let titles: AccountBody =
        serde_json::from_str(&account.body).map_err(|_| corrupt(account.num))?;
    let roles = body.roles.iter().map(|role| Key::parse(role)).collect::<Result<_, _>>();
    Ok(Some(AccountMembership {
        tenant: tenant.clone(),
        tenant_title: tenant_title.clone(),
        account: AccountId::parse(&account.id).map_err(|_| corrupt(account.num))?,
        title: titles.title,
        status,
        roles: roles.map_err(|_| corrupt(member.num))?,
    }))
}

fn encode((tenant, account): Position) -> [u8; 16] {
    let mut position = [0; 16];
    let (first, second) = position.split_at_mut(8);
    first.copy_from_slice(&tenant.0.to_be_bytes());
    second.copy_from_slice(&account.0.to_be_bytes());
    position
}

fn decode(position: &[u8]) -> Option<Position> {
    let (tenant, account) = position.split_first_chunk::<8>()?;
    let account: [u8; 8] = account.try_into().ok()?;
    Some((Num(u64::from_be_bytes(*tenant)), Num(u64::from_be_bytes(account))))
}
