//! `lineguard import`

mod mistakes;
mod outcome;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use lineguard_core::change::{Import as TenantImport, Part};
use lineguard_core::id::{ModelDigest, RequestId, Subject, TenantId};
use lineguard_core::model::built_in_vocabulary;
use tonic::Request;

use mistakes::Mistake;
use outcome::{Done, Imported, refused, result, texts};

use super::client::{Client, ask, failed, subject};
use super::models::listed;
use super::paint::{Paint, plain};
use super::{Exit, Failure, Output, note, print};
use crate::config::{Config, StoreFlags, layers};
use crate::dial::Connection;
use crate::models::folder::{self, FolderModel};
use crate::wire::change::{change_to_wire, new_fax_to_wire};
use crate::wire::id::subject_to_wire;
use crate::wire::pb;
use crate::wire::pb::admin_service_client::AdminServiceClient;
use crate::world::{ModelNames, World, built_in_text, default_model};
use crate::{open, token};

/// Greatest number of changes and faxes in one part.
const PART: usize = 500;

/// How long an import may take.
const DEADLINE: Duration = Duration::from_secs(1800);

const EXAMPLES: &str = "Examples:
  lineguard import customer.toml
  lineguard import --check customer.toml
  lineguard import --offline --database-url sqlite:lineguard.db customer.toml

An import adds and updates; it takes nothing away, and what a file leaves out stays as it is.
A second one changes nothing and says so.";

/// Bring tenants into a server, or into a store that no server holds.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// World files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only say the mistakes of the files
    #[arg(long)]
    check: bool,
    /// Work on the store itself; no server may hold it
    #[arg(long, conflicts_with = "check")]
    pub offline: bool,
    /// Who imports, for the audit trail
    #[arg(long, value_name = "SUBJECT", default_value = "service:lineguard-import")]
    #[arg(value_parser = subject)]
    actor: Subject,
    #[command(flatten)]
    client: Client,
    /// The store, with `--offline`; the folder of models that the files name, always.
    #[command(flatten)]
    pub flags: StoreFlags,
}

/// The parts of one tenant.
struct Upload {
    tenant: TenantId,
    parts: Vec<Part>,
}

impl Import {
    /// Reads all files, then imports every tenant in them.
    ///
    /// # Errors
    ///
    /// If a file has mistakes (then nothing is applied), or there is no server or store.
    pub async fn run(self, config: &Config) -> Result<Exit, Failure> {
        let here = self.models_here(config)?;
        let read = self.read(&here).await?;
        if self.check && self.client.output == Output::Json {
            return mistakes::print_json(&read);
        }
        let world = read.map_err(mistakes::failure)?;
        if self.check {
            let count = world.tenants.len();
            let tenants = if count == 1 { "tenant" } else { "tenants" };
            return print(format_args!("{count} {tenants}, no mistakes")).map(|()| Exit::Ok);
        }
        let uploads: Vec<Upload> = world
            .steps()
            .into_iter()
            .map(|steps| Upload { tenant: steps.tenant.clone(), parts: steps.into_parts(PART) })
            .collect();
        let bar = progress(&uploads);
        let done = if self.offline {
            self.offline(config, &uploads, &bar).await
        } else {
            self.online(&world, &here, &uploads, &bar).await
        };
        bar.finish_and_clear();
        self.report(&done?)
    }

    async fn offline(
        &self,
        config: &Config,
        uploads: &[Upload],
        bar: &ProgressBar,
    ) -> Result<Vec<Done>, Failure> {
        let app = open::open(config).await?;
        let mut done = Vec::with_capacity(uploads.len());
        for upload in uploads {
            let import = TenantImport {
                tenant: upload.tenant.clone(),
                actor: self.actor.clone(),
                // Whoever holds the store.
                provisions: true,
                request_id: request_id()?,
                parts: upload.parts.clone(),
            };
            let result = app.store.import(&import, app.clock.now()).await;
            bar.inc(upload.parts.iter().map(size).sum());
            let result = result.map_err(|error| refused(upload, error)).map(|imported| Imported {
                revision: imported.applied.revision.0,
                changed: imported.applied.changed as u64,
                faxes: imported.registered as u64,
                warnings: texts(imported.applied.warnings, |warning| warning.text),
                repeated: imported.applied.repeated,
            });
            done.push(Done { tenant: upload.tenant.to_string(), result });
        }
        // No writer shall wait for a process that is gone.
        app.freshness.stop().await;
        Ok(done)
    }

    async fn online(
        &self,
        world: &World,
        here: &[FolderModel],
        uploads: &[Upload],
        bar: &ProgressBar,
    ) -> Result<Vec<Done>, Failure> {
        let mut client = self.client.admin().await?;
        self.put_models(&mut client, world, here).await?;
        let mut messages = Vec::new();
        for upload in uploads {
            let id = request_id()?;
            messages.extend(upload.parts.iter().map(|part| self.message(upload, &id, part)));
        }
        let counting = bar.clone();
        let stream = messages.into_iter().inspect(move |message| {
            counting.inc((message.changes.len() + message.faxes.len()) as u64);
        });
        let mut request = Request::new(tokio_stream::iter(stream));
        request.set_timeout(DEADLINE);
        let answer = client.import(request).await.map_err(|status| failed(&status))?;
        Ok(answer.into_inner().results.into_iter().map(|one| result(uploads, one)).collect())
    }

