//! A node: everything that one process runs, put together, and taken apart in order.
//!
//! Start: store, policies, keys, journal, control plane, cores. Stop, the other way round: cores drain, then the
//! journal closes, then what it holds is drained into the store.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use ipnet::IpNet;
use tokio::task::JoinHandle as Task;
use tokio_util::sync::CancellationToken;

use super::books::{open_recorder, start_drain};
use super::data_folder::DataFolder;
use super::doors::Listeners;
use super::error::ServerError;
use super::following::{self, Follower};
use super::front::{self, Addresses, Front};
use super::leases::{Known, Leases};
use super::open_store::open_store;
use super::quotas::Quotas;
use super::retention::Retention;
use super::signing::Signing;
use super::tls;
use super::tls::certificates::Certificates;
use super::worker_thread::{self, Core};
use super::{housekeeping, issuers, own_endpoints, policies, signing};
use crate::billing::balance::left::Balances;
use crate::billing::quota::LeftOfQuotas;
use crate::billing::statement::running_charges::RunningCharges;
use crate::config::public_url::PublicUrl;
use crate::config::settings::{Bounds, TlsSettings};
use crate::credential::directory::{Directory, Memory};
use crate::credential::dpop::Nonces;
use crate::credential::hasher::Hasher;
use crate::credential::key_uses::KeyUses;
use crate::credential::proofs::Proofs;
use crate::credential::sealing::SealingKey;
use crate::credential::signatures::Signatures;
use crate::credential::signing_keys::SigningKeys;
use crate::credential::stored::StoredIdentities;
use crate::domain::balance::Run;
use crate::domain::id::NodeId;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::gateway::challenge::Challenges;
use crate::gateway::control::ControlPlane;
use crate::gateway::me::Questions;
use crate::gateway::trusted_proxies::TrustedProxies;
use crate::gateway::worker::Shared;
use crate::journal::journal::{Journal, JournalSettings};
use crate::limit::balance_purse::BalancePurses;
use crate::limit::cell::Cells;
use crate::metering::tally::DrainState;
use crate::oauth::last_uses::LastUses;
use crate::outbound::client::Client;
use crate::outbound::upstream_tokens::UpstreamTokens;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::live::Live;
use crate::policy::load::Values;
use crate::policy::watch::{PolicyWatch, watch};
use crate::store::Store;
use crate::telemetry::counters::CoreCounters;
use crate::telemetry::oauth_counters::OAuthCounters;

/// How long an orderly stop waits for the books.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_secs(2);

/// What a node is made of.
pub struct NodeSettings {
    /// Where partners connect in clear text. There is this, `tls`, or both.
    pub listen: Option<SocketAddr>,
    /// How they are served by TLS.
    pub tls: Option<TlsSettings>,
    /// Where proxies stand that say who calls through them.
    pub trusted_proxies: Vec<IpNet>,
    /// How many cores serve.
    pub workers: usize,
    /// The data folder.
    pub data: PathBuf,
    /// The policy folder.
    pub policies: PathBuf,
    /// Values of `${env:NAME}` in policy files.
    pub values: Arc<dyn Values>,
    /// The node's name.
    pub node: NodeId,
    /// The store's address; without one, SQLite in the data folder.
    pub store: Option<String>,
    /// The file of the key that seals secrets in the store; without one, it lies in the data folder.
    pub sealing_key_file: Option<PathBuf>,
    /// The address by which the world knows this gateway; without one, the one it listens on, by TLS if it can.
    pub public_url: Option<PublicUrl>,
    /// A file of authorities that are believed beside everyone's when other servers are called.
    pub authorities: Option<PathBuf>,
    /// Bounds of the data plane.
    pub bounds: Bounds,
}

