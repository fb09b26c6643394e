//! Which behaviour test must notice a changed item, and whether it does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cardlib_card::profile::Profile;

use crate::behaviour;
use crate::host;
use crate::perturb::Perturbation;
use crate::stand::Stand;

/// How a changed item was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The behaviour test named for it failed.
    Noticed,
    /// No card depends on it, because the loader takes no other value; it refused this one.
    Refused,
    /// It is not in the card's copy; its readers' test is named in the map.
    NotTheCards,
    /// Nobody noticed.
    Survived,
}

/// What must notice a change of an item.
#[derive(Clone, Copy)]
pub enum Watch {
    /// This behaviour test.
    Test(&'static str),
    /// The profile's loader.
    Loader,
    /// Neither; this is why, and which test stands for it.
    Elsewhere(&'static str, &'static str),
}

const SHOWN: Watch = Watch::Elsewhere(
    "text and meaning for people; the card does not look at values (R21)",
    "cardlib/terminal/src/snapshot/mod.rs::values_are_shown_with_dates_and_meanings",
);
const SERVICE: Watch = Watch::Elsewhere(
    "a key of the key service, in no user card's or SAM's table",
    "kms/core::a_chip_gets_the_factors_that_are_left",
);
const FACTORS_OF_KEYS: Watch = Watch::Elsewhere(
    "the card has the derived key, the SAM the usage byte; terminals derive by it",
    "cardlib/terminal/tests/vectors.rs::every_card_key_comes_from_its_root_by_the_profiles_factors",
);
const CERTIFICATES: Watch = Watch::Elsewhere(
    "a certificate is bytes to the card",
    "cardlib/card/tests/gm_openssl.rs::certificates_have_their_layout_and_openssl_verifies_them",
);
const TERMINALS: Watch = Watch::Elsewhere(
    "a habit of terminals and stations; the card takes all of them",
    "cardlib/terminal/tests/conversations.rs::every_flow_runs_against_its_file",
);
/// Directories in which the profile has nothing.
const LEAVES: [&str; 5] = ["PPSE", "DEBIT", "CREDIT", "QUASI_CREDIT", "E_CASH"];
const LABEL: Watch = Watch::Elsewhere(
    "a label inside the profile that no other item refers to; the card knows FID and DF name",
    "cardlib/card/tests/profiles.rs::payment_environments_beside_the_health_environment",
);
const BOUND: Watch = Watch::Elsewhere(
    "bounds what a profile may say of a file; no file here comes near it",
    "cardlib/card/tests/profile_refusals.rs::directories_files_and_elements_must_fit",
);
const SPEC_VERSION: Watch = Watch::Elsewhere(
    "what personalisation writes and desks want; bytes to the card",
    "issuance/hospital::class_version_and_issuer_are_checked",
);
const SAM_VERSION: Watch = Watch::Elsewhere(
    "what personalisation writes; a byte to the SAM",
    "cardlib/card/tests/dialect.rs::the_provincial_stages_follow",
);

/// The test that is named for an item; the map shows the same.
///
/// # Panics
/// No rule here knows the item: a profile has grown, and this table has not.
#[must_use]
pub fn watch(item: &str) -> Watch {
    let parts: Vec<&str> = item.split('/').collect();
    let last = parts[parts.len() - 1];
    if matches!(
        last,
        "title_zh" | "title_en" | "name_zh" | "name_en" | "format" | "codes"
    ) {
        return SHOWN;
    }
    match parts[0] {
        "name" | "interface" => SHOWN,
        "totals" if last == "max_records" => BOUND,
        "totals" | "certificates" if last != "kind" => Watch::Loader,
        "certificates" => CERTIFICATES,
        "crypto" if matches!(last, "cipher" | "hash" | "signature") => test("algorithms", ""),
        "crypto" if last == "algorithm" => test("card_made", ""),
        "crypto" => Watch::Loader,
        "atr" if last == "historical" => Watch::Loader,
        "life_cycle" if last == "personalised" => test("card_made", ""),
        "atr" | "life_cycle" => test("answers_to_reset", ""),
        "factors" => test("factors", ""),
        "assumed" => assumed(parts[1], last),
        "dialect" if last == "name" => SHOWN,
        "dialect" => test("card_made", ""),
        "df" if last == "name" && LEAVES.contains(&parts[1]) => LABEL,
        "df" => test("df_", parts[1]),
        "file" if parts.get(3) == Some(&"elements") && parts.len() > 4 => element(&parts),
        "file" if last == "layout" => test("visit_", &parts[2][..2]),
        "file" => test("file_", &format!("{}_{}", parts[1], parts[2])),
        "layout" => test("visit_", parts[1]),
        "key" if matches!(last, "factors" | "scope") => FACTORS_OF_KEYS,
        "key" => test("key_", parts[1]),
        "service_key" => SERVICE,
        "sam" => sam(&parts),
        _ => panic!("no test is named for {item}"),
    }
}

fn assumed(value: &str, part: &str) -> Watch {
    match (value, part) {
        (_, "clause") => Watch::Loader,
        ("mac_error_limit", _) => test("mac_errors", ""),
        ("key_error_limit", _) => Watch::Loader,
        ("single_version", _) => test("single_versions", ""),
        ("sam_pin_tries", _) => test("sam_pin", ""),
        ("name_min" | "name_max", _) => test("names", ""),
        ("spec_version", _) => SPEC_VERSION,
        ("sam_version", _) => SAM_VERSION,
        _ => TERMINALS,
    }
}

fn element(parts: &[&str]) -> Watch {
    let tag = parts[4].parse::<u8>();
    match tag {
        // Inside cyclic records elements have no tags and stand by their place.
        Ok(tag) if parts[1] != "DF02" || !matches!(parts[2], "EF07" | "EF08") => {
            test("element_", &format!("{tag:02}"))
        }
        _ => test("file_", &format!("{}_{}", parts[1], parts[2])),
    }
}

fn sam(parts: &[&str]) -> Watch {
    match parts[1] {
        "df" => test("sam_directory", ""),
        "type" => test("sam_type_", parts[2]),
        _ => test("sam_file_", parts.get(3).copied().unwrap_or_default()),
    }
}

/// A test by the beginning and the end of its name.
fn test(begin: &str, end: &str) -> Watch {
    let name = format!("{begin}{end}").to_lowercase().replace('-', "_");
    let found = behaviour::ALL.iter().find(|test| test.name == name);
    Watch::Test(
        found
            .unwrap_or_else(|| panic!("no behaviour test {name}"))
            .name,
    )
}

/// Runs a behaviour test on a stand; what it complained of, if anything.
///
/// # Errors
/// The failed assertion.
pub fn run(name: &str, stand: &Stand) -> Result<(), String> {
    let test = behaviour::ALL.iter().find(|test| test.name == name);
    let test = test.expect("a behaviour test");
    host::speak(Profile::named(stand.page).expect("a profile"));
    catch_unwind(AssertUnwindSafe(|| (test.run)(stand))).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        text.unwrap_or_default()
    })
}

/// How a perturbation is met.
#[must_use]
pub fn judge(perturbation: &Perturbation) -> Verdict {
    let watch = watch(&perturbation.item);
    if let Watch::Elsewhere(..) = watch {
        return Verdict::NotTheCards;
    }
    // A profile that has not even the form of one reaches no card.
    let Ok(profile) = Profile::unchecked(perturbation.table.clone()) else {
        return Verdict::Refused;
    };
    if let Watch::Test(name) = watch {
        // One profile each: a card needs it for as long as it lives, and a run has some thousands.
        let copy: &'static Profile = Box::leak(Box::new(profile));
        let page = perturbation.profile;
        return match run(name, &Stand { copy, page }) {
            Ok(()) => Verdict::Survived,
            Err(_) => Verdict::Noticed,
        };
    }
    if profile.check().is_err() {
        Verdict::Refused
    } else {
        Verdict::Survived
    }
}

/// Some of them by chance (`xorshift64*`, so that a seed repeats itself).
#[must_use]
pub fn drawn(mut all: Vec<Perturbation>, count: usize, seed: u64) -> Vec<Perturbation> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    };
    while all.len() > count {
        let at = (next() % all.len() as u64) as usize;
        all.swap_remove(at);
    }
    all
}
