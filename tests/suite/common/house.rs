//! What a server keeps, without the server: to be copied, served, cut off and served again.

use super::market::{Market, id};
use super::{Backend, TestApp, postgres};
use refrain::clock::UtcTime;
use refrain::config::{Config, Secret};
use refrain::ids::{AccountId, DatasetId, OrganisationId, PoolId};
use serde_json::json;
use std::path::Path;

/// A market that has closed down: its directory and its database, and who has to do with it.
pub struct House {
    kept: Kept,
    pub now: UtcTime,
    pub pool_id: PoolId,
    pub dataset_id: DatasetId,
    /// In the order of their ids: first those with plays, then those who are in no pool.
    pub members: Vec<AccountId>,
    pub buyer: (AccountId, OrganisationId),
    pub operator: AccountId,
}

/// A copy of it, gone when it is dropped.
pub struct Kept {
    pub config: Config,
    directory: tempfile::TempDir,
}

impl House {
    /// A market with so many members, and people who are registered and no more.
    pub fn new(backend: Backend, members: usize, registered: usize) -> Self {
        let app = TestApp::start_with(backend, super::market::lasting_sessions);
        let market = Market::within(app, members as u64, &json!({}));
        let others = (0..registered).map(|number| market.app.member(&format!("registered{number}")));
        let account = |caller: &super::http::Caller| AccountId::parse(&id(&caller.get("/v1/me").ok())).unwrap();
        let mut others: Vec<_> = others.map(|other| account(&other)).collect();
        let mut members: Vec<_> = market.members.iter().map(account).collect();
        members.sort();
        others.sort();
        members.append(&mut others);
        let organisation = id(&market.buyer.get("/v1/me").ok()["organisation"]);
        let directory = tempfile::tempdir().unwrap();
        copy(&market.app.ctx.config.data_dir, directory.path());
        let config = Config { data_dir: directory.path().to_owned(), ..Config::clone(&market.app.ctx.config) };
        House {
            kept: Kept { config, directory },
            now: market.app.ctx.clock.now(),
            pool_id: PoolId::parse(&market.pool_id).unwrap(),
            dataset_id: DatasetId::parse(&market.dataset_id).unwrap(),
            members,
            buyer: (account(&market.buyer), OrganisationId::parse(&organisation).unwrap()),
            operator: account(&market.operator),
        }
    }

    /// A copy with few connections, as nobody else is there.
    pub fn copy(&self) -> Kept {
        let directory = tempfile::tempdir().unwrap();
        copy(self.kept.directory.path(), directory.path());
        let mut config = Config { data_dir: directory.path().to_owned(), ..self.kept.config.clone() };
        (config.database.readers, config.database.pool_size) = (Some(2), 4);
        config.database.url = config.database.url.map(|url| Secret::from(postgres::cluster().copy_of(url.expose())));
        Kept { config, directory }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(url) = &self.config.database.url {
            postgres::cluster().remove(url.expose());
        }
    }
}

/// Copies what a server keeps, while nothing is written to it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
}
