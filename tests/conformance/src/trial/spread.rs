//! One job to each core.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::ProgressBar;

/// Does all jobs, as many at a time as there are cores; the results in the order of the jobs.
///
/// # Errors
/// The first job's that failed, in the order of the jobs.
pub fn each<J: Sync, R: Send>(
    jobs: &[J],
    bar: &ProgressBar,
    work: impl Fn(&J) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(at) else { return };
                    let result = work(job);
                    bar.inc(1);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_jobs_and_the_first_failure_is_told() {
        let jobs: Vec<u32> = (0..100).collect();
        let bar = ProgressBar::hidden();
        let doubled = each(&jobs, &bar, |n| Ok(n * 2)).unwrap();
        assert_eq!(doubled, (0..100).map(|n| n * 2).collect::<Vec<_>>());
        let failed = each(&jobs, &bar, |n| {
            if n % 30 == 29 {
                Err(n.to_string())
            } else {
                Ok(())
            }
        });
        assert_eq!(failed, Err("29".to_owned()));
        assert_eq!(each(&[] as &[u32], &bar, |n| Ok(*n)), Ok(Vec::new()));
    }
}
