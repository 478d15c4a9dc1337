//! `ListModels`, `GetModel` and `PutModel`.

use std::collections::BTreeSet;
use std::sync::Arc;

use lineguard_core::id::ModelDigest;
use lineguard_core::model::{self, BUILT_IN};
use lineguard_core::model_test;
use lineguard_core::port::StoreError;

use super::read::sealed;
use crate::access::Caller;
use crate::app::App;
use crate::rpc::models_in_use;
use crate::token::Query;
use crate::wire::admin::list_models_call;
use crate::wire::invalid::InvalidRequest;
use crate::wire::models::{get_model_call, model_info, put_model_call, put_model_response};
use crate::wire::page::Filled;
use crate::wire::pb;
use crate::wire::status::Failure;

/// The built-in models, those of this server's models folder, then what else tenants name that the
/// caller may ask about, as far as this server can read it.
pub(super) async fn list(
    app: &App,
    caller: &Caller,
    message: pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, Failure> {
    let page = list_models_call(message)?;
    let query = Query::of("ListModels");
    let not_ours = || InvalidRequest::one("page_token", "is not a token of this list");
    let after = match &page.token {
        None => None,
        Some(token) => Some(app.tokens.open(&query, token).ok_or_else(not_ours)?),
    };
    let mut models = all(app, caller).await?.into_iter();
    if let Some(after) = after {
        // A page begins after the last model of the one before.
        models.find(|(digest, _)| digest.0.as_slice() == after).ok_or_else(not_ours)?;
    }
    let _place = app.long.lists.enter_without_tenant().await.ok_or_else(|| app.shed())?;
    let mut filled = Filled::new(page.size);
    let (mut last, mut more) = (None, false);
    for (digest, info) in models {
        let info = match info {
            Some(info) => info,
            None => match app.models.get(&digest).await {
                Ok(model) => model_info(digest, &model),
                Err(StoreError::UnreadableModel { .. } | StoreError::Corrupt { .. }) => continue,
                Err(error) => return Err(error.into()),
            },
        };
        if !filled.add(info) {
            more = true;
            break;
        }
        last = Some(digest);
    }
    let last = last.filter(|_| more);
    let next_page_token = sealed(app, &query, last.as_ref().map(|last| last.0.as_slice()))?;
    Ok(pb::ListModelsResponse { models: filled.items, next_page_token })
}

/// All models in their order, those with what is known of them that are known already.
async fn all(
    app: &App,
    caller: &Caller,
) -> Result<Vec<(ModelDigest, Option<pb::ModelInfo>)>, Failure> {
    let mut models = Vec::new();
    let mut listed = BTreeSet::new();
    for (_, text) in BUILT_IN {
        let digest = ModelDigest::of(text);
        let unreadable = |_| Failure::Internal("a built-in model cannot be read".into());
        let model = model::parse(text, app.vocabulary).map_err(unreadable)?;
        models.push((digest, Some(model_info(digest, &model))));
        listed.insert(digest);
    }
    for one in app.folder.iter() {
        let info = model_info(one.digest, &one.model);
        models.push((one.digest, Some(pb::ModelInfo { file: one.file.clone(), ..info })));
        listed.insert(one.digest);
    }
    let in_use = models_in_use::by_tenants_of(app, caller).await?;
    models.extend(in_use.difference(&listed).map(|digest| (*digest, None)));
    Ok(models)
}

pub(super) async fn get(
    app: &App,
    caller: &Caller,
    message: pb::GetModelRequest,
) -> Result<pb::GetModelResponse, Failure> {
    let digest = get_model_call(message)?;
    if !models_in_use::may_see(app, caller, &digest).await? {
        return Err(Failure::NotFound("model"));
    }
    let text = app.store.model_text(&digest).await?;
    let text = text.or_else(|| models_in_use::built_in(&digest).map(str::to_owned));
    let text = text.ok_or(Failure::NotFound("model"))?;
    let model = model::parse(&text, app.vocabulary).map_err(|errors| {
        let detail = errors.first().map_or_else(String::new, |error| error.problem.clone());
        StoreError::UnreadableModel { digest, detail }
    })?;
    Ok(pb::GetModelResponse { model: Some(model_info(digest, &model)), text })
}

/// Keeps a text that has no mistakes and whose own tests come out as they say.
pub(super) async fn put(
    app: &App,
    message: pb::PutModelRequest,
) -> Result<pb::PutModelResponse, Failure> {
    let (_, text) = put_model_call(message)?;
    let text: Arc<str> = text.into();
    let (vocabulary, to_read) = (app.vocabulary, Arc::clone(&text));
    let _place = app.long.models.enter_without_tenant().await.ok_or_else(|| app.shed())?;
    let caller = Arc::new(());
    let asks = Arc::downgrade(&caller);
    // A long text keeps a core busy for a while, and other calls should not wait for it. It is given up
    // when the caller is gone, who holds what is asked for here.
    let read = tokio::task::spawn_blocking(move || {
        model_test::check_while(&to_read, vocabulary, &|| asks.strong_count() > 0)
    });
    let read = read.await.map_err(|error| Failure::Internal(error.to_string()))?;
    drop(caller);
    let model = match read {
        Some(Ok(model)) => model,
        Some(Err(mistakes)) => return Ok(put_model_response(Err(mistakes))),
        None => return Err(Failure::Internal("a model was given up while it was read".into())),
    };
    let digest = app.store.put_model(&text).await?;
    Ok(put_model_response(Ok(model_info(digest, &model))))
}
