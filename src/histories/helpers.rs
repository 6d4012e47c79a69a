//! Threads that help with reading a history while nobody else needs them.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::Semaphore;

/// Threads that may help, shared by all who ask. Whoever asks works in a thread of its own in any case, and has
/// help from those that are free for as long as its work lasts.
#[derive(Clone)]
pub struct Helpers(Arc<Semaphore>);

impl Helpers {
    /// So many, besides those who ask.
    pub fn new(threads: usize) -> Self {
        Helpers::sharing(Arc::new(Semaphore::new(threads)))
    }

    /// One for each permit that is left.
    pub fn sharing(permits: Arc<Semaphore>) -> Self {
        Helpers(permits)
    }

    /// Does the same with every item, in this thread and in as many others as are free and of use. Items are begun
    /// in their order, and none after one has given [`ControlFlow::Break`]; so what comes out, in that order, too,
    /// is for all items or for the first ones.
    pub fn map<T: Send, U: Send>(&self, items: Vec<T>, each: impl Fn(T) -> ControlFlow<U, U> + Sync) -> Vec<U> {
        let most = items.len();
        let waiting = Mutex::new(items.into_iter().enumerate());
        let done = Mutex::new(Vec::with_capacity(most));
        // A function of its own, so that the lock is not held while the item is worked on.
        let take = || waiting.lock().expect("nobody panics with the items").next();
        let work = || {
            while let Some((place, item)) = take() {
                let result = match each(item) {
                    ControlFlow::Continue(result) => result,
                    ControlFlow::Break(result) => {
                        waiting.lock().expect("nobody panics with the items").by_ref().for_each(drop);
                        result
                    }
                };
                done.lock().expect("nobody panics with the results").push((place, result));
            }
        };
        thread::scope(|scope| {
            for _ in 1..most {
                let Ok(permit) = self.0.try_acquire() else { break };
                let helper = || {
                    work();
                    drop(permit);
                };
                // Where the system has no thread left, this one does the work alone.
                if thread::Builder::new().name("reading".to_owned()).spawn_scoped(scope, helper).is_err() {
                    break;
                }
            }
            work();
        });
        let mut done = done.into_inner().expect("nobody panics with the results");
        done.sort_unstable_by_key(|(place, _)| *place);
        done.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Barrier;

    proptest! {
        #[test]
        fn results_stand_in_the_order_of_the_items(items in proptest::collection::vec(any::<u16>(), 0..40), threads in 0..4usize) {
            let doubled = Helpers::new(threads).map(items.clone(), |item| ControlFlow::Continue(u32::from(item) * 2));
            prop_assert_eq!(doubled, items.iter().map(|item| u32::from(*item) * 2).collect::<Vec<_>>());
        }

        #[test]
        fn after_a_break_no_item_is_begun_and_none_is_left_out_before_it(last in 0..40usize, threads in 0..4usize) {
            let go_on = |item| if item == last { ControlFlow::Break(item) } else { ControlFlow::Continue(item) };
            let begun = Helpers::new(threads).map((0..40).collect(), go_on);
            prop_assert!(begun.len() > last && begun.iter().copied().eq(0..begun.len()));
            if threads == 0 {
                prop_assert_eq!(begun.len(), last + 1);
            }
        }
    }

    #[test]
    fn help_is_given_while_it_lasts_and_taken_back() {
        let permits = Arc::new(Semaphore::new(3));
        let helpers = Helpers::sharing(Arc::clone(&permits));
        // Each waits for the other two, before and after it looks: so there are three threads, and no fourth for nothing.
        let together = Barrier::new(3);
        let free = helpers.map(vec![(); 3], |()| {
            together.wait();
            let free = permits.available_permits();
            together.wait();
            ControlFlow::Continue(free)
        });
        assert_eq!(free, [1, 1, 1]);
        assert_eq!(permits.available_permits(), 3);
        assert_eq!(Helpers::new(0).map(vec![1, 2], ControlFlow::<i32, i32>::Continue), [1, 2]);
    }
}
