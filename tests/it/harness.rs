//! A server of its own for every test: in this process, on a free port, over a database of its own. It is stopped in order when the harness goes, and a panic of it fails the test.

use std::sync::Arc;

use lineguard::access::Caller;
use lineguard::answer::{CacheSize, Caches, Contract};
use lineguard::app::{App, Parts};
use lineguard::clock::Clock;
use lineguard::config::{Config, Upstream};
use lineguard::dial::Dial;
use lineguard::metrics::Metrics;
use lineguard::rpc::Authorization;
use lineguard::server::{self, Doors, listen};
use lineguard::sidecar;
use lineguard::token::Tokens;
use lineguard::wire::pb;
use lineguard::wire::pb::authorization_service_client::AuthorizationServiceClient;
use lineguard::wire::pb::authorization_service_server::AuthorizationService;
use lineguard_cache::{L2, Redis, RedisBus, Seal, l2};
use lineguard_core::feed::Feed;
use lineguard_core::id::{TenantId, Timestamp};
use lineguard_core::model::BUILT_IN;
use lineguard_core::port::Store;
use lineguard_core::stamp::Shard;
use lineguard_lease::{Bus, Freshness, NoBus, Params};
use lineguard_store::{OpenMode, OpenOptions, SqlStore};
use lineguard_testkit::databases::{Databases, Kind};
use lineguard_testkit::world::{Built, NOW, World, world};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// A running server.
pub struct Harness {
    /// The service, for tests that reach behind it.
    pub app: App,
    /// Where it listens.
    pub address: String,
    /// A connection to it, or to the sidecar beside it.
    pub channel: Channel,
    /// How many snapshots its store gives at a time.
    pub snapshots: usize,
    sidecar: Option<Beside>,
    /// The same store without caches, if the server has some: every question is asked there too.
    plain: Option<App>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    databases: Databases,
    _folder: tempfile::TempDir,
}

/// A clock that stands still.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// What the whole suite runs on; `LINEGUARD_TEST_STORE` and `LINEGUARD_TEST_CACHES` choose.
#[derive(Debug, Clone, Copy)]
struct Ground {
    store: Kind,
    caches: Use,
}

/// Which caches are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Off,
    L1,
    L1AndL2,
    /// Questions are asked of a sidecar, which follows a server with L1.
    Sidecar,
}

impl Ground {
    fn chosen() -> Self {
        let variable = |name| std::env::var(name).unwrap_or_default();
        let store = match variable("LINEGUARD_TEST_STORE").as_str() {
            "" | "sqlite" => Kind::Sqlite,
            "postgres" => Kind::Postgres,
            "mariadb" => Kind::MariaDb,
            other => panic!("LINEGUARD_TEST_STORE is `{other}`: sqlite, postgres or mariadb"),
        };
        let caches = match variable("LINEGUARD_TEST_CACHES").as_str() {
            "" | "off" => Use::Off,
            "l1" => Use::L1,
            "l1+l2" => Use::L1AndL2,
            "sidecar" => Use::Sidecar,
            other => panic!("LINEGUARD_TEST_CACHES is `{other}`: off, l1, l1+l2 or sidecar"),
        };
        Self { store, caches }
    }
}

/// Ids that no other harness has.
fn ids() -> Arc<dyn Fn() -> [u8; 16] + Send + Sync> {
    Arc::new(|| lineguard::token::random::<16>().unwrap())
}

fn shared() -> (Redis, Seal) {
    let url = std::env::var("LINEGUARD_TEST_REDIS").unwrap_or_else(|_| {
        panic!(
            "LINEGUARD_TEST_REDIS is not set: run ./tests/run, or \
             `eval \"$(tests/servers start)\"` first"
        )
    });
    (Redis::at(&url).unwrap(), Seal::new(&lineguard::token::random::<32>().unwrap()))
}

/// The service on a store, with these caches.
fn app(store: &Arc<SqlStore>, caches: Use) -> App {
    let (bus, l2): (Arc<dyn Bus>, _) = match caches {
        Use::Off | Use::L1 | Use::Sidecar => (Arc::new(NoBus), None),
        Use::L1AndL2 => {
            let (redis, seal) = shared();
            let settings = l2::Settings {
                // Long enough for a machine that is busy with tests.
                timeout: std::time::Duration::from_millis(500),
                ..l2::Settings::default()
            };
            let l2 = L2::start(&redis, seal.clone(), settings);
            (Arc::new(RedisBus::start(&redis, seal, "lineguard:bus", ids()())), Some(l2))
        }
    };
    let feed: Arc<dyn Feed> = store.clone();
    let clock = Arc::new(lineguard_lease::SystemClock);
    let freshness = Freshness::start(Arc::clone(&feed), bus, clock, Params::default(), ids());
    App::new(Parts {
        store: store.clone(),
        feed,
        freshness,
        bus: None,
        caches: Caches::new(CacheSize((caches != Use::Off).then_some(64 << 20)), l2),
        contract: Contract::default(),
        tokens: Tokens::new(&[7; 32]),
        clock: Arc::new(Standing),
        metrics: Metrics::off(),
    })
}

/// The same service without caches.
fn without_caches(store: &Arc<SqlStore>, app: &App) -> App {
    App::new(Parts {
        store: store.clone(),
        feed: store.clone(),
        freshness: app.freshness.clone(),
        bus: None,
        caches: Caches::new(CacheSize(None), None),
        contract: Contract::default(),
        tokens: app.tokens.clone(),
        clock: app.clock.clone(),
        metrics: Metrics::off(),
    })
}