    /// The models folder that the settings of this command name. Without a store of its own the
    /// other settings are not looked at.
    fn models_here(&self, config: &Config) -> Result<Vec<FolderModel>, Failure> {
        let given = layers::gather(&self.flags.sources(), &mut Vec::new());
        let given = given.get("models_dir").and_then(|given| given.values.first());
        let folder = match self.offline {
            true => config.models_dir.clone(),
            false => given.filter(|folder| !folder.is_empty()).map(PathBuf::from),
        };
        Ok(folder::read(folder.as_deref(), built_in_vocabulary())?)
    }

    /// Reads all files. Where they name a model that is not here, the server is asked for
    /// its models folder; that it gives no answer is told by what the files then have wrong.
    async fn read(&self, here: &[FolderModel]) -> Result<ReadWorld, Failure> {
        let mut names = ModelNames::default();
        for FolderModel { model, digest, .. } in here {
            names.add(model.name.as_str(), *digest, Some(Arc::clone(model)));
        }
        let world = read(&self.files, &names);
        if self.check || self.offline || !names.any_unknown() {
            return world;
        }
        let Ok(mut client) = self.client.admin().await else { return world };
        let models = match listed(&mut client).await {
            Ok(models) => models,
            Err(status) => {
                let why = status.message();
                note(format_args!("the server did not say which models it has: {}", plain(why)));
                return world;
            }
        };
        for pb::ModelInfo { name, digest, file, .. } in &models {
            if let (false, Some(digest)) = (file.is_empty(), ModelDigest::from_hex(digest)) {
                names.add(name, digest, None);
            }
        }
        read(&self.files, &names)
    }

    /// The server may be of another version and not know our built-in texts, or have another
    /// models folder.
    async fn put_models(
        &self,
        client: &mut AdminServiceClient<Connection>,
        world: &World,
        here: &[FolderModel],
    ) -> Result<(), Failure> {
        let text_of = |digest: &ModelDigest| {
            let of_folder = || here.iter().find(|one| one.digest == *digest).map(|one| &*one.text);
            built_in_text(digest).or_else(of_folder)
        };
        let models =
            world.tenants.values().map(|tenant| tenant.model.unwrap_or_else(default_model));
        let texts = models.map(|digest| (digest, text_of(&digest)));
        for (digest, text) in texts.collect::<BTreeMap<_, _>>() {
            let Some(text) = text else { continue };
            let known = pb::GetModelRequest { digest: digest.to_string() };
            if client.get_model(ask(known)).await.is_ok() {
                continue;
            }
            let actor = Some(subject_to_wire(&self.actor));
            let message = pb::PutModelRequest { actor, text: text.to_owned() };
            client.put_model(ask(message)).await.map_err(|status| failed(&status))?;
        }
        Ok(())
    }

    fn message(&self, upload: &Upload, id: &RequestId, part: &Part) -> pb::ImportRequest {
        pb::ImportRequest {
            tenant: upload.tenant.to_string(),
            actor: Some(subject_to_wire(&self.actor)),
            request_id: id.to_string(),
            changes: part.changes.iter().map(change_to_wire).collect(),
            faxes: part.faxes.iter().map(new_fax_to_wire).collect(),
        }
    }

    fn report(&self, done: &[Done]) -> Result<Exit, Failure> {
        let paint = Paint::of_stdout();
        if self.client.output == Output::Json {
            print(serde_json::Value::Array(done.iter().map(Done::json).collect()))?;
        } else {
            for one in done {
                print(one.text(paint))?;
            }
        }
        for one in done {
            let warnings = one.result.as_ref().map_or(&[][..], |imported| &imported.warnings);
            for warning in warnings {
                note(format_args!("warning: {}: {}", plain(&one.tenant), plain(warning)));
            }
        }
        let ok = done.iter().all(|one| one.result.is_ok());
        Ok(if ok { Exit::Ok } else { Exit::Runtime })
    }
}

/// All files as one world, or every mistake in them.
type ReadWorld = Result<World, Vec<Mistake>>;

/// Reads all files.
fn read(files: &[PathBuf], models: &ModelNames) -> Result<ReadWorld, Failure> {
    let (mut world, mut mistakes) = (World::default(), Vec::new());
    let mut from: BTreeMap<TenantId, String> = BTreeMap::new();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format_args!("`{}`: {error}", plain(&name))))?;
        match World::parse_with(&text, models) {
            Err(errors) => {
                mistakes.extend(errors.into_iter().map(|error| Mistake::of_text(&name, error)));
            }
            Ok(read) => {
                for (id, tenant) in read.tenants {
                    if let Some(other) = from.insert(id.clone(), name.clone()) {
                        let problem = format!("tenant `{id}` is in `{}` already", plain(&other));
                        mistakes.push(Mistake::of_file(&name, problem));
                    }
                    world.tenants.insert(id, tenant);
                }
            }
        }
    }
    Ok(if mistakes.is_empty() { Ok(world) } else { Err(mistakes) })
}

/// A bar on a terminal, nothing elsewhere.
fn progress(uploads: &[Upload]) -> ProgressBar {
    let total = uploads.iter().flat_map(|upload| &upload.parts).map(size).sum();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} changes and faxes {elapsed}");
    let bar = ProgressBar::new(total);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn size(part: &Part) -> u64 {
    (part.changes.len() + part.faxes.len()) as u64
}

/// A name of its own for every run: a repeat is told apart from an import after other changes.
fn request_id() -> Result<RequestId, Failure> {
    let bytes = token::random::<16>()
        .map_err(|_| Failure::new("the system gave no randomness for a request id"))?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    RequestId::parse(&format!("import-{hex}")).map_err(Failure::new)
}
