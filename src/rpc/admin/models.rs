//! `ListModels`, `GetModel` and `PutModel`.

use std::collections::BTreeSet;
use std::sync::Arc;

use lineguard_core::id::{ModelDigest, Num};
use lineguard_core::model::{self, BUILT_IN};
use lineguard_core::model_test;
use lineguard_core::port::StoreError;

use crate::app::App;
use crate::wire::models::{get_model_call, model_info, put_model_call, put_model_response};
use crate::wire::pb;
use crate::wire::status::Failure;

/// How many tenants are read at once.
const PAGE: usize = 1_000;

/// The built-in models, then what else tenants name and this server can read.
pub(super) async fn list(
    app: &App,
    message: pb::ListModelsRequest,
) -> Result<pb::ListModelsResponse, Failure> {
    let pb::ListModelsRequest {} = message;
    let mut models = Vec::new();
    let mut listed = BTreeSet::new();
    for (_, text) in BUILT_IN {
        let digest = ModelDigest::of(text);
        let unreadable = |_| Failure::Internal("a built-in model cannot be read".into());
        let model = model::parse(text, app.vocabulary).map_err(unreadable)?;
        models.push(model_info(digest, &model));
        listed.insert(digest);
    }
    for digest in in_use(app).await?.difference(&listed) {
        match app.models.get(digest).await {
            Ok(model) => models.push(model_info(*digest, &model)),
            Err(StoreError::UnreadableModel { .. } | StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(pb::ListModelsResponse { models })
}

async fn in_use(app: &App) -> Result<BTreeSet<ModelDigest>, StoreError> {
    let mut digests = BTreeSet::new();
    let mut after = Num(0);
    loop {
        let tenants = app.store.tenants(after, PAGE).await?;
        digests.extend(tenants.iter().map(|tenant| tenant.model));
        match tenants.last() {
            Some(last) if tenants.len() == PAGE => after = last.num,
            _ => return Ok(digests),
        }
    }
}

pub(super) async fn get(
    app: &App,
    message: pb::GetModelRequest,
) -> Result<pb::GetModelResponse, Failure> {
    let digest = get_model_call(message)?;
    let text = app.store.model_text(&digest).await?.or_else(|| built_in(&digest));
    let text = text.ok_or(Failure::NotFound("model"))?;
    let model = model::parse(&text, app.vocabulary).map_err(|errors| {
        let detail = errors.first().map_or_else(String::new, |error| error.problem.clone());
        StoreError::UnreadableModel { digest, detail }
    })?;
    Ok(pb::GetModelResponse { model: Some(model_info(digest, &model)), text })
}

fn built_in(digest: &ModelDigest) -> Option<String> {
    let found = BUILT_IN.iter().find(|(_, text)| ModelDigest::of(text) == *digest);
    found.map(|(_, text)| (*text).to_owned())
}

/// Keeps a text that has no mistakes and whose own tests come out as they say.
pub(super) async fn put(
    app: &App,
    message: pb::PutModelRequest,
) -> Result<pb::PutModelResponse, Failure> {
    let (_, text) = put_model_call(message)?;
    let text: Arc<str> = text.into();
    let (vocabulary, to_read) = (app.vocabulary, Arc::clone(&text));
    // A long text keeps a core busy for a while, and other calls should not wait for it.
    let read = tokio::task::spawn_blocking(move || model_test::check(&to_read, vocabulary)).await;
    let model = match read.map_err(|error| Failure::Internal(error.to_string()))? {
        Ok(model) => model,
        Err(mistakes) => return Ok(put_model_response(Err(mistakes))),
    };
    let digest = app.store.put_model(&text).await?;
    Ok(put_model_response(Ok(model_info(digest, &model))))
}
