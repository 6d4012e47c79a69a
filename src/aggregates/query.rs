//! The engine: DataFusion over the plays in the object store, with a memory limit and room to spill to disk.
//!
//! The plan is a scan of the members' objects, spread over partitions whole, the operator that bounds ([`BoundExec`]), and
//! DataFusion's own aggregation that adds up the parts. Whose rows of an object count comes from the draw set, never from
//! the file alone: an object may hold rows of members who are not in the draw, or whose plays have moved on.

use super::bounder::{self, Valid};
use super::counting::Task;
use super::keys::Value;
use super::noise::GroupSums;
use super::operator::BoundExec;
use super::recipe::Recipe;
use crate::error::{Error, Result};
use crate::histories::model::PlaysObject;
use crate::histories::{counts_file, plays_file};
use datafusion::arrow::array::{AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as EngineResult;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, Operator, col};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, binary, col as column, lit};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use hashbrown::HashSet;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many objects are looked up at the same time before a draw.
const LOOKUPS: usize = 64;
/// How much of an object's end is read at once to find its footer: most histories' footers fit, and many an object whole.
/// Histories are small and read from end to end, so page indexes and bloom filters would be extra reads for nothing.
const FOOTER_BYTES: usize = 16 << 10;
/// Rows that are decoded at a time: few enough that they stay near the processor.
const BATCH_ROWS: usize = 32 << 10;
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
        std::fs::create_dir_all(&config.spill_directory)?;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(config.memory_limit_bytes)))
            .with_temp_file_path(&config.spill_directory)
            .build_arc()
            .map_err(Error::internal)?;
        let url = ObjectStoreUrl::parse("plays://store").map_err(Error::internal)?;
        runtime.register_object_store(url.as_ref(), store.clone());
        Ok(Engine { runtime, store, url, target_partitions })
    }

    /// The exact, bounded sums by group of a draw set. `read` hears the share of the members' objects that is read, 0 to 100 %:
    /// a number about membership, not about plays.
    pub(super) async fn group_sums(
        &self,
        task: Task,
        objects: &[PlaysObject],
        read: &(dyn Fn(u8) + Send + Sync),
    ) -> Result<Vec<GroupSums>> {
        check_members(objects)?;
        let task = Arc::new(task);
        let with_counts = |object: &PlaysObject| task.counts_suffice() && object.counts_key.is_some();
        let (counted, plain): (Vec<&PlaysObject>, Vec<&PlaysObject>) =
            objects.iter().partition(|object| with_counts(object));
        let config = SessionConfig::new()
            .with_target_partitions(self.target_partitions)
            .with_batch_size(BATCH_ROWS)
            .with_repartition_file_scans(false);
        let context = SessionContext::new_with_config_rt(config, self.runtime.clone());
        let mut bounded: Option<DataFrame> = None;
        for (objects, from_counts) in [(counted, true), (plain, false)] {
            if objects.is_empty() {
                continue;
            }
            let table = self.table(&task, &objects, from_counts).await?;
            let more = context.read_table(Arc::new(table)).map_err(Error::internal)?;
            bounded = Some(match bounded {
                None => more,
                Some(some) => some.union(more).map_err(Error::internal)?,
            });
        }
        let Some(bounded) = bounded else {
            read(100);
            return Ok(Vec::new());
        };
        let plan = added_up(bounded, &task.recipe)?.create_physical_plan().await.map_err(Error::internal)?;
        let batches = run(plan, &context, objects.len(), read).await?;
        read_sums(&batches, &task.recipe)
    }

    /// The objects as a table of bounded sums.
    async fn table(&self, task: &Arc<Task>, objects: &[&PlaysObject], from_counts: bool) -> Result<BoundedTable> {
        let key = |object: &PlaysObject| match (&object.counts_key, from_counts) {
            (Some(key), true) => key.clone(),
            _ => object.key.clone(),
        };
        let lookups = objects.iter().enumerate().map(|(number, object)| {
            let (store, key) = (self.store.clone(), key(object));
            async move {
                let path = Path::parse(&key).map_err(Error::internal)?;
                let meta = store.head(&path).await.map_err(Error::internal)?;
                let number = ScalarValue::UInt32(Some(u32::try_from(number).map_err(Error::internal)?));
                Ok::<_, Error>(PartitionedFile::new_from_meta(meta).with_partition_values(vec![number]))
            }
        });
        let files: Vec<PartitionedFile> =
            futures_util::stream::iter(lookups).buffer_unordered(LOOKUPS).try_collect().await?;
        let members = |object: &&PlaysObject| object.members.iter().map(|member| member.as_str().into()).collect();
        Ok(BoundedTable {
            task: task.clone(),
            valid: Arc::new(objects.iter().map(members).collect()),
            from_counts,
            url: self.url.clone(),
            groups: spread(files, self.target_partitions),
        })
    }
}

