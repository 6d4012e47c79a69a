//! A whole server: built from settings and a clock, bound to its ports, run until it is told to stop.
//! `serve`, `demo` and the tests all start it here.

use crate::accounts::auth::Auth;
use crate::aggregates::ArtistIds;
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::context::Context;
use crate::datasets::{self, cache::Catalogue};
use crate::error::{Error, Result};
use crate::histories::{self, readers::Readers};
use crate::jobs::Runner;
use crate::notify::Mailer;
use crate::offers::feed::Feeds;
use crate::purchases::agreements;
use crate::routes::edge::{self, Deadlines};
use crate::routes::operation::Operation;
use crate::routes::service::{Documents, Stopping};
use crate::routes::{self, document, page};
use crate::telemetry::Metrics;
use crate::votes::{self, ballot_box::BallotBox};
use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App as Service, HttpResponse, HttpServer};
use std::fs::File;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Largest head of a request is set by the framework (128 KiB); a slower head than this is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a file that are gathered for one call of the system, and held at most for each connection that a file goes out on. With fewer,
/// whoever reads as fast as this sends falls asleep between any two calls, and waking it costs the sender more than the copying does.
const SEND_BYTES: usize = 1 << 20;

/// How long a request may take until its answer begins.
const USUAL_DEADLINE: Duration = Duration::from_secs(30);

/// How often a server looks whether the catalogue that it keeps ready is still the newest.
const CATALOGUE_CHECK: Duration = Duration::from_secs(1);

/// A server that is bound and ready to run.
pub struct App {
    context: Context,
    server: Server,
    metrics_server: Option<Server>,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    stopping: Stopping,
    feeds: Feeds,
    /// Held as long as the server lives: a second one on the same directory is refused.
    _lock: File,
}

impl App {
    /// Opens what the settings name, recovers what a crash left behind, and binds the ports.
    ///
    /// # Errors
    /// What could not be opened or bound, and why.
    pub async fn build(config: Config, clock: Clock, entropy: Entropy) -> Result<Self> {
        config.prepare_data_dir()?;
        let (lock, is_alone) = lock_directory(&config)?;
        let context = Context::open(config, clock, entropy)?;
        context.storage.check().await?;
        if is_alone {
            clear_what_was_cut_off(&context)?;
        }
        let auth = Data::new(Auth::start(&context)?);
        check_musicbrainz(&context.config)?;
        Mailer::open(&context.config)?; // a mistake in the mail settings is told now and not at the first mail
        histories::actions::recover(&context).await?;
        datasets::actions::give_words(&context).await?;
        votes::upgrade::give_logs(&context).await?;
        agreements::actions::make_missing(&context).await?;
        let stopping = Stopping::default();
        let feeds = Feeds::default();
        let (server, address) = api_server(&context, auth, &stopping, &feeds)?;
        let (metrics_server, metrics_address) = match context.config.server.metrics_bind {
            Some(bind) => {
                let (server, address) = metrics_server(bind, context.metrics.clone())?;
                (Some(server), Some(address))
            }
            None => (None, None),
        };
        Ok(App { context, server, metrics_server, address, metrics_address, stopping, feeds, _lock: lock })
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where `/metrics` listens.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// What the server works with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Serves until `stop` resolves; then says that it is not ready, ends streams, lets requests and the job under
    /// way finish, and returns.
    ///
    /// # Errors
    /// `internal` where a server failed.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> Result<()> {
        tracing::info!(server.address = %self.address, server.version = env!("CARGO_PKG_VERSION"), "serving");
        let jobs = self.context.config.jobs.enabled.then(|| Runner::start(&self.context)).transpose()?;
        let handle = self.server.handle();
        let serving = actix_web::rt::spawn(self.server);
        let metrics_handle = self.metrics_server.as_ref().map(Server::handle);
        let metrics_serving = self.metrics_server.map(actix_web::rt::spawn);
        stop.await;
        tracing::info!("stopping");
        self.stopping.begin();
        self.feeds.stop();
        handle.stop(true).await;
        if let Some(handle) = metrics_handle {
            handle.stop(false).await;
        }
        if let Some(jobs) = jobs {
            jobs.stop().await;
        }
        if let Some(serving) = metrics_serving {
            serving.await.map_err(Error::internal)??;
        }
        serving.await.map_err(Error::internal)??;
        Ok(())
    }
}

/// The mapping is read at every draw; what is wrong with it is told now, while somebody is looking.
fn check_musicbrainz(config: &Config) -> Result<()> {
    let Some(path) = &config.draws.musicbrainz_csv else { return Ok(()) };
    let named = |error: Error| Error::invalid(format!("[draws] musicbrainz_csv: {}", error.detail()));
    ArtistIds::read(path).map(drop).map_err(named)
}