/// What the surfaces of a node share.
#[derive(Clone)]
pub struct Services {
    /// What survives a restart.
    pub store: Store,
    /// The policies in force.
    pub live: Arc<Live>,
    /// What is switched off.
    pub kill_switches: Arc<KillSwitches>,
    /// Credentials.
    pub directory: Arc<Directory>,
    /// The keys that sign access tokens.
    pub signing_keys: Arc<SigningKeys>,
    /// The nonces of proofs of possession.
    pub nonces: Arc<Nonces>,
    /// Seals what the store keeps of secrets that must come back.
    pub sealing: Arc<SealingKey>,
    /// The OAuth2 issuer: the address by which the world knows this gateway.
    pub issuer: String,
    /// The address by which partners' machines know it that show certificates of their own.
    pub mutual_base: Option<String>,
    /// Hashes passwords, whoever asks.
    pub hasher: Arc<Hasher>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// Calls other servers.
    pub client: Client,
    /// What the OAuth2 server counts.
    pub oauth_counters: Arc<OAuthCounters>,
    /// When secrets and sessions were last used, to be written down.
    pub last_uses: Arc<LastUses>,
    /// When API keys were.
    pub key_uses: Arc<KeyUses>,
}

/// A running node.
pub struct Node {
    /// What its surfaces share.
    pub services: Services,
    /// Where partners connect.
    pub addresses: Addresses,
    /// What TLS is spoken with.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// The journal.
    pub journal: Journal,
    /// How far the journal has been drained into the store.
    pub drained: Arc<DrainState>,
    /// What each core counts.
    pub counters: Vec<Arc<CoreCounters>>,
    /// Limiter cells.
    pub cells: Arc<Cells>,
    /// Access tokens that upstreams ask for.
    pub tokens: Arc<UpstreamTokens>,
    stop: CancellationToken,
    stop_drain: CancellationToken,
    cores: Vec<JoinHandle<()>>,
    sweeping: Vec<Task<()>>,
    pub(super) leases: Leases,
    pub(super) quotas: Quotas,
    draining: Task<()>,
    _watch: PolicyWatch,
    data: DataFolder,
}

