//! Opens the doors that the configuration describes, and keeps what they are made of up to date.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineguard_core::model::TextError;
use tokio::task::JoinSet;

use crate::access::Access;
use crate::access::jwks::{Fetcher, Keys, NoKeys};
use crate::access::jwt::Jwt;
use crate::access::policy::Policy;
use crate::access::reload::{News, Told, Watched, say};
use crate::clock::Clock;
use crate::config::{self, Config, JwksSource};
use crate::metrics::{Metrics, Reloaded, ShownTo};
use crate::server::Doors;
use crate::server::tls::{Tls, TlsError};
use crate::token;

/// Why nobody can be let in.
#[derive(Debug)]
pub enum DoorsError {
    /// Files of TLS cannot be used.
    Tls(TlsError),
    /// The callers file cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// The callers file has mistakes.
    Callers(PathBuf, Vec<TextError>),
    /// The keys of tokens cannot be used.
    Keys(NoKeys),
}

impl fmt::Display for DoorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Unreadable(path, error) => {
                write!(f, "callers_file: `{}` cannot be read: {error}", path.display())
            }
            Self::Callers(path, mistakes) => {
                write!(f, "callers_file: `{}` has mistakes", path.display())?;
                mistakes.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
            Self::Keys(error) => write!(f, "jwt.jwks: {error}"),
        }
    }
}

impl std::error::Error for DoorsError {}

/// Reads everything that the doors are made of, once.
///
/// # Errors
///
/// [`DoorsError`].
pub fn check(config: &Config) -> Result<(), DoorsError> {
    if let Some(files) = &config.security.tls {
        Tls::load(files).map_err(DoorsError::Tls)?;
    }
    if let Some(path) = &config.security.callers_file {
        callers(path)?;
    }
    Ok(())
}

/// Opens the doors. `beside` gets the tasks that keep them up to date.
///
/// # Errors
///
/// If a file is not good. Keys that only cannot be fetched are fetched later; until then no token
/// is accepted.
pub async fn open(
    config: &Config,
    clock: Arc<dyn Clock>,
    metrics: &Metrics,
    beside: &mut JoinSet<()>,
) -> Result<Doors, DoorsError> {
    let security = &config.security;
    let told = Told::start(beside);
    let tls = match &security.tls {
        None => None,
        Some(files) => {
            let tls = Tls::load(files).map_err(DoorsError::Tls)?;
            let mut paths = vec![files.certificate.clone(), files.key.clone()];
            paths.extend(files.client_ca.clone());
            let (reloaded, files) = (tls.clone(), files.clone());
            let watched = Watched::new(paths, move || reloaded.reload(&files));
            let (shown, counts) = (tls.clone(), metrics.clone());
            metrics.certificate_expires(ShownTo::Callers, shown.expires());
            beside.spawn(watched.run(told.hear(), move |outcome| {
                say(&counts, Reloaded::Certificate, outcome);
                counts.certificate_expires(ShownTo::Callers, shown.expires());
            }));
            Some(tls)
        }
    };
    let Some(path) = &security.callers_file else {
        return Ok(Doors { access: Access::open(), tls });
    };
    let jwt = match &security.jwt {
        None => None,
        Some(jwt) => Some(tokens(jwt, metrics.clone(), beside).await?),
    };
    let access = Access::known(callers(path)?, jwt, clock);
    let (reloaded, path) = (access.clone(), path.clone());
    let watched = Watched::new(vec![path.clone()], move || {
        reloaded.replace(callers(&path)?);
        Ok::<_, DoorsError>(())
    });
    let counts = metrics.clone();
    beside.spawn(watched.run(told.hear(), move |outcome| say(&counts, Reloaded::Callers, outcome)));
    Ok(Doors { access, tls })
}

fn callers(path: &Path) -> Result<Policy, DoorsError> {
    let text =
        fs::read_to_string(path).map_err(|error| DoorsError::Unreadable(path.to_owned(), error))?;
    Policy::parse(&text).map_err(|mistakes| DoorsError::Callers(path.to_owned(), mistakes))
}

async fn tokens(
    jwt: &config::Jwt,
    metrics: Metrics,
    beside: &mut JoinSet<()>,
) -> Result<Jwt, DoorsError> {
    let keys = Arc::new(Keys::default());
    let fetcher = Fetcher::new(&jwt.jwks, jwt.jwks_ca.as_deref(), Arc::clone(&keys))
        .map_err(DoorsError::Keys)?;
    let failed = match (fetcher.fetch().await, &jwt.jwks) {
        (Ok(_), _) => None,
        (Err(error), JwksSource::File(_)) => return Err(DoorsError::Keys(error)),
        (Err(error), JwksSource::Url(_)) => {
            tracing::warn!(%error, "no token is accepted until the keys can be fetched");
            Some(error.to_string())
        }
    };
    let (refresh, away) = (jwt.refresh, failed.is_some());
    let news = News::after(failed);
    let report = move |outcome: Result<_, _>| news.say(&metrics, Reloaded::Jwks, outcome);
    beside.spawn(fetcher.run(refresh, away, token::chance, report));
    Ok(Jwt::new(&jwt.issuer, &jwt.audience, keys))
}
