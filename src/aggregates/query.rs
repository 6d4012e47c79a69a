//! The engine: DataFusion over the plays in the object store, with a memory limit and room to spill to disk.
//!
//! One object holds the plays of one member. Which member that is comes from the draw set, never from the
//! file: a damaged or mixed-up file can then not count as several members and break the bound.

use super::bound::{ArtistCount, TieSeed, bounded, read_counts};
use super::recipe::{ArtistPreference, Recipe};
use crate::error::{Error, Result};
use crate::ids::AccountId;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as EngineResult;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many objects are looked up at the same time before a draw.
const LOOKUPS: usize = 64;
/// How much of an object's end is read at once to find its footer: most histories' footers fit, and many an object whole.
/// Histories are small and read from end to end, so page indexes and bloom filters would be extra reads for nothing.
const FOOTER_BYTES: usize = 16 << 10;
/// The least memory that the sorts and aggregations of one partition work with, spilling.
const LEAST_MEMORY_BYTES: usize = 64 << 20;

/// What the engine may use of the machine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Memory for all draws together, in bytes, at least 64 MiB a partition; beyond it, draws spill to disk.
    pub memory_limit_bytes: usize,
    /// Where draws spill to: a directory for this engine alone. Spilled plays that a killed process left in it are removed.
    pub spill_directory: PathBuf,
    /// Partitions that run side by side: as many as processor cores.
    pub target_partitions: usize,
}

/// Runs draws. Cloning shares the memory limit and the object store; queries run on the caller's tokio runtime.
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<RuntimeEnv>,
    store: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
    target_partitions: usize,
}

/// A member of the draw set.
#[derive(Debug, Clone)]
pub struct DrawMember {
    /// Who it is.
    pub account: AccountId,
    /// Key of the object with the member's plays; `None` counts as a member without plays.
    pub plays: Option<String>,
}

impl Engine {
    /// An engine over the store that holds the plays.
    ///
    /// # Errors
    /// `internal` or `storage-full`: too little memory, or no place to spill to.
    pub fn new(config: &EngineConfig, store: Arc<dyn ObjectStore>) -> Result<Engine> {
        let target_partitions = config.target_partitions.max(1);
        let least = LEAST_MEMORY_BYTES.saturating_mul(target_partitions);
        if config.memory_limit_bytes < least {
            return Err(Error::internal(format!(
                "the memory limit of draws is {} bytes; {target_partitions} partitions need at least {least}",
                config.memory_limit_bytes
            )));
        }
        clear_spills(&config.spill_directory)?;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.memory_limit_bytes)))
            .with_temp_file_path(&config.spill_directory)
            .build_arc()
            .map_err(Error::internal)?;
        let url = ObjectStoreUrl::parse("plays://store").map_err(Error::internal)?;
        runtime.register_object_store(url.as_ref(), store.clone());
        Ok(Engine { runtime, store, url, target_partitions })
    }

    /// The exact, bounded counts of a draw set. `read` hears the share of the members' objects that is read, 0 to 100 %:
    /// a number about membership, not about plays.
    pub(super) async fn bounded_counts(
        &self,
        recipe: &Recipe,
        members: &[DrawMember],
        seed: &TieSeed,
        read: &(dyn Fn(u8) + Send + Sync),
    ) -> Result<Vec<ArtistCount>> {
        let Recipe::ArtistPreference(parameters) = recipe;
        let files = self.files(members).await?;
        if files.is_empty() {
            read(100);
            return Ok(Vec::new());
        }
        self.run(files, parameters, seed, read).await
    }

    async fn run(
        &self,
        files: Vec<PartitionedFile>,
        parameters: &ArtistPreference,
        seed: &TieSeed,
        read: &(dyn Fn(u8) + Send + Sync),
    ) -> Result<Vec<ArtistCount>> {
        let total = files.len();
        let config = SessionConfig::new().with_target_partitions(self.target_partitions);
        let context = SessionContext::new_with_config_rt(config, self.runtime.clone());
        let plays = PlaysTable { schema: scan_schema(), url: self.url.clone(), files };
        let table = context.read_table(Arc::new(plays)).map_err(Error::internal)?;
        let plan = bounded(table, parameters, seed)?.create_physical_plan().await.map_err(Error::internal)?;
        let mut work = std::pin::pin!(collect(plan.clone(), context.task_ctx()));
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        let mut said = None;
        let batches = loop {
            tokio::select! {
                done = &mut work => break done.map_err(Error::internal)?,
                _ = tick.tick() => {
                    let percent = (files_read(&plan) * 100 / total).min(100) as u8;
                    if said.replace(percent) != Some(percent) {
                        read(percent);
                    }
                }
            }
        };
        if said != Some(100) {
            read(100);
        }
        read_counts(&batches)
    }

    /// Looks up the members' objects. Every member and every object may occur once: twice would break the bound.
    async fn files(&self, members: &[DrawMember]) -> Result<Vec<PartitionedFile>> {
        let mut by_account = BTreeMap::new();
        let mut keys = std::collections::HashSet::new();
        for member in members {
            if by_account.insert(&member.account, &member.plays).is_some() {
                return Err(Error::internal(format!("{} is twice in the draw set", member.account)));
            }
            if let Some(key) = &member.plays
                && !keys.insert(key)
            {
                return Err(Error::internal(format!("the object {key} is given for two members of the draw set")));
            }
        }
        let lookups =
            by_account.into_iter().filter_map(|(account, key)| key.as_ref().map(|key| (account.clone(), key.clone())));
        futures_util::stream::iter(lookups.map(|(account, key)| {
            let store = self.store.clone();
            async move {
                let path = Path::parse(&key).map_err(Error::internal)?;
                let meta = store.head(&path).await.map_err(Error::internal)?;
                let member = ScalarValue::Utf8View(Some(account.to_string()));
                Ok::<_, Error>(PartitionedFile::new_from_meta(meta).with_partition_values(vec![member]))
            }
        }))
        .buffer_unordered(LOOKUPS)
        .try_collect()
        .await
    }
}

