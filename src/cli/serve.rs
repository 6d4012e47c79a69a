//! `refrain serve`

use super::Settings;
use crate::app::App;
use crate::clock::{Clock, Entropy};
use crate::error::Result;
use crate::telemetry;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

/// Run the server.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    settings: Settings,
}

/// Serves on the system's clock until SIGTERM or SIGINT.
pub fn run(args: &ServeArgs) -> Result<()> {
    let config = args.settings.load()?;
    telemetry::start(&config.log)?;
    actix_web::rt::System::new().block_on(async {
        let app = App::build(config, Clock::system(), Entropy::system()).await?;
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        app.run_until_stopped(async move {
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        })
        .await
    })
}
