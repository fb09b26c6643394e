//! A card that never answers does not hang its caller.
//!
//! The PC/SC call that waits for a card has no time-out and cannot be cancelled, so a worker thread makes it and the
//! caller waits for the worker with a limit. A worker that never comes back is left alone: nothing can end it but the
//! card's removal, and it holds no lock of ours. The hand-over costs a few microseconds per command.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::error::ReaderError;

/// Time that a card may take for one command when nothing else is asked: ten times the slowest command known.
pub const DEFAULT_LIMIT: Duration = Duration::from_secs(10);

/// What the worker is told to do.
pub enum Order {
    Begin,
    Transmit(Zeroizing<Vec<u8>>),
    End,
}

/// What it answers: the ATR on `Begin`, the answer APDU on `Transmit`, nothing on `End`.
pub type Answer = Result<Vec<u8>, ReaderError>;

/// Serves orders until their sender is gone. Runs on the worker thread.
pub trait Server: Send + 'static {
    fn serve(self, orders: &Receiver<Order>, answers: &Sender<Answer>);
}

/// The caller's end.
pub struct Watchdog {
    orders: Sender<Order>,
    answers: Receiver<Answer>,
    limit: Duration,
    silent: bool,
}

impl Watchdog {
    /// Starts the worker.
    ///
    /// # Errors
    /// [`ReaderError::Transport`] when the system gives no thread.
    pub fn start(server: impl Server, limit: Duration) -> Result<Self, ReaderError> {
        let (orders, to_do) = channel();
        let (done, answers) = channel();
        thread::Builder::new()
            .name("card".into())
            .spawn(move || server.serve(&to_do, &done))
            .map_err(|cause| {
                ReaderError::Transport(format!("no thread for the reader: {cause}"))
            })?;
        Ok(Self {
            orders,
            answers,
            limit,
            silent: false,
        })
    }

    /// Has one order done within the limit. After a silence every order fails at once.
    ///
    /// # Errors
    /// What the server answers; [`ReaderError::Silent`] when it does not.
    pub fn order(&mut self, order: Order) -> Answer {
        if self.silent {
            return Err(ReaderError::Silent(self.limit));
        }
        let lost = || ReaderError::Transport("the reader's worker thread ended".into());
        self.orders.send(order).map_err(|_| lost())?;
        match self.answers.recv_timeout(self.limit) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                self.silent = true;
                Err(ReaderError::Silent(self.limit))
            }
            Err(RecvTimeoutError::Disconnected) => Err(lost()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Answers commands by sleeping as many milliseconds as their first byte says.
    struct Sleepy;
    impl Server for Sleepy {
        fn serve(self, orders: &Receiver<Order>, answers: &Sender<Answer>) {
            for order in orders {
                if let Order::Transmit(command) = order {
                    thread::sleep(Duration::from_millis(u64::from(command[0])));
                }
                if answers.send(Ok(vec![0x90, 0])).is_err() {
                    return;
                }
            }
        }
    }

    fn wait(ms: u8) -> Order {
        Order::Transmit(Zeroizing::new(vec![ms]))
    }

    #[test]
    fn a_silent_card_gives_its_caller_back_in_time_and_stays_silent() {
        let mut dog = Watchdog::start(Sleepy, Duration::from_millis(40)).expect("thread");
        assert_eq!(dog.order(wait(0)), Ok(vec![0x90, 0]));
        let start = Instant::now();
        assert_eq!(
            dog.order(wait(250)),
            Err(ReaderError::Silent(Duration::from_millis(40)))
        );
        assert!(start.elapsed() < Duration::from_millis(200));
        thread::sleep(Duration::from_millis(260));
        assert!(
            dog.order(wait(0)).is_err(),
            "a late answer is never taken for that of another command"
        );
    }

    #[test]
    fn handing_over_costs_microseconds() {
        const ROUNDS: u32 = 20_000;
        let mut dog = Watchdog::start(Sleepy, Duration::from_secs(5)).expect("thread");
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
        let mut dog = Watchdog::start(Sleepy, Duration::from_secs(5)).expect("thread");
        let dies = Order::Transmit(Zeroizing::new(Vec::new()));
        assert!(matches!(dog.order(dies), Err(ReaderError::Transport(_))));
    }
}