/// Every member and every object may occur once: twice would break the bound.
fn check_members(objects: &[PlaysObject]) -> Result<()> {
    let mut keys = HashSet::new();
    let mut members = HashSet::new();
    for object in objects {
        if !keys.insert(&object.key) {
            return Err(Error::internal(format!("the object {} is given twice", object.key)));
        }
        for member in &object.members {
            if !members.insert(member) {
                return Err(Error::internal(format!("{member} is twice in the draw set")));
            }
        }
    }
    Ok(())
}

/// Whole objects by partition, so that each has about as many bytes: the largest first, each to where least is.
fn spread(mut files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let size = |file: &PartitionedFile| file.object_meta.size;
    files.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.object_meta.location.cmp(&b.object_meta.location)));
    let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); partitions.min(files.len()).max(1)];
    for file in files {
        // There is one at least.
        if let Some(group) = groups.iter_mut().min_by_key(|group| group.0) {
            group.0 += size(&file);
            group.1.push(file);
        }
    }
    groups.into_iter().map(|(_, files)| FileGroup::new(files)).collect()
}

/// The sums of all partitions by group.
fn added_up(bounded: DataFrame, recipe: &Recipe) -> Result<DataFrame> {
    let schema = bounder::schema(recipe);
    let (groups, sums): (Vec<&str>, Vec<&str>) =
        schema.fields().iter().map(|field| field.name().as_str()).partition(|name| name.starts_with('g'));
    let totals = sums.into_iter().map(|name| sum(col(name)).alias(name)).collect();
    bounded.aggregate(groups.into_iter().map(col).collect(), totals).map_err(Error::internal)
}

async fn run(
    plan: Arc<dyn ExecutionPlan>,
    context: &SessionContext,
    objects: usize,
    read: &(dyn Fn(u8) + Send + Sync),
) -> Result<Vec<RecordBatch>> {
    let mut work = std::pin::pin!(collect(plan.clone(), context.task_ctx()));
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    let mut said = None;
    let batches = loop {
        tokio::select! {
            done = &mut work => break done.map_err(Error::internal)?,
            _ = tick.tick() => {
                let percent = (files_read(&plan) * 100 / objects.max(1)).min(100) as u8;
                if said.replace(percent) != Some(percent) {
                    read(percent);
                }
            }
        }
    };
    if said != Some(100) {
        read(100);
    }
    Ok(batches)
}

/// Reads what the plan gave.
fn read_sums(batches: &[RecordBatch], recipe: &Recipe) -> Result<Vec<GroupSums>> {
    let is_number: Vec<bool> =
        recipe.group_by.iter().flat_map(|key| key.columns().iter().map(|_| key.is_number())).collect();
    let mut out = Vec::new();
    for batch in batches {
        let (groups, sums) = batch.columns().split_at(is_number.len());
        let wrong = || Error::internal("the bounded query must give texts and 64-bit whole numbers");
        let texts = groups.iter().map(|column| column.as_string_opt::<i32>().ok_or_else(wrong));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let sums = sums.iter().map(|column| column.as_primitive_opt::<Int64Type>().ok_or_else(wrong));
        let sums = sums.collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let value = |(column, is_number): (&&StringArray, &bool)| {
                let text = column.value(row);
                if *is_number {
                    text.parse().map(Value::Number).map_err(Error::internal)
                } else {
                    Ok(Value::Text(text.into()))
                }
            };
            out.push(GroupSums {
                values: texts.iter().zip(&is_number).map(value).collect::<Result<_>>()?,
                sums: sums.iter().map(|column| column.value(row)).collect(),
            });
        }
    }
    Ok(out)
}

