//! Composition: the only module that names a concrete store.

use std::fmt;

use tonic::service::Routes;

use crate::config::Config;

/// A service over its opened store.
#[derive(Debug)]
pub struct App {
    routes: Routes,
}

/// Why a store cannot be opened: unreachable, held by another process, or of another schema.
#[derive(Debug)]
pub struct OpenError(String);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// Opens the store; with `demo`, loads the demo world if the store is fresh.
///
/// # Errors
///
/// [`OpenError`].
#[expect(clippy::unused_async, reason = "opening a store waits")]
pub async fn open(_config: &Config, _demo: bool) -> Result<App, OpenError> {
    Ok(App {
        routes: Routes::default(),
    })
}

/// Brings the schema up to date and says what was done.
///
/// # Errors
///
/// [`OpenError`].
#[expect(clippy::unused_async, reason = "opening a store waits")]
pub async fn migrate(_config: &Config) -> Result<String, OpenError> {
    Err(OpenError("there is no store yet".to_owned()))
}

impl App {
    /// The services.
    pub fn routes(&self) -> Routes {
        self.routes.clone()
    }

    /// Closes the store.
    #[expect(clippy::unused_async, reason = "closing a store waits")]
    pub async fn close(self) {}
}