impl Harness {
    /// Starts a server over an empty store that has the built-in models.
    pub async fn start() -> Self {
        Self::start_on(Ground::chosen()).await
    }

    /// The same, with caches in memory whatever the rest of the suite runs on.
    pub async fn start_with_caches() -> Self {
        Self::start_on(Ground { caches: Use::L1, ..Ground::chosen() }).await
    }

    /// The same, with something of the service changed before it serves.
    pub async fn start_with(change: impl FnOnce(App) -> App) -> Self {
        Self::start_changed(Ground::chosen(), change).await
    }

    async fn start_on(ground: Ground) -> Self {
        Self::start_changed(ground, |app| app).await
    }

    async fn start_changed(ground: Ground, change: impl FnOnce(App) -> App) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let databases = Databases::new(ground.store);
        let url = match ground.store {
            Kind::Sqlite => format!("sqlite:{}", folder.path().join("lineguard.db").display()),
            Kind::Postgres | Kind::MariaDb => databases.fresh().await,
        };
        let options = OpenOptions { max_connections: 4, ..OpenOptions::default() };
        let store = SqlStore::open_with(&url, OpenMode::Migrate, options).await.unwrap();
        for (_, text) in BUILT_IN {
            store.put_model(text).await.unwrap();
        }
        let snapshots = store.snapshots();
        let store = Arc::new(store);
        let app = change(app(&store, ground.caches));
        let plain = (ground.caches != Use::Off).then(|| without_caches(&store, &app));
        app.freshness.sight_or_poll(Shard(0), std::time::Duration::from_secs(5)).await.unwrap();

        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let mut config = Config { listen, ..Config::default() };
        config.drain.delay = std::time::Duration::ZERO;
        let listeners = listen::bind(&config).await.unwrap();
        let address = listeners[0].address().to_string();
        let (stop, stopped) = oneshot::channel();
        let routes = app.routes();
        let life = app.life();
        let served = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            let (doors, metrics) = (Doors::open(), Metrics::off());
            server::serve(listeners, routes, doors, &config, &metrics, life, stopped)
                .await
                .unwrap();
        });
        let sidecar = match ground.caches {
            Use::Sidecar => Some(Beside::start(&address).await),
            _ => None,
        };
        let asked = sidecar.as_ref().map_or(&address, |sidecar| &sidecar.address);
        let channel =
            Channel::from_shared(format!("http://{asked}")).unwrap().connect().await.unwrap();
        let (stop, served) = (Some(stop), Some(served));
        Self {
            app,
            address,
            channel,
            snapshots,
            sidecar,
            plain,
            stop,
            served,
            databases,
            _folder: folder,
        }
    }

    /// The answer of a service without caches to the same question, where this one has some.
    pub async fn plainly(
        &self,
        message: pb::CheckRequest,
    ) -> Option<Result<pb::CheckResponse, tonic::Status>> {
        let plain = Authorization(self.plain.clone()?);
        let mut request = tonic::Request::new(message);
        request.extensions_mut().insert(Arc::new(Caller::anybody()));
        let answer = plain.check(request).await;
        Some(answer.map(tonic::Response::into_inner))
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
        if let Some(sidecar) = self.sidecar.take() {
            sidecar.stop().await;
        }
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
        self.app.freshness.stop().await;
        let kind = self.databases.kind;
        std::mem::replace(&mut self.databases, Databases::new(kind)).tidy().await;
    }
}

/// A sidecar that follows a server.
pub struct Beside {
    /// Where it listens.
    pub address: String,
    /// Its service.
    pub app: App,
    /// Its connection to the server.
    pub parent: sidecar::Parent,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Beside {
    /// Follows the server at an address, for all tenants, until it has its first lease.
    pub async fn start(address: &str) -> Self {
        let this = Self::start_for(address, &[]).await;
        this.app
            .freshness
            .sight_or_poll(Shard(0), std::time::Duration::from_secs(5))
            .await
            .unwrap();
        this
    }

    /// Follows a server for these tenants.
    pub async fn start_for(address: &str, tenants: &[&str]) -> Self {
        let dial = Dial { url: format!("http://{address}"), ..Dial::default() };
        Self::start_with(dial, tenants).await
    }

    /// Follows a server that is reached in this way, for these tenants.
    pub async fn start_with(dial: Dial, tenants: &[&str]) -> Self {
        let tenants = tenants.iter().map(|tenant| TenantId::parse(tenant).unwrap()).collect();
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let mut config = Config { listen, ..Config::default() };
        config.drain.delay = std::time::Duration::ZERO;
        let upstream = Upstream { dial, tenants };
        let sidecar::Sidecar { app, routes, parent } = sidecar::open(&config, &upstream).unwrap();
        let app = App { clock: Arc::new(Standing), ..app };
        let listeners = listen::bind(&config).await.unwrap();
        let address = listeners[0].address().to_string();
        let (stop, stopped) = oneshot::channel();
        let life = app.life();
        let served = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            let (doors, metrics) = (Doors::open(), Metrics::off());
            server::serve(listeners, routes, doors, &config, &metrics, life, stopped)
                .await
                .unwrap();
        });
        Self { address, app, parent, stop, served }
    }

    /// A connection to it.
    pub async fn channel(&self) -> Channel {
        let uri = format!("http://{}", self.address);
        Channel::from_shared(uri).unwrap().connect().await.unwrap()
    }

    /// Stops it and waits until it has ended well.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
        self.app.freshness.stop().await;
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