impl Node {
    /// Starts a node on the current runtime, which becomes its control plane.
    ///
    /// # Errors
    /// [`ServerError`] by the first part that cannot be had; nothing keeps running then.
    pub async fn start(
        settings: NodeSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ServerError> {
        let data = DataFolder::open(&settings.data)?;
        let client = Client::new(settings.authorities.as_deref())?;
        let Front { addresses, certificates, listeners } = Front::open(&settings, clock.clone())?;
        let store = open_store(&settings).await?;
        let issuer = settings.public_url.as_ref().map(ToString::to_string);
        let issuer = issuer.unwrap_or_else(|| addresses.url());
        let live = Arc::new(policies::open(&settings, &store, &issuer, clock.clone()).await?);
        let watch = watch(&live)
            .map_err(|error| ServerError::Secrets(format!("the policy folder cannot be watched: {error}")))?;
        let mutual_base = front::mutual_base(&settings, &addresses, &issuer);
        let Signing { signing_keys, nonces, sealing } =
            signing::open(&settings, &store, (&live, &issuer), (&clock, &random)).await?;
        let control = tokio::runtime::Handle::current();
        let bounds = settings.bounds.clone();
        let memory = Memory {
            tokens: bounds.cached_tokens,
            keys: bounds.cached_keys,
            time: bounds.credential_time,
            grace: bounds.credential_grace,
        };
        let source = Arc::new(StoredIdentities { store: store.clone(), sealing: sealing.clone() });
        let directory =
            Arc::new(Directory::new(source, signing_keys.clone(), clock.clone(), control.clone(), memory));
        directory.begin_learning();
        let hasher = Arc::new(Hasher::start().map_err(ServerError::Threads)?);
        let kill_switches = Arc::<KillSwitches>::default();
        // Before the first call: what is off stays off over a restart.
        kill_switches.put(kill_switches.begin(), store.kill_switches().await?);
        let services = Services {
            store,
            live,
            kill_switches,
            directory,
            signing_keys,
            nonces,
            sealing,
            issuer,
            mutual_base,
            hasher,
            clock,
            random,
            client,
            oauth_counters: Arc::default(),
            last_uses: Arc::default(),
            key_uses: Arc::default(),
        };
        let journal = open_journal(&settings, &services).await?;
        let (recorder, drained) = open_recorder(&services, &journal, &settings.node).await?;
        let (at, chance) = (services.clock.clone(), services.random.clone());
        let tokens = Arc::new(UpstreamTokens::new(services.client.clone(), at, chance, control.clone()));
        tokens.follow(&services.live.load());
        let cells = Arc::new(Cells::new(bounds.limiter_cells));
        let charges = RunningCharges::new(services.store.clone(), services.clock.clone());
        let (balances, purses) = (Balances::new(services.store.clone()), Arc::<BalancePurses>::default());
        let quotas = LeftOfQuotas::new(services.store.clone());
        let shared = Arc::new(Shared {
            live: services.live.clone(),
            kill_switches: services.kill_switches.clone(),
            directory: services.directory.clone(),
            vouching: certificates.as_ref().and_then(|certificates| certificates.vouching()),
            tokens: tokens.clone(),
            clock: services.clock.clone(),
            node: settings.node.clone(),
            trusted_proxies: Arc::new(TrustedProxies::new(settings.trusted_proxies.clone())),
            challenges: Challenges::of(&services.issuer),
            host: front::host_of(&services.issuer),
            origin: services.issuer.clone(),
            mutual_origin: services.mutual_base.clone(),
            proofs: Proofs::new(services.nonces.clone(), services.clock.now()),
            key_uses: services.key_uses.clone(),
            signatures: Signatures::new(services.clock.now()),
            questions: Questions::new(
                cells.clone(),
                (charges, balances, quotas.clone()),
                services.kill_switches.clone(),
            ),
            purses: purses.clone(),
            quotas: quotas.purses(),
            body_room: Arc::default(),
            form_room: Arc::default(),
            control: ControlPlane::new(own_endpoints::router(&services), control, &bounds),
            bounds,
        });
        let following_issuers = issuers::follow(&services);
        let stop = CancellationToken::new();
        let (cores, counters) = start_cores(listeners, &journal, &shared, &cells, (&services, &stop))?;
        let mut sweeping = vec![
            following_issuers,
            tokio::spawn(housekeeping::sweep_proofs(shared.clone())),
            tokio::spawn(housekeeping::sweep_cells(cells.clone(), services.clock.clone())),
            tokio::spawn(housekeeping::sweep_store(services.store.clone(), services.clock.clone())),
            tokio::spawn(housekeeping::time_out_pending(services.clone())),
            tokio::spawn(housekeeping::alert_balances(services.clone())),
            tokio::spawn(housekeeping::resume_closings(services.clone())),
            tokio::spawn(housekeeping::close_periods(services.clone(), settings.node.clone())),
            tokio::spawn(housekeeping::write_down_moves(services.clone(), settings.node.clone())),
            tokio::spawn(housekeeping::note_last_uses(services.store.clone(), services.last_uses.clone())),
            tokio::spawn(housekeeping::note_key_uses(services.store.clone(), services.key_uses.clone())),
            tokio::spawn(housekeeping::sweep_policies(services.live.clone(), counters.clone())),
            tokio::spawn(housekeeping::follow_upstreams(services.live.clone(), tokens.clone())),
            tokio::spawn(housekeeping::rotate_signing_keys(services.clone())),
            tokio::spawn(following::follow_changes(Follower {
                store: services.store.clone(),
                directory: services.directory.clone(),
                signing_keys: services.signing_keys.clone(),
                kill_switches: services.kill_switches.clone(),
                clock: services.clock.clone(),
            })),
        ];
        sweeping.extend(certificates.clone().map(|watched| tokio::spawn(tls::watch::watch(watched))));
        let (live, at) = (services.live.clone(), services.clock.clone());
        sweeping.push(tokio::spawn(Retention::of(&journal, services.store.clone(), live, at).run()));
        let stop_drain = CancellationToken::new();
        let run = Run { node: settings.node.clone(), since: journal.state().committed() };
        let quotas = Quotas::start(&services, quotas.purses(), &journal, run.clone());
        let leases = Leases::start(&services.store, purses, Known::of(&services, &journal), run);
        let draining = start_drain((recorder, drained.clone()), &journal, &stop_drain);
        Ok(Self {
            services,
            addresses,
            certificates,
            journal,
            drained,
            counters,
            cells,
            tokens,
            stop,
            stop_drain,
            cores,
            sweeping,
            leases,
            quotas,
            draining,
            _watch: watch,
            data,
        })
    }

    /// Takes no more connections; requests in flight go on.
    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops in order: requests in flight finish, then all that was used is on disk.
    pub async fn stop(self) {
        self.begin_stop();
        self.sweeping.iter().for_each(Task::abort);
        let journaled = self.journal.state().clone();
        let (cores, journal) = (self.cores, self.journal);
        let ended = tokio::task::spawn_blocking(move || {
            for core in cores {
                if core.join().is_err() {
                    tracing::error!("a core died");
                }
            }
            if let Err(error) = journal.close() {
                tracing::error!(%error, "the last usage records are not on disk");
            }
        });
        if ended.await.is_err() {
            tracing::error!("the node did not stop in order");
        }
        // Now that the journal is closed, what it holds is all there is to drain.
        self.stop_drain.cancel();
        let drained = tokio::time::timeout(DRAIN_TIME, self.draining).await;
        if !matches!(drained, Ok(Ok(()))) {
            tracing::warn!("not all of the journal is in the books; the rest is recorded at the next start");
        }
        self.leases.stop(journaled.committed()).await;
        self.quotas.stop().await;
        let Services { store, last_uses, key_uses, .. } = &self.services;
        let last_uses = async {
            housekeeping::write_last_uses(store, last_uses).await;
            housekeeping::write_key_uses(store, key_uses).await;
        };
        let _ = tokio::time::timeout(DRAIN_TIME, last_uses).await;
        // A caller of the admin API that hangs may still hold a connection.
        let _ = tokio::time::timeout(DRAIN_TIME, self.services.store.close()).await;
        drop(self.data);
    }
}

/// Opens the journal, mending what a crash left. Here and not in a task: its thread does not give way to the cores, since
/// durable calls wait for it.
async fn open_journal(settings: &NodeSettings, services: &Services) -> Result<Journal, ServerError> {
    let mut kept = JournalSettings::new(settings.data.join("journal"), settings.node.to_string());
    kept.resume_after = services.store.journal_position(settings.node.as_str()).await?;
    let (clock, random) = (services.clock.clone(), services.random.clone());
    let (journal, recovery) = tokio::task::block_in_place(|| Journal::open(kept, clock, &*random))?;
    tracing::info!(?recovery, "the journal is open");
    Ok(journal)
}

type Cores = (Vec<JoinHandle<()>>, Vec<Arc<CoreCounters>>);

fn start_cores(
    listeners: Vec<Listeners>,
    journal: &Journal,
    shared: &Arc<Shared>,
    cells: &Arc<Cells>,
    (services, stop): (&Services, &CancellationToken),
) -> Result<Cores, ServerError> {
    let mut cores = Vec::new();
    let mut counters = Vec::new();
    for (number, listeners) in listeners.into_iter().enumerate() {
        let mut seed = [0; 8];
        services.random.fill(&mut seed).map_err(|error| ServerError::Secrets(error.to_string()))?;
        let counted = Arc::<CoreCounters>::default();
        counters.push(counted.clone());
        let core = Core {
            number,
            listeners,
            journal: journal.writer(),
            counters: counted,
            seed: u64::from_le_bytes(seed),
        };
        cores.push(
            worker_thread::start(core, shared.clone(), cells.clone(), stop.clone())
                .map_err(ServerError::Threads)?,
        );
    }
    Ok((cores, counters))
}