/// Objects of the scan that are wholly read.
fn files_read(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let here = plan.metrics().and_then(|m| m.sum_by_name("files_processed")).map_or(0, |m| m.as_usize());
    here + plan.children().into_iter().map(files_read).sum::<usize>()
}

/// The plays of a draw set as a table of bounded sums, one part of the members after the other: to be added up.
#[derive(Debug)]
struct BoundedTable {
    task: Arc<Task>,
    valid: Valid,
    from_counts: bool,
    url: ObjectStoreUrl,
    groups: Vec<FileGroup>,
}

impl BoundedTable {
    /// The columns that are read. The files have more; they are found by name.
    fn scanned(&self) -> TableSchema {
        let all = if self.from_counts { counts_file::schema() } else { plays_file::schema() };
        let wanted = self.task.columns();
        // Of counts every column is read.
        let is_read = |name: &str| self.from_counts || name == "member_id" || wanted.contains(&name);
        let fields = all.fields().iter().filter(|field| is_read(field.name()));
        let file = Schema::new(fields.cloned().collect::<Vec<_>>());
        let object = Field::new("object", DataType::UInt32, false);
        TableSchema::builder(Arc::new(file)).with_table_partition_cols(vec![Arc::new(object)]).build()
    }

    /// Which row groups of counts are read at all, by the statistics of their months: favourites and months lie apart. It
    /// saves work and decides nothing; the rows are looked at again.
    fn row_groups_of_counts(&self, schema: &Schema) -> EngineResult<Arc<dyn PhysicalExpr>> {
        let months = self.task.months_of_counts();
        let compared = |operator, month: u32| {
            let month = lit(u16::try_from(month).unwrap_or(u16::MAX));
            binary(column("month", schema)?, operator, month, schema)
        };
        let (from, to) =
            (compared(Operator::GtEq, months.start)?, compared(Operator::LtEq, months.end.saturating_sub(1))?);
        binary(from, Operator::And, to, schema)
    }

    fn plan(&self) -> EngineResult<Arc<dyn ExecutionPlan>> {
        let scanned = self.scanned();
        let mut source = ParquetSource::new(scanned.clone())
            .with_metadata_size_hint(FOOTER_BYTES)
            .with_enable_page_index(false)
            .with_bloom_filter_on_read(false);
        if self.from_counts {
            source = source.with_predicate(self.row_groups_of_counts(scanned.table_schema())?);
        }
        let scan = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source)).with_file_groups(self.groups.clone());
        let scan = DataSourceExec::from_data_source(scan.build());
        Ok(Arc::new(BoundExec::new(self.task.clone(), self.valid.clone(), self.from_counts, scan)))
    }
}

impl TableProvider for BoundedTable {
    fn schema(&self) -> SchemaRef {
        bounder::schema(&self.task.recipe)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // The trait declares an async method through a macro; this is what the macro makes of it.
    fn scan<'me, 'state, 'projection, 'filters, 'out>(
        &'me self,
        _: &'state dyn Session,
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
        async move {
            let plan = self.plan()?;
            let Some(projection) = projection else { return Ok(plan) };
            let schema = plan.schema();
            let taken = |place: &usize| {
                let name = schema.field(*place).name();
                ProjectionExpr { expr: Arc::new(Column::new(name, *place)), alias: name.clone() }
            };
            let columns: Vec<ProjectionExpr> = projection.iter().map(taken).collect();
            Ok(Arc::new(ProjectionExec::try_new(columns, plan)?) as Arc<dyn ExecutionPlan>)
        }
        .boxed()
    }
}
