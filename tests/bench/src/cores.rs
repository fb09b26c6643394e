//! Which cores do the work that is measured, and that they stay awake meanwhile.
//!
//! A card's command is a chain of hand-overs between processes, each of a few microseconds; never do two of them work at once.
//! Left alone, the scheduler moves the chain between cores, and the same commands take 10 or 30 ms by its mood. So the chain
//! (client, daemon, card) has one core, the services another, as they have a machine of their own; product and floor alike.
//! What is a rate and has no floor beside it (part `driver`) runs where the system puts it, and its best window counts.
//! A core of a virtual machine that has nothing to do is given back to the host and takes tens of microseconds to come back.
//! So a loop at idle priority (SCHED_IDLE: it yields to everything) keeps the chain's core awake where microseconds count, and
//! that of the services only where the chain waits for them: it takes from what both cores share.

use std::hint::spin_loop;
use std::os::unix::process::parent_id;
use std::process::{Child, Command, Stdio};
use std::thread::yield_now;

use anyhow::{Context, Result, ensure};
use tests_stand::binaries;

/// Turns of a loop between two looks for its parent: some milliseconds.
const TURNS: u32 = 10_000;
/// About a microsecond between two goings into the kernel.
const SPINS: u32 = 64;
const MISSING: &str = "chrt and taskset are missing: apt-get install util-linux";

/// Cores that this process may use; when this value is dropped it may use all of them again.
pub struct Cores {
    all: Vec<usize>,
    loops: Vec<Child>,
}

impl Cores {
    /// What this process starts from now on runs where services run.
    ///
    /// # Errors
    /// `taskset` is missing.
    pub fn take() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let cores = Self {
            all: allowed(&status)?,
            loops: Vec::new(),
        };
        place(std::process::id(), &[cores.services()])?;
        Ok(cores)
    }

    /// Keeps the chain's core awake.
    ///
    /// # Errors
    /// `chrt` or `taskset` is missing.
    pub fn keep_chain_awake(&mut self) -> Result<()> {
        self.keep_awake(self.chain_core())
    }

    /// Keeps the services' core awake.
    ///
    /// # Errors
    /// As [`Cores::keep_chain_awake`].
    pub fn keep_services_awake(&mut self) -> Result<()> {
        self.keep_awake(self.services())
    }

    fn keep_awake(&mut self, core: usize) -> Result<()> {
        let one = Command::new("taskset")
            .args(["-c", &core.to_string(), "chrt", "--idle", "0"])
            .arg(binaries::program("rhc-bench")?)
            .args(["awake", &std::process::id().to_string()])
            .stdout(Stdio::null())
            .spawn();
        self.loops.push(one.context(MISSING)?);
        Ok(())
    }

    /// This process, and what it starts from now on, and these others: on the core of the chain.
    pub fn chain(&self, others: &[u32]) -> Result<()> {
        self.all_on(others, &[self.chain_core()])
    }

    /// The same on every core.
    pub fn everywhere(&self, others: &[u32]) -> Result<()> {
        self.all_on(others, &self.all)
    }

    /// Where services run: not where the chain is, if there are two.
    fn services(&self) -> usize {
        self.all[0]
    }

    fn chain_core(&self) -> usize {
        self.all[self.all.len() - 1]
    }

    fn all_on(&self, others: &[u32], cores: &[usize]) -> Result<()> {
        let processes = [&[std::process::id()], others].concat();
        processes.iter().try_for_each(|pid| place(*pid, cores))
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        for each in &mut self.loops {
            // One that cannot be ended ends by itself.
            let _ = each.kill();
            let _ = each.wait();
        }
        // Else the next part runs on one core, which its figures show.
        let _ = self.everywhere(&[]);
    }
}

/// All threads of a process, and so whatever they start.
fn place(pid: u32, cores: &[usize]) -> Result<()> {
    let list: Vec<_> = cores.iter().map(ToString::to_string).collect();
    let placed = Command::new("taskset")
        .args(["-a", "-c", "-p", &list.join(","), &pid.to_string()])
        .stdout(Stdio::null())
        .status()
        .context(MISSING)?;
    ensure!(placed.success(), "taskset could not move process {pid}");
    Ok(())
}

/// `Cpus_allowed_list` of a process, like `0-1,4`.
fn allowed(status: &str) -> Result<Vec<usize>> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let mut cores = Vec::new();
    for range in line.context("no Cpus_allowed_list")?.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<usize>()?..=last.parse()?);
    }
    ensure!(!cores.is_empty(), "no core may be used");
    Ok(cores)
}

/// The loop, until the process that started it is gone. It goes into the kernel at each turn: a kernel that preempts lazily
/// takes a core from a loop that never does only at the next tick.
pub fn keep_awake(parent: u32) {
    while parent_id() == parent {
        for _ in 0..TURNS {
            (0..SPINS).for_each(|_| spin_loop());
            yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn a_list_of_cores_is_understood() {
        let of = |list: &str| allowed(&format!("Name:\tx\nCpus_allowed_list:\t{list}\n")).ok();
        assert_eq!(of("0-1,4"), Some(vec![0, 1, 4]));
        assert_eq!(of("3"), Some(vec![3]));
        assert_eq!(of(""), None);
    }
}
