//! `refrain serve`

use super::Settings;
use crate::app::App;
use crate::clock::{Clock, Entropy};
use crate::error::Result;
use crate::telemetry;
use clap::Args;
use std::net::SocketAddr;
use tokio::signal::unix::{SignalKind, signal};

/// Run the server.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
    /// Where the API listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    bind: Option<SocketAddr>,
    /// Where /metrics listens [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    metrics_bind: Option<SocketAddr>,
}

/// Serves on the system's clock until SIGTERM or SIGINT.
pub fn run(args: &ServeArgs) -> Result<()> {
    let mut config = args.settings.load()?;
    config.server.bind = args.bind.unwrap_or(config.server.bind);
    config.server.metrics_bind = args.metrics_bind.or(config.server.metrics_bind);
    config.check()?;
    let _log = telemetry::start(&config.log)?;
    actix_web::rt::System::new().block_on(async {
        let app = App::build(config, Clock::system(), Entropy::system()).await?;
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        app.run_until_stopped(async move {
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        })
        .await
    })
}
