//! A card that never answers does not hang its caller.
//!
//! The PC/SC call that waits for a card has no time-out and cannot be cancelled, so a worker thread makes it and the
//! caller waits for the worker with a limit. A worker that never comes back is left alone: nothing can end it but the
//! card's removal, and it holds no lock of ours. The hand-over costs a few microseconds per command.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::ReaderError;
use crate::inbox::channel;
pub use crate::inbox::{Inbox, Outbox};
use crate::row::{Answered, Row};

/// Time that a card may take for one command when nothing else is asked: ten times the slowest command known.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// What a terminal takes from one answer to its next command.
const BETWEEN_ORDERS: Duration = Duration::from_micros(50);
/// What a simulated card takes for a command, the daemon included. Real cards take milliseconds and are slept for.
const FAST_CARD: Duration = Duration::from_micros(150);

/// What the worker is told to do.
pub enum Order {
    Begin,
    /// Commands, which keep their answers themselves; the pulse beats before each.
    Transmit(Arc<Row>, Arc<Pulse>),
    End,
}

/// What it answers: the ATR on `Begin`, nothing on `Transmit` and `End`.
pub type Answer = Result<Vec<u8>, ReaderError>;

/// When the worker last began a command.
pub struct Pulse {
    begun: Instant,
    /// Microseconds since then.
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            last: AtomicU64::new(0),
        })
    }

    /// A command begins.
    pub fn beat(&self) {
        let now = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// What is left of the limit for the command under way.
    fn left(&self, limit: Duration) -> Duration {
        let last = Duration::from_micros(self.last.load(Ordering::Relaxed));
        (last + limit).saturating_sub(self.begun.elapsed())
    }
}

/// Runs on the worker thread: first reaches its card and answers with the ATR or why not, then serves orders until
/// their sender is gone.
pub trait Server: Send + 'static {
    fn serve(self, orders: &mut Inbox<Order>, answers: &Outbox<Answer>);
}

/// The caller's end.
pub struct Watchdog {
    /// None once the worker has been told to end.
    orders: Option<Outbox<Order>>,
    answers: Inbox<Answer>,
    pulse: Arc<Pulse>,
    limit: Duration,
    silent: bool,
}

impl Watchdog {
    /// Starts the worker and waits for its first answer: the ATR of the card that it reached.
    ///
    /// # Errors
    /// What the server answers; [`ReaderError::Silent`] when it does not; [`ReaderError::Transport`] when the system
    /// gives no thread.
    pub fn start(server: impl Server, limit: Duration) -> Result<(Self, Vec<u8>), ReaderError> {
        let pulse = Pulse::new();
        let (orders, mut to_do) = channel(BETWEEN_ORDERS);
        let (done, answers) = channel(FAST_CARD);
        thread::Builder::new()
            .name("card".into())
            .spawn(move || server.serve(&mut to_do, &done))
            .map_err(|cause| {
                ReaderError::Transport(format!("no thread for the reader: {cause}"))
            })?;
        let mut watchdog = Self {
            orders: Some(orders),
            answers,
            pulse,
            limit,
            silent: false,
        };
        let atr = watchdog.answer()?;
        Ok((watchdog, atr))
    }

    /// Has commands moved, each within the limit: the answers that came, and why no more did.
    pub fn transmit(&mut self, row: Row) -> (Vec<Answered>, Result<(), ReaderError>) {
        let row = Arc::new(row);
        let pulse = Arc::clone(&self.pulse);
        let done = self.order(Order::Transmit(Arc::clone(&row), pulse));
        (row.take(), done.map(drop))
    }

    /// Has one order done within the limit. After a silence every order fails at once.
    ///
    /// # Errors
    /// What the server answers; [`ReaderError::Silent`] when it does not.
    pub fn order(&mut self, order: Order) -> Answer {
        if self.silent {
            return Err(ReaderError::Silent(self.limit));
        }
        self.pulse.beat();
        let sent = self.orders.as_ref().map(|orders| orders.send(order));
        if !matches!(sent, Some(Ok(()))) {
            return Err(worker_ended());
        }
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        loop {
            let left = self.pulse.left(self.limit);
            match self.answers.take_within(left) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => return Err(worker_ended()),
                // Another command of the series has begun since.
                Err(RecvTimeoutError::Timeout) if !self.pulse.left(self.limit).is_zero() => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.silent = true;
                    return Err(ReaderError::Silent(self.limit));
                }
            }
        }
    }
}

fn worker_ended() -> ReaderError {
    ReaderError::Transport("the reader's worker thread ended".into())
}

