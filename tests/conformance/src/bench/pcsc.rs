//! Products in PC/SC readers: real ones, vpcd, our own driver.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use cardlib_reader::pcsc::{PcscCard, Readers, Sharing};
use cardlib_reader::row::{Answered, Asked};
use cardlib_reader::{Card, ReaderError};

use super::Bench;
use crate::step::Which;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

/// How the next sample gets into the reader.
#[derive(Debug, Clone)]
pub enum Change {
    /// There is one sample only.
    One,
    /// An operator puts it in; the program asks and waits.
    Operator,
    /// A command does, with the sample's number as its argument.
    Command(PathBuf),
}

/// One or two readers.
pub struct PcscBench {
    card_reader: Option<String>,
    sam_reader: Option<String>,
    change: Change,
    limit: Duration,
    card: Option<PcscCard>,
    sam: Option<PcscCard>,
}

impl PcscBench {
    /// Connects to what is there. A card may take `limit` for one command.
    ///
    /// # Errors
    /// [`ReaderError`]: no daemon, no such reader, no card.
    pub fn open(
        card_reader: Option<String>,
        sam_reader: Option<String>,
        change: Change,
        limit: Duration,
    ) -> Result<Self, ReaderError> {
        let mut bench = Self {
            card_reader,
            sam_reader,
            change,
            limit,
            card: None,
            sam: None,
        };
        bench.connect()?;
        Ok(bench)
    }

    fn place(&mut self, which: Which) -> &mut Option<PcscCard> {
        match which {
            Which::Card => &mut self.card,
            Which::Sam => &mut self.sam,
        }
    }

    fn connect(&mut self) -> Result<(), ReaderError> {
        self.card = None;
        self.sam = None;
        let readers = Readers::open()?.with_limit(self.limit);
        let one = |name: &Option<String>| -> Result<Option<PcscCard>, ReaderError> {
            name.as_deref()
                .map(|name| readers.connect(name, Sharing::Exclusive))
                .transpose()
        };
        self.card = one(&self.card_reader)?;
        self.sam = one(&self.sam_reader)?;
        Ok(())
    }
}

impl Bench for PcscBench {
    fn chip(&mut self, which: Which) -> Result<Option<&mut dyn Card>, ReaderError> {
        Ok(self.place(which).as_mut().map(|card| card as &mut dyn Card))
    }

    fn row(
        &mut self,
        which: Which,
        asked: &[Asked],
        until: Instant,
    ) -> (Vec<Answered>, Result<(), ReaderError>) {
        match self.place(which) {
            Some(card) => card.row(asked.to_vec(), until),
            None => (
                Vec::new(),
                Err(ReaderError::NoCard(which.word().to_owned())),
            ),
        }
    }

    fn sample(&mut self, number: u32) -> Result<(), String> {
        if number == 1 {
            return Ok(());
        }
        self.card = None;
        self.sam = None;
        match &self.change {
            Change::One => Err(format!(
                "sample {number} is needed: say with --next-sample how it comes into the reader"
            )),
            Change::Operator => {
                eprintln!(
                    "{} {number}, {}",
                    crate::words::say("put in sample", "请放入第几号样品："),
                    crate::words::say("then press Enter", "然后按回车")
                );
                let mut line = String::new();
                std::io::stdin()
                    .read_line(&mut line)
                    .map_err(|e| e.to_string())?;
                self.recover().map_err(|e| e.to_string())
            }
            Change::Command(path) => {
                let status = Command::new(path).arg(number.to_string()).status();
                match status {
                    Ok(status) if status.success() => self.recover().map_err(|e| e.to_string()),
                    Ok(status) => Err(format!("{}: {status}", path.display())),
                    Err(cause) => Err(format!("{}: {cause}", path.display())),
                }
            }
        }
    }

    fn recover(&mut self) -> Result<(), ReaderError> {
        // A reader or its daemon that restarts is back within this time.
        let give_up = Instant::now() + 2 * self.limit;
        loop {
            match self.connect() {
                Ok(()) => return Ok(()),
                Err(cause) if Instant::now() >= give_up => return Err(cause),
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }

    fn describe(&self) -> String {
        let name = |reader: &Option<String>| reader.clone().unwrap_or_else(|| "-".into());
        format!(
            "PC/SC: {} / {}",
            name(&self.card_reader),
            name(&self.sam_reader)
        )
    }
}
