//! Header, library and manual name the same functions.

use std::collections::BTreeSet;
use std::process::Command;

use crate::program;

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(program::crate_folder().join("include/rhc_reader.h"));
    let header = header.expect("the header");
    let names = header.split("RHC_CALL ").skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('(')?;
        let whole = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        whole.then(|| name.to_owned())
    });
    names.collect()
}

/// The functions of §5.1 of the interface's manual, written down a second time.
const MANUAL: &str = "iDOpenPort iDClosePort PowerOn SendAPDU iVerifyPIN iChange_Pin iReader_SAM_Public
    iReader_SAM_Terminal iReader_SAM_PublicApp iReader_SAM_OrgCertificate iReader_SAM_Certificate
    iR_DDF1EF05Info iR_DDF1EF06Info iR_DDF1EF07Info iR_DDF1EF08Info
    iW_DDF1EF05Info iW_DDF1EF06Info iW_DDF1EF07Info iW_DDF1EF08Info
    iR_DF01EF05Info iR_DF01EF06Info iR_DF01EF07Info iR_DF01EF08Info
    iW_DF01EF05Info iW_DF01EF06Info iW_DF01EF07Info iW_DF01EF08Info
    iR_DF02EF05Info iR_DF02EF06Info iR_DF02EF07Info iR_DF02EF08Info
    iW_DF02EF05Info iW_DF02EF06Info iW_DF02EF07Info iW_DF02EF08Info
    iR_DF03EF05Info iW_DF03EF05Info iErase_DF03EF05Info iR_DF03EF06Info iW_DF03EF06Info iErase_DF03EF06Info
    iR_DF03EEInfo iW_DF03EEInfo iR_DF03EDInfo iW_DF03EDInfo
    iR_DF03EE_ALLInfo iW_DF03EE_ALLInfo iR_DF03ED_ALLInfo iW_DF03ED_ALLInfo
    wsc_GetCardInfo wsc_PutCardInfo wsc_GetVerifyData SM3Digest VerifyPin SM2SignHash IReader_GetDeviceCSN";

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let output = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(program::library())
        .output()
        .expect("apt-get install binutils");
    let listed = program::text(&output.stdout);
    let exported: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_once(" T ").map(|(_, name)| name.to_owned()))
        .collect();
    assert_eq!(exported, declared());
    let missing: Vec<_> = MANUAL
        .split_whitespace()
        .filter(|name| !exported.contains(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_page_maps_every_function_to_its_flow() {
    let page = crate::page::page();
    let rows: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split_once("` | "))
        .filter(|(_, flow)| flow.trim_end_matches([' ', '|']).len() > 3)
        .flat_map(|(names, _)| names.split("`, `").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let missing: Vec<_> = declared().difference(&rows).cloned().collect();
    assert!(
        missing.is_empty(),
        "not in docs/hospital-interface.md: {missing:?}"
    );
}
