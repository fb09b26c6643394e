//! `rhc-card watch`: readers and cards as they come and go, told by the daemon's events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cardlib_card::profile::Profile;
use pcsc::{Context, Error, ReaderState, Scope, State};
use serde::Serialize;

use crate::args::Watch;
use crate::decode::Decoder;
use crate::failure::{Failure, profile};
use crate::text::{Colour, line, paint, say};

/// What happened to a reader.
#[derive(Serialize)]
struct Event {
    /// Since the start.
    milliseconds: u128,
    reader: String,
    event: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    atr: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    card: String,
}

/// Tells until the time is over.
pub fn run(order: &Watch) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let context = Context::establish(Scope::User).map_err(failed)?;
    let start = Instant::now();
    let end = order.seconds.map(Duration::from_secs);
    let mut watch = Watcher {
        profile,
        start,
        json: order.json,
        known: BTreeMap::new(),
    };
    loop {
        watch.readers(&context)?;
        let left = match end.map(|end| end.checked_sub(start.elapsed())) {
            Some(None) => return Ok(()),
            Some(Some(left)) => Some(left),
            None => None,
        };
        watch.wait(&context, left)?;
    }
}

struct Watcher {
    profile: &'static Profile,
    start: Instant,
    json: bool,
    known: BTreeMap<Vec<u8>, ReaderState>,
}

impl Watcher {
    /// Which readers there are now.
    fn readers(&mut self, context: &Context) -> Result<(), Failure> {
        let names = match context.list_readers_owned() {
            Err(Error::NoReadersAvailable) => Vec::new(),
            names => names.map_err(failed)?,
        };
        let gone: Vec<Vec<u8>> = self
            .known
            .keys()
            .filter(|known| !names.iter().any(|name| name.as_bytes() == known.as_slice()))
            .cloned()
            .collect();
        for name in gone {
            self.known.remove(&name);
            self.tell(&String::from_utf8_lossy(&name), "reader-gone", &[])?;
        }
        for name in names {
            let key = name.as_bytes().to_vec();
            if !self.known.contains_key(&key) {
                self.tell(&name.to_string_lossy(), "reader", &[])?;
                self.known
                    .insert(key, ReaderState::new(name, State::UNAWARE));
            }
        }
        Ok(())
    }

    /// Waits for the next event, also of readers that come and go, and tells it.
    fn wait(&mut self, context: &Context, left: Option<Duration>) -> Result<(), Failure> {
        let mut states: Vec<ReaderState> = std::mem::take(&mut self.known).into_values().collect();
        let mut notice = ReaderState::new(pcsc::PNP_NOTIFICATION(), State::UNAWARE);
        notice.sync_current_state();
        states.push(notice);
        let woken = context.get_status_change(left, &mut states);
        states.pop();
        for mut state in states {
            let now = state.event_state();
            let changed = woken.is_ok() && now.contains(State::CHANGED);
            let name = state.name().to_owned();
            if changed && !now.intersects(State::UNKNOWN | State::IGNORE) {
                let event = if now.contains(State::MUTE) {
                    "mute"
                } else if now.contains(State::PRESENT) {
                    "card"
                } else {
                    "empty"
                };
                let atr = state.atr().to_vec();
                self.tell(&name.to_string_lossy(), event, &atr)?;
                state.sync_current_state();
            }
            self.known.insert(name.as_bytes().to_vec(), state);
        }
        match woken {
            Ok(()) | Err(Error::Timeout) => Ok(()),
            // A reader went away in the meantime; the list tells which.
            Err(Error::UnknownReader) => Ok(()),
            Err(cause) => Err(failed(cause)),
        }
    }

    fn tell(&self, reader: &str, event: &'static str, atr: &[u8]) -> Result<(), Failure> {
        let card = if atr.is_empty() {
            String::new()
        } else {
            Decoder::new(self.profile, false).reset(atr)
        };
        let row = Event {
            milliseconds: self.start.elapsed().as_millis(),
            reader: reader.to_owned(),
            event,
            atr: hex::encode_upper(atr),
            card,
        };
        if self.json {
            line(&serde_json::to_string(&row).map_err(Failure::environment)?);
            return Ok(());
        }
        let (word, colour) = match event {
            "card" => (say("card", "有卡"), Colour::Good),
            "mute" => (say("a card that does not answer", "卡无应答"), Colour::Bad),
            "empty" => (say("empty", "无卡"), Colour::Dim),
            "reader" => (say("reader connected", "读卡器已连接"), Colour::Good),
            _ => (say("reader gone", "读卡器已断开"), Colour::Bad),
        };
        let seconds = row.milliseconds as f64 / 1000.0;
        line(&format!(
            "{seconds:>9.3} {reader}: {} {}",
            paint(word, colour),
            row.card
        ));
        Ok(())
    }
}

fn failed(cause: Error) -> Failure {
    Failure::Environment(format!(
        "{}: {cause}; {}",
        say("the PC/SC daemon", "PC/SC 服务"),
        say("start pcscd and try again", "请启动 pcscd 后重试")
    ))
}
