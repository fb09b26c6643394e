//! The whole house: daemon and readers, three HSMs, three key services with keys handed down, registry, chips.
//!
//! Every step is one call, so that the demo can tell of it and tests can stop half way. Everything lies in one folder
//! and every process ends with the value.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::chips::{Chip, Inserted, Kind};
use crate::hsm;
use crate::kms::{self, Tier};
use crate::machine::Machine;
use crate::pcscd::Daemon;
use crate::process::{Outcome, Service, Tool};
use crate::registry;
use crate::stack::{Reader, Stack};

/// Readers in a house: user cards first, then SAMs.
pub const CARD_READERS: usize = 5;
pub const SAM_READERS: usize = 3;

/// Ten user cards of the test maker; none of their bytes looks like a life-cycle byte (D5).
pub fn card_factors() -> Vec<String> {
    (0..10)
        .map(|number| format!("A1B2C3D4E5F6{:02X}10", 0x20 + number))
        .collect()
}

/// Files in memory, where the system has that.
const MEMORY: &str = "/dev/shm";

/// A card whose factor stands on no list.
pub const UNLISTED: &str = "A1B2C3D4E5F6EE10";

/// Chip serials of the SAMs by type.
pub fn chip_serial(sam_type: u8) -> String {
    format!("5A4D5A4D5A4D{:02X}20", 0x30 + sam_type)
}

/// A house that stands as far as its steps were taken.
pub struct House {
    pub daemon: Daemon,
    pub tiers: Vec<kms::Running>,
    pub hsms: Vec<Service>,
    pub registry: Option<registry::Running>,
    pub inserted: Vec<Inserted>,
    /// What stands behind the key services.
    pub machine: Machine,
    folder: PathBuf,
    guard: Option<TempDir>,
}

impl House {
    /// Folder, daemon and readers of vpcd; the rest is empty.
    pub fn found() -> Result<Self> {
        Self::found_on(Stack::Vpcd)
    }

    /// The same with readers of that stack.
    pub fn found_on(stack: Stack) -> Result<Self> {
        Self::found_in(stack, Machine::default(), &std::env::temp_dir())
    }

    /// A house over that HSM, in memory where there is room: a token's files and the stores of many small steps wait for a
    /// disk most of the time.
    pub fn found_over(machine: Machine) -> Result<Self> {
        let memory = Path::new(MEMORY);
        // Copies of the SDF library would fill it.
        let quick = machine != Machine::Sdf && tempfile::tempfile_in(memory).is_ok();
        let place = if quick {
            memory.to_path_buf()
        } else {
            std::env::temp_dir()
        };
        Self::found_in(Stack::Vpcd, machine, &place)
    }

    fn found_in(stack: Stack, machine: Machine, place: &Path) -> Result<Self> {
        let mut folder = tempfile::Builder::new();
        let guard = folder.prefix("rhc-house-").tempdir_in(place)?;
        let folder = guard.path().to_path_buf();
        // The HSM's user must reach its own store.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))?;
        for name in ["chips", "lists", "identities", "pins", "logs"] {
            fs::create_dir(folder.join(name))?;
        }
        let daemon = Daemon::start_on(stack, CARD_READERS + SAM_READERS)?;
        Ok(Self {
            daemon,
            tiers: Vec::new(),
            hsms: Vec::new(),
            registry: None,
            inserted: Vec::new(),
            machine,
            folder,
            guard: Some(guard),
        })
    }

    /// Everything up to three SAMs in their readers, for tests that begin with cards.
    pub fn ready() -> Result<Self> {
        Self::ready_on(Stack::Vpcd)
    }

    /// The same with readers of that stack.
    pub fn ready_on(stack: Stack) -> Result<Self> {
        Self::found_on(stack)?.made_ready()
    }

    /// The same over that HSM and with its profile.
    pub fn ready_over(machine: Machine) -> Result<Self> {
        Self::found_over(machine)?.made_ready()
    }