/// Gives the card free before its owner goes on; a worker that is stuck is not waited for.
impl Drop for Watchdog {
    fn drop(&mut self) {
        self.orders = None;
        if !self.silent {
            while self.answers.take_within(self.limit).is_ok() {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::row::Asked;

    /// Reaches its card after some time. It sleeps as many milliseconds as a command's first byte says, and answers with its
    /// second byte.
    struct Sleepy(Duration);
    impl Server for Sleepy {
        fn serve(self, orders: &mut Inbox<Order>, answers: &Outbox<Answer>) {
            thread::sleep(self.0);
            if answers.send(Ok(vec![0x3B])).is_err() {
                return;
            }
            while let Some(order) = orders.take() {
                let done = match order {
                    Order::Transmit(row, pulse) => row.send(|command| {
                        pulse.beat();
                        thread::sleep(Duration::from_millis(u64::from(command[0])));
                        Ok(vec![0x90, command[1]])
                    }),
                    _ => Ok(()),
                };
                if answers.send(done.map(|()| Vec::new())).is_err() {
                    return;
                }
            }
        }
    }

    fn started(limit: Duration) -> Watchdog {
        let (dog, atr) = Watchdog::start(Sleepy(Duration::ZERO), limit).expect("started");
        assert_eq!(atr, [0x3B]);
        dog
    }

    /// How many of these commands are answered.
    fn wait(dog: &mut Watchdog, ms: &[u8]) -> Result<usize, ReaderError> {
        let commands: Vec<_> = ms.iter().map(|ms| vec![*ms, 0]).collect();
        let (answers, done) = dog.transmit(Row::series(&commands));
        done.map(|()| answers.len())
    }

    #[test]
    fn a_silent_card_gives_its_caller_back_in_time_and_stays_silent() {
        let limit = Duration::from_millis(100);
        let mut dog = started(limit);
        assert_eq!(wait(&mut dog, &[0]), Ok(1));
        assert_eq!(wait(&mut dog, &[250]), Err(ReaderError::Silent(limit)));
        thread::sleep(Duration::from_millis(260));
        assert!(
            wait(&mut dog, &[0]).is_err(),
            "a late answer is never taken for that of another command"
        );
    }

    #[test]
    fn the_limit_is_for_each_command_of_a_series() {
        let limit = Duration::from_millis(200);
        let mut dog = started(limit);
        assert_eq!(wait(&mut dog, &[80; 5]), Ok(5), "400 ms in all");
        let silent = Err(ReaderError::Silent(limit));
        assert_eq!(wait(&mut dog, &[1, 1, 255, 255, 255]), silent);
    }

    #[test]
    fn a_row_stops_at_the_first_other_answer_and_a_silence_keeps_what_came_before() {
        let limit = Duration::from_millis(150);
        let mut dog = started(limit);
        let asked = |commands: &[[u8; 2]], until: Instant| {
            let one = |command: &[u8; 2]| Asked {
                command: command.to_vec(),
                wanted: [0x90, 0x00],
            };
            Row::exactly(commands.iter().map(one).collect(), Some(until))
        };
        let long = Instant::now() + Duration::from_secs(3600);
        let (answered, done) = dog.transmit(asked(&[[20, 0], [20, 0], [20, 1], [20, 0]], long));
        assert_eq!((answered.len(), done), (3, Ok(())));
        assert_eq!(*answered[2].answer, [0x90, 0x01]);
        assert!(
            answered
                .iter()
                .all(|each| each.took >= Duration::from_millis(20))
        );
        let past = Instant::now() - Duration::from_secs(1);
        let (answered, done) = dog.transmit(asked(&[[0, 0]], past));
        assert_eq!((answered.len(), done), (0, Ok(())), "its time is over");
        let (answered, done) = dog.transmit(asked(&[[0, 0], [250, 0], [0, 0]], long));
        assert_eq!((answered.len(), done), (1, Err(ReaderError::Silent(limit))));
    }

    #[test]
    fn a_card_that_is_never_reached_is_silent_too() {
        let start = Instant::now();
        let never = Watchdog::start(Sleepy(Duration::from_secs(3)), Duration::from_millis(40));
        assert_eq!(
            never.err(),
            Some(ReaderError::Silent(Duration::from_millis(40)))
        );
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "nor does dropping it wait"
        );
    }

    #[test]
    fn dropping_waits_until_the_card_is_free() {
        use std::sync::atomic::{AtomicBool, Ordering};
        static FREE: AtomicBool = AtomicBool::new(false);
        struct Slow;
        impl Server for Slow {
            fn serve(self, orders: &mut Inbox<Order>, answers: &Outbox<Answer>) {
                assert!(answers.send(Ok(Vec::new())).is_ok() && orders.take().is_none());
                thread::sleep(Duration::from_millis(50));
                FREE.store(true, Ordering::SeqCst);
            }
        }
        drop(Watchdog::start(Slow, Duration::from_secs(5)).expect("started"));
        assert!(FREE.load(Ordering::SeqCst));
    }

    #[test]
    fn handing_over_costs_microseconds() {
        const ROUNDS: u32 = 20_000;
        let mut dog = started(Duration::from_secs(5));
        let best = (0..5)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..ROUNDS / 5 {
                    dog.order(Order::Begin).expect("answer");
                }
                start.elapsed() / (ROUNDS / 5)
            })
            .min();
        println!("{best:?} for each order");
        assert!(
            best < Some(Duration::from_micros(200)),
            "{best:?}: something waits"
        );
    }

    #[test]
    fn a_worker_that_dies_is_an_error_not_a_hang() {
        let mut dog = started(Duration::from_secs(5));
        let (_, dies) = dog.transmit(Row::series(&[Vec::new()]));
        assert!(matches!(dies, Err(ReaderError::Transport(_))));
    }
}
