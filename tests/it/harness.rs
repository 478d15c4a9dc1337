//! A server of its own for every test: in this process, on a free port, over SQLite in a temporary
//! folder. It is stopped in order when the harness goes, and a panic of it fails the test.

use std::sync::Arc;

use lineguard::app::App;
use lineguard::clock::Clock;
use lineguard::config::Config;
use lineguard::metrics::Metrics;
use lineguard::server::{self, listen};
use lineguard::token::Tokens;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard_core::id::Timestamp;
use lineguard_core::model::BUILT_IN;
use lineguard_core::port::Store;
use lineguard_store::{OpenMode, SqlStore};
use lineguard_testkit::world::{Built, NOW, World, world};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// A running server.
pub struct Harness {
    /// The service, for tests that reach behind it.
    pub app: App,
    /// A connection to it.
    pub channel: Channel,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// A clock that stands still.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl Harness {
    /// Starts a server over an empty store that has the built-in models.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("lineguard.db").display());
        let store = SqlStore::open(&url, OpenMode::Migrate).await.unwrap();
        for (_, text) in BUILT_IN {
            store.put_model(text).await.unwrap();
        }
        let app = App::new(Arc::new(store), Tokens::new(&[7; 32]), Arc::new(Standing));

        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let mut config = Config { listen, ..Config::default() };
        config.drain.delay = std::time::Duration::ZERO;
        let listeners = listen::bind(&config).await.unwrap();
        let address = listeners[0].address().to_string();
        let (stop, stopped) = oneshot::channel();
        let routes = app.routes();
        let served = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            server::serve(listeners, routes, &config, &Metrics::off(), stopped).await.unwrap();
        });
        let channel =
            Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let (stop, served) = (Some(stop), Some(served));
        Self { app, channel, stop, served, _folder: folder }
    }

    /// Builds a world in the store.
    pub async fn build(&self, world: World) -> Built {
        world.build(self.app.store.as_ref()).await
    }

    /// A client of the questions.
    pub fn client(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel.clone())
    }

    /// Stops the server and waits until it has ended well.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
        drop(std::mem::replace(
            &mut self.channel,
            Channel::from_static("http://[::1]:1").connect_lazy(),
        ));
        if let Some(served) = self.served.take() {
            served.await.unwrap();
        }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if let Some(served) = self.served.take() {
            served.abort();
        }
    }
}

/// The text of a built-in model.
pub fn text_of(model: &str) -> &'static str {
    BUILT_IN.iter().find(|(name, _)| *name == model).map(|(_, text)| *text).unwrap()
}

/// A world of a tenant on a built-in model: `product("retarus").account("home").member("m1")…`.
pub fn product(model: &str) -> World {
    world("t1").model(text_of(model))
}
