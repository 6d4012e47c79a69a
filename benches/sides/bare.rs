//! What a handler can reach at the most that answers bytes which it was given, to everybody or to whoever has a token of the
//! service.

use actix_web::http::header::{AUTHORIZATION, ETAG};
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use refrain::accounts::keys::Keys;
use refrain::accounts::tokens::Tokens;
use refrain::clock::{Clock, Entropy};
use refrain::config::Config;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::RwLock;

/// Serves pages and nothing else.
#[derive(Debug, clap::Args)]
pub struct BareArgs {
    #[arg(long)]
    bind: SocketAddr,
    /// `PATH=FILE`: what is answered there
    #[arg(long)]
    page: Vec<String>,
    /// The service's directory, whose keys tell which tokens are good: then nobody is answered without one
    #[arg(long, requires = "issuer")]
    data_dir: Option<PathBuf>,
    /// In whose name tokens are
    #[arg(long)]
    issuer: Option<String>,
}

struct Door {
    tokens: Tokens,
    known: RwLock<HashSet<String>>,
    clock: Clock,
}

/// Serves until it is killed.
pub fn run(args: BareArgs) {
    let page = |page: &String| {
        let (path, file) = page.split_once('=').expect("a page is PATH=FILE");
        (path.to_owned(), Bytes::from(std::fs::read(file).expect("the page's file can be read")))
    };
    let pages: Data<HashMap<String, Bytes>> = Data::new(args.page.iter().map(page).collect());
    let door = args.data_dir.map(|data_dir| {
        let config = Config { data_dir, ..Config::default() };
        let keys = Keys::load_or_make(&config.keys_dir(), &Entropy::system()).expect("the keys can be read");
        let tokens = Tokens::new(keys, args.issuer.as_deref().unwrap_or_default(), 60).expect("tokens can be verified");
        Door { tokens, known: RwLock::default(), clock: Clock::system() }
    });
    let door: Data<Option<Door>> = Data::new(door);
    actix_web::rt::System::new().block_on(async {
        let app =
            move || App::new().app_data(pages.clone()).app_data(door.clone()).default_service(web::get().to(answer));
        let server = HttpServer::new(app).workers(1).bind(args.bind).expect("the port is free");
        server.run().await.expect("the server runs");
    });
}

async fn answer(request: HttpRequest, pages: Data<HashMap<String, Bytes>>, door: Data<Option<Door>>) -> HttpResponse {
    if door.as_ref().as_ref().is_some_and(|door| !door.knows(&request)) {
        return HttpResponse::Unauthorized().finish();
    }
    match pages.get(request.path()) {
        Some(page) => HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((ETAG, "\"the-same-for-all\""))
            .body(page.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}

impl Door {
    /// A token is verified once, and known then.
    fn knows(&self, request: &HttpRequest) -> bool {
        let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let Some((_, token)) = header.and_then(|header| header.split_once(' ')) else { return false };
        if self.known.read().is_ok_and(|known| known.contains(token)) {
            return true;
        }
        let is_good = self.tokens.verify(token, self.clock.now()).is_ok();
        is_good && self.known.write().is_ok_and(|mut known| known.insert(token.to_owned()))
    }
}