/// Takes the lock of a data directory for as long as the file is kept; `false` where somebody has it.
///
/// # Errors
/// `internal` where the directory cannot be written.
pub fn try_lock_directory(config: &Config) -> Result<(File, bool)> {
    let path = config.data_dir.join("refrain.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    let is_alone = file.try_lock().is_ok();
    Ok((file, is_alone))
}

/// With the embedded database a data directory belongs to one server at a time. With PostgreSQL several may share one;
/// tells whether this is the only one.
fn lock_directory(config: &Config) -> Result<(File, bool)> {
    let (file, is_alone) = try_lock_directory(config)?;
    if config.database.url.is_none() && !is_alone {
        return Err(Error::invalid(format!(
            "Another server runs on {}; stop it, or give this one a data directory of its own.",
            config.data_dir.display()
        )));
    }
    Ok((file, is_alone))
}

/// What was being written when a server was killed holds members' plays, and is of no use to anybody.
fn clear_what_was_cut_off(context: &Context) -> Result<()> {
    let removed = context.storage.clear_staging()?;
    if removed > 0 {
        tracing::warn!(files = removed, "files that were being written when a server was killed are removed");
    }
    match std::fs::remove_dir_all(context.config.spill_dir()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn api_server(context: &Context, auth: Data<Auth>, stopping: &Stopping, feeds: &Feeds) -> Result<(Server, SocketAddr)> {
    let settings = &context.config.server;
    let operations: Arc<Vec<Operation>> = Arc::new(routes::operations());
    let documents = Data::new(documents(&operations)?);
    let deadlines = Data::new(Deadlines {
        usual: USUAL_DEADLINE,
        // The upload says by itself when it is too slow; this is for what comes after it has arrived.
        upload: Duration::from_secs(context.config.uploads.timeout_s) + USUAL_DEADLINE,
    });
    let (context, stopping) = (context.clone(), Data::new(stopping.clone()));
    let feeds = Data::new(feeds.clone());
    let (metrics, entropy) = (Data::new(context.metrics.clone()), Data::new(context.entropy.clone()));
    let (bind, workers, grace_s) = (settings.bind, settings.workers, settings.shutdown_grace_s);
    let json_limit_bytes = settings.json_limit_bytes;
    let readers = Data::new(Readers::new(&context.config.uploads));
    let catalogue = Data::new(Catalogue::new(CATALOGUE_CHECK));
    let data = Data::new(context);
    let mut server = HttpServer::new(move || {
        let operations = Arc::clone(&operations);
        Service::new()
            .app_data(data.clone())
            .app_data(readers.clone())
            .app_data(catalogue.clone())
            // Of each worker its own, on the worker's thread: what it has read in one turn goes into one batch, where a thread
            // of the box's own would be woken by the first and leave the others behind.
            .app_data(Data::new(BallotBox::open(&data)))
            .app_data(auth.clone())
            .app_data(stopping.clone())
            .app_data(feeds.clone())
            .app_data(metrics.clone())
            .app_data(entropy.clone())
            .app_data(documents.clone())
            .app_data(deadlines.clone())
            .wrap(from_fn(edge::guard))
            .configure(|config| edge::configure(config, json_limit_bytes))
            .configure(|config| routes::configure(config, &operations, json_limit_bytes))
            .default_service(web::to(|| async { Err::<HttpResponse, Error>(Error::not_found("resource")) }))
    })
    .client_request_timeout(HEAD_TIMEOUT)
    .h1_write_buffer_size(SEND_BYTES)
    .shutdown_timeout(grace_s)
    .disable_signals();
    if let Some(workers) = workers {
        server = server.workers(workers.max(1));
    }
    let server = server.bind(bind).map_err(|e| cannot_bind(bind, &e))?;
    let address = *server.addrs().first().ok_or_else(|| Error::internal("the server has no address"))?;
    Ok((server.run(), address))
}

fn documents(operations: &[Operation]) -> Result<Documents> {
    let openapi = serde_json::to_value(document::document(operations))?;
    Ok(Documents {
        openapi: serde_json::to_vec(&openapi)?.into(),
        page: page::operations_page(operations, &openapi).into(),
        problems: page::problems_page().into(),
    })
}

fn metrics_server(bind: SocketAddr, metrics: Metrics) -> Result<(Server, SocketAddr)> {
    let metrics = Data::new(metrics);
    let server = HttpServer::new(move || {
        Service::new().app_data(metrics.clone()).route("/metrics", web::get().to(render_metrics))
    })
    .workers(1)
    .disable_signals()
    .bind(bind)
    .map_err(|e| cannot_bind(bind, &e))?;
    let address = *server.addrs().first().ok_or_else(|| Error::internal("the metrics server has no address"))?;
    Ok((server.run(), address))
}

async fn render_metrics(metrics: Data<Metrics>) -> Result<HttpResponse> {
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render()?))
}

fn cannot_bind(bind: SocketAddr, cause: &std::io::Error) -> Error {
    Error::invalid(format!("Cannot listen on {bind}: {cause}. Set [server] bind, or stop what listens there."))
}
