//! The physical operator: a scan of plays goes in, partial bounded sums by group come out.
//!
//! DataFusion's own plan for this (plays by member and group, a window over each member, a filter) sorts and shuffles all
//! of the plays. They lie sorted by member, so one pass suffices. The operator holds plain data only, so that it can be sent
//! to where the plan runs.

use super::bounder::{self, Bounder, Valid};
use super::counting::Task;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures_util::{StreamExt, stream};
use std::fmt;
use std::sync::Arc;

/// Memory is accounted for in steps of so many bytes.
const ACCOUNT_STEP_BYTES: usize = 1 << 20;

/// Bounds what each member contributes, and adds it up by group within a partition.
pub struct BoundExec {
    task: Arc<Task>,
    valid: Valid,
    from_counts: bool,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl BoundExec {
    /// Over a scan of which each partition holds whole objects.
    pub fn new(task: Arc<Task>, valid: Valid, from_counts: bool, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(bounder::schema(&task.recipe)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        ));
        BoundExec { task, valid, from_counts, input, properties }
    }
}

impl fmt::Debug for BoundExec {
    /// Without seed, members and list: plans end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundExec").field("kind", &self.task.recipe.kind).finish_non_exhaustive()
    }
}

impl DisplayAs for BoundExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = if self.from_counts { "counts" } else { "plays" };
        write!(f, "BoundExec: kind={}, from={source}", self.task.recipe.kind)
    }
}

impl ExecutionPlan for BoundExec {
    fn name(&self) -> &str {
        "BoundExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    /// Objects must stay whole: a partition that got parts of one would meet a member twice.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] =
            <[_; 1]>::try_from(children).map_err(|_| DataFusionError::Internal("BoundExec has one input".into()))?;
        Ok(Arc::new(BoundExec::new(self.task.clone(), self.valid.clone(), self.from_counts, input)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let consumer = |what: &str| MemoryConsumer::new(format!("{what} of BoundExec[{partition}]"));
        let for_names = consumer("names").register(context.memory_pool());
        let for_totals = consumer("sums").with_can_spill(true).register(context.memory_pool());
        let work = Work {
            input: self.input.execute(partition, context)?,
            bounder: Bounder::new(&self.task, self.valid.clone(), self.from_counts),
            for_names,
            for_totals,
            is_over: false,
        };
        let batches =
            stream::try_unfold(work, |mut work| async move { Ok(work.next().await?.map(|batch| (batch, work))) });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

impl BoundExec {
    fn schema(&self) -> SchemaRef {
        self.properties.equivalence_properties().schema().clone()
    }
}

/// One partition at work.
struct Work {
    input: SendableRecordBatchStream,
    bounder: Bounder,
    for_names: MemoryReservation,
    for_totals: MemoryReservation,
    is_over: bool,
}

impl Work {
    /// The next sums: those of the whole partition, or of the part that fitted into memory. Whoever adds them up can spill.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.is_over {
            return Ok(None);
        }
        while let Some(batch) = self.input.next().await {
            self.bounder.take(&batch?).map_err(outward)?;
            grow(&self.for_names, self.bounder.name_bytes())?;
            if grow(&self.for_totals, self.bounder.total_bytes()).is_err() {
                let part = self.bounder.drain().map_err(outward)?;
                self.for_totals.free();
                return Ok(Some(part));
            }
        }
        self.is_over = true;
        self.bounder.finish();
        self.bounder.drain().map(Some).map_err(outward)
    }
}

/// Accounts for what is held, a step at a time.
fn grow(reservation: &MemoryReservation, bytes: usize) -> Result<()> {
    if bytes <= reservation.size() {
        Ok(())
    } else {
        reservation.try_resize(bytes.next_multiple_of(ACCOUNT_STEP_BYTES))
    }
}

fn outward(error: crate::error::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::bound::TieSeed;
    use crate::aggregates::recipe::Recipe;
    use crate::clock::{Entropy, UtcTime};
    use datafusion::arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array, UInt32Array};
    use datafusion::arrow::datatypes::{Int32Type, Int64Type};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::memory_pool::GreedyMemoryPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use std::collections::BTreeMap;

    const MEMBERS: usize = 600;
    const PLAYS: usize = 40;

    /// The plays of one member: forty artists of six thousand.
    fn batch(member: usize) -> RecordBatch {
        let id = format!("acct_{member:05}");
        let members: DictionaryArray<Int32Type> = std::iter::repeat_n(id.as_str(), PLAYS).collect();
        let names: Vec<String> = (0..PLAYS).map(|i| format!("Artist {}", (member * 7 + i * 151) % 6_000)).collect();
        let artists: DictionaryArray<Int32Type> = names.iter().map(String::as_str).collect();
        let columns: [(&str, ArrayRef); 4] = [
            ("member_id", Arc::new(members)),
            ("ms_played", Arc::new(UInt32Array::from(vec![200_000; PLAYS]))),
            ("artist", Arc::new(artists)),
            ("object", Arc::new(UInt32Array::from(vec![0; PLAYS]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    async fn parts(memory_bytes: usize) -> Vec<RecordBatch> {
        let batches: Vec<RecordBatch> = (0..MEMBERS).map(batch).collect();
        let schema = batches[0].schema();
        let task = Task {
            recipe: Recipe { keys_per_member: 40, ..Recipe::default() },
            drawn_at: UtcTime::from_unix_s(0).unwrap(),
            artists: Vec::new(),
            seed: TieSeed::new(&Entropy::seeded(1)),
        };
        let valid = Arc::new(vec![(0..MEMBERS).map(|member| format!("acct_{member:05}").into()).collect()]);
        let input = MemorySourceConfig::try_new_exec(&[batches], schema, None).unwrap();
        let plan = BoundExec::new(Arc::new(task), valid, false, input);
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes)));
        let context = SessionContext::new_with_config_rt(SessionConfig::new(), runtime.build_arc().unwrap());
        datafusion::physical_plan::collect(Arc::new(plan), context.task_ctx()).await.unwrap()
    }

    fn added_up(parts: &[RecordBatch]) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for part in parts {
            let (names, fans): (_, &Int64Array) =
                (part.column(0).as_string::<i32>(), part.column(1).as_primitive::<Int64Type>());
            for row in 0..part.num_rows() {
                *sums.entry(names.value(row).to_owned()).or_default() += fans.value(row);
            }
        }
        sums
    }

    #[tokio::test]
    async fn sums_that_do_not_fit_are_given_out_in_parts() {
        let (ample, scant) = (parts(64 << 20).await, parts(3 << 19).await);
        assert_eq!(ample.len(), 1);
        assert!(scant.len() > 1, "a megabyte and a half holds six thousand names, and not their sums too");
        assert_eq!(added_up(&ample), added_up(&scant));
        assert_eq!(added_up(&ample).values().sum::<i64>(), (MEMBERS * PLAYS) as i64);
    }

    #[test]
    fn a_plan_that_is_printed_tells_no_secrets() {
        let task = Task {
            recipe: Recipe::default(),
            drawn_at: UtcTime::from_unix_s(0).unwrap(),
            artists: vec!["A Listed Artist".into()],
            seed: TieSeed::new(&Entropy::seeded(1)),
        };
        let input = MemorySourceConfig::try_new_exec(&[vec![batch(0)]], batch(0).schema(), None).unwrap();
        let plan = BoundExec::new(Arc::new(task), Arc::default(), false, input);
        assert_eq!(format!("{plan:?}"), "BoundExec { kind: ArtistPreference, .. }");
    }
}