    fn made_ready(mut self) -> Result<Self> {
        let house = &mut self;
        house.start_hsms()?;
        house.init_tiers()?;
        house.hand_down()?;
        house.issue_identities()?;
        house.deliver()?;
        house.serve_tiers()?;
        house.start_registry()?;
        for sam_type in [1, 4, 5] {
            house.make_sam(sam_type)?;
        }
        Ok(self)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn identity(&self, name: &str) -> PathBuf {
        self.folder.join("identities").join(format!("{name}.json"))
    }

    pub fn card_reader(&self, number: usize) -> &Reader {
        &self.daemon.readers()[number]
    }

    /// The reader that the SAM of that type stays in.
    pub fn sam_reader(&self, sam_type: u8) -> &Reader {
        let place = match sam_type {
            1 => 0,
            4 => 1,
            _ => 2,
        };
        &self.daemon.readers()[CARD_READERS + place]
    }

    pub fn sam_pin(&self, sam_type: u8) -> PathBuf {
        self.folder.join(format!("pins/sam{sam_type}.pin"))
    }

    /// Three HSMs, each with two officers of its own.
    pub fn start_hsms(&mut self) -> Result<()> {
        for tier in Tier::ALL {
            let place = self.hsm(tier);
            self.machine.init(&place, "test")?;
            if self.machine.has_process() {
                let name = format!("hsm {}", tier.word());
                self.hsms.push(place.serve(&name)?);
            }
        }
        Ok(())
    }

    pub fn hsm(&self, tier: Tier) -> hsm::Place {
        hsm::Place::new(
            &self.folder.join(format!("hsm-{}", tier.word())),
            tier.officers(),
        )
    }

    /// A user card of the maker, blank unless it was used before.
    pub fn card(&self, factor: &str) -> Chip {
        let folder = self.folder.join("chips");
        Chip::new(Kind::User, factor, &folder).of(self.machine.profile())
    }

    pub fn sam(&self, sam_type: u8) -> Chip {
        Chip::new(
            Kind::Sam,
            &chip_serial(sam_type),
            &self.folder.join("chips"),
        )
        .of(self.machine.profile())
    }

    /// Puts a chip into a reader for as long as the house stands.
    pub fn insert(&mut self, chip: &Chip, reader: &Reader) -> Result<()> {
        let inserted = Inserted::put(chip, &self.daemon, reader)?;
        self.inserted.push(inserted);
        Ok(())
    }

    /// A tool of ours with the way to our daemon in its environment.
    pub fn tool(&self, program: &str) -> Result<Tool> {
        Ok(Tool::new(program)?.env(self.daemon.environment()))
    }

    pub fn registry_url(&self) -> Result<String> {
        Ok(self
            .registry
            .as_ref()
            .context("the registry is not running yet")?
            .url())
    }

    pub fn url(&self, tier: Tier) -> Result<String> {
        let running = self.tiers.iter().find(|running| running.tier == tier);
        Ok(running
            .context("that key service is not running yet")?
            .url())
    }

    /// Both stages of a SAM, which then stays in its reader.
    pub fn make_sam(&mut self, sam_type: u8) -> Result<serde_json::Value> {
        let reader = self.sam_reader(sam_type).clone();
        self.make_sam_in(sam_type, &reader)
    }

    /// The same in any reader.
    pub fn make_sam_in(&mut self, sam_type: u8, reader: &Reader) -> Result<serde_json::Value> {
        let chip = self.sam(sam_type);
        self.insert(&chip, reader)?;
        let stage = |words: &str, tier: Tier| -> Result<Tool> {
            let tool = self
                .tool("rhc-station")?
                .words(words)
                .words("--json --type")
                .arg(sam_type.to_string())
                .arg("--profile")
                .arg(self.machine.profile());
            let tool = tool
                .arg("--reader")
                .arg(&reader.name)
                .arg("--kms")
                .arg(self.url(tier)?);
            let tool = tool
                .arg("--registry")
                .arg(self.registry_url()?)
                .arg("--identity")
                .arg(self.identity("station-41"));
            Ok(tool.arg("--ticket").arg(tier.sam_ticket()))
        };
        stage("sam --stage national --province 41", Tier::Ministry)?.ok()?;
        let provincial = stage("sam --stage provincial --city 01", Tier::Province)?;
        provincial
            .arg("--pin-out")
            .arg(self.sam_pin(sam_type))
            .ok()?
            .json()
    }

    /// One row of an applicants file onto the card in a reader.
    pub fn personalise(&self, applicants: &Path, row: usize, reader: &Reader) -> Result<Tool> {
        Ok(self
            .personalise_all(applicants, reader)?
            .arg("--row")
            .arg(row.to_string()))
    }

    /// All rows of an applicants file, card after card in one reader.
    pub fn personalise_all(&self, applicants: &Path, reader: &Reader) -> Result<Tool> {
        let tool = self
            .tool("rhc-station")?
            .words("personalise --json --applicants")
            .arg(applicants)
            .arg("--profile")
            .arg(self.machine.profile());
        let tool = tool
            .arg("--reader")
            .arg(&reader.name)
            .arg("--sam-reader")
            .arg(&self.sam_reader(5).name);
        let tool = tool
            .arg("--sam-pin-file")
            .arg(self.sam_pin(5))
            .arg("--kms")
            .arg(self.url(Tier::Prefecture)?);
        let tool = tool
            .arg("--registry")
            .arg(self.registry_url()?)
            .arg("--identity")
            .arg(self.identity("station-4101"));
        Ok(tool
            .arg("--ticket")
            .arg(kms::CARD_TICKET)
            .arg("--journal")
            .arg(self.folder.join("journal")))
    }

    /// The hospital's look at the card in a reader, with a SAM of that type.
    pub fn verify(&self, reader: &Reader, sam_type: u8) -> Result<Outcome> {
        self.verify_tool(reader, self.sam_reader(sam_type), &self.sam_pin(sam_type))?
            .run()
    }

    /// The same with the SAM in any reader, to be told more.
    pub fn verify_tool(&self, reader: &Reader, sam: &Reader, pin: &Path) -> Result<Tool> {
        let tool = self
            .tool("rhc-hospital")?
            .words("verify --json --reader")
            .arg(&reader.name)
            .arg("--profile")
            .arg(self.machine.profile());
        let tool = tool.arg("--sam-reader").arg(&sam.name);
        let tool = tool
            .arg("--sam-pin-file")
            .arg(pin)
            .arg("--registry")
            .arg(self.registry_url()?);
        Ok(tool.arg("--identity").arg(self.identity("hospital-4101")))
    }

    /// Leaves everything running and on disk; tells which processes that are.
    pub fn keep(mut self) -> Vec<u32> {
        let mut pids = vec![self.daemon.pid()];
        if let Some(guard) = self.guard.take() {
            let _ = guard.keep();
        }
        for service in self.hsms.drain(..) {
            pids.push(service.pid());
            service.leave();
        }
        for running in self.tiers.drain(..) {
            pids.push(running.service.pid());
            running.service.leave();
        }
        for inserted in self.inserted.drain(..) {
            pids.push(inserted.pid());
            inserted.leave();
        }
        if let Some(registry) = self.registry.take() {
            pids.push(registry.service.pid());
            registry.service.leave();
        }
        self.daemon.leave();
        pids
    }
}