/// Makes the directory, and removes what a killed process spilled into it: those are members' plays. The names are
/// DataFusion's; nothing else is touched, should the setting point at a directory with other things in it.
fn clear_spills(directory: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("datafusion-") && entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The columns of the plays that a recipe reads. The files have more; they are found by name.
fn scan_schema() -> TableSchema {
    let file = Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
        Field::new("ms_played", DataType::UInt32, false),
        Field::new("artist", DataType::Utf8View, false),
    ]);
    let member = Field::new("member", DataType::Utf8View, false);
    TableSchema::builder(Arc::new(file)).with_table_partition_cols(vec![Arc::new(member)]).build()
}

/// Objects of the scan that are wholly read.
fn files_read(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let here = plan.metrics().and_then(|m| m.sum_by_name("files_processed")).map_or(0, |m| m.as_usize());
    here + plan.children().into_iter().map(files_read).sum::<usize>()
}

/// The plays of a draw set as a table: the files' columns and `member`.
#[derive(Debug)]
struct PlaysTable {
    schema: TableSchema,
    url: ObjectStoreUrl,
    files: Vec<PartitionedFile>,
}

impl TableProvider for PlaysTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // The trait declares an async method through a macro; this is what the macro makes of it.
    fn scan<'me, 'state, 'projection, 'filters, 'out>(
        &'me self,
        state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        _filters: &'filters [Expr],
        _limit: Option<usize>,
    ) -> BoxFuture<'out, EngineResult<Arc<dyn ExecutionPlan>>>
    where
        'me: 'out,
        'state: 'out,
        'projection: 'out,
        'filters: 'out,
        Self: 'out,
    {
        let partitions = state.config().target_partitions();
        async move {
            let source = ParquetSource::new(self.schema.clone())
                .with_metadata_size_hint(FOOTER_BYTES)
                .with_enable_page_index(false)
                .with_bloom_filter_on_read(false);
            let scan = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
                .with_file_groups(FileGroup::new(self.files.clone()).split_files(partitions))
                .with_projection_indices(projection.cloned())?
                .build();
            Ok(DataSourceExec::from_data_source(scan) as Arc<dyn ExecutionPlan>)
        }
        .boxed()
    }
}
