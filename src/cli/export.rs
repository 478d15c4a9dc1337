//! `lineguard export`

use std::path::PathBuf;

use clap::Args;
use lineguard_core::id::TenantId;
use tonic::Streaming;

use super::client::{admin, failed};
use super::{Exit, Failure, Target, print};
use crate::wire::export::exported_part;
use crate::wire::pb;
use crate::world::{World, collect, print as world_text};

/// Write a tenant of a server as a world file.
#[derive(Debug, Args)]
#[command(after_help = "Example: lineguard export isar-kliniken --file isar-kliniken.toml

Importing what was exported changes nothing.")]
pub struct Export {
    /// The tenant
    tenant: String,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Leave the faxes out
    #[arg(long)]
    no_faxes: bool,
    #[command(flatten)]
    target: Target,
}

impl Export {
    /// Asks for everything, and writes it when all of it is there.
    ///
    /// # Errors
    ///
    /// If there is no answer, or the file cannot be written.
    pub async fn run(self) -> Result<Exit, Failure> {
        let id = TenantId::parse(&self.tenant)
            .map_err(|error| Failure::with(Exit::Usage, format_args!("the tenant {error}")))?;
        let question =
            pb::ExportRequest { tenant: self.tenant.clone(), include_faxes: !self.no_faxes };
        let mut client = admin(&self.target).await?;
        let answer = client.export(question).await.map_err(|status| failed(&status))?;
        let (changes, faxes) = receive(answer.into_inner()).await?;
        let tenant = collect(&changes, &faxes).map_err(|error| {
            Failure::new(format_args!("the server's export cannot be written as a file: {error}"))
        })?;
        let text = world_text(&World { tenants: [(id, tenant)].into() });
        match &self.file {
            Some(file) => std::fs::write(file, text)
                .map_err(|error| Failure::new(format_args!("`{}`: {error}", file.display())))?,
            None => print(text.trim_end())?,
        }
        Ok(Exit::Ok)
    }
}

type Everything = (Vec<lineguard_core::change::Change>, Vec<lineguard_core::change::NewFax>);

async fn receive(mut stream: Streaming<pb::ExportResponse>) -> Result<Everything, Failure> {
    let (mut changes, mut faxes) = (Vec::new(), Vec::new());
    while let Some(part) = stream.message().await.map_err(|status| failed(&status))? {
        let part = exported_part(part).map_err(|error| {
            let told = error.violations.iter();
            let told = told.map(|one| format!("\n  {}: {}", one.field, one.problem));
            Failure::new(format_args!(
                "the server's answer cannot be read{}",
                told.collect::<String>()
            ))
        })?;
        changes.extend(part.changes);
        faxes.extend(part.faxes);
    }
    Ok((changes, faxes))
}
