//! `nm -D` lists the whole 2012 edition, the extension, and nothing else.

use crate::program::library;
use std::collections::BTreeSet;
use std::process::Command;

/// The functions of GM/T 0018-2012, without their prefix.
const STANDARD: &str = "OpenDevice CloseDevice OpenSession CloseSession GetDeviceInfo GenerateRandom
GetPrivateKeyAccessRight ReleasePrivateKeyAccessRight
ExportSignPublicKey_RSA ExportEncPublicKey_RSA GenerateKeyPair_RSA GenerateKeyWithIPK_RSA GenerateKeyWithEPK_RSA
ImportKeyWithISK_RSA ExchangeDigitEnvelopeBaseOnRSA
ExportSignPublicKey_ECC ExportEncPublicKey_ECC GenerateKeyPair_ECC GenerateKeyWithIPK_ECC GenerateKeyWithEPK_ECC
ImportKeyWithISK_ECC GenerateAgreementDataWithECC GenerateKeyWithECC GenerateAgreementDataAndKeyWithECC
ExchangeDigitEnvelopeBaseOnECC GenerateKeyWithKEK ImportKeyWithKEK DestroyKey
ExternalPublicKeyOperation_RSA InternalPublicKeyOperation_RSA InternalPrivateKeyOperation_RSA
ExternalVerify_ECC InternalSign_ECC InternalVerify_ECC ExternalEncrypt_ECC InternalEncrypt_ECC InternalDecrypt_ECC
Encrypt Decrypt CalculateMAC HashInit HashUpdate HashFinal
CreateFile ReadFile WriteFile DeleteFile";

/// Names of the functions that a header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let names = header.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("int ")?.split_once('(')?;
        Some(name.to_owned())
    });
    names.collect()
}

#[test]
fn the_whole_edition_and_the_extension_are_exported() {
    let output = Command::new("nm")
        .args(["-D", "--defined-only", "--format=posix"])
        .arg(library())
        .output()
        .expect("nm is needed: apt-get install binutils");
    let text = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split_once(" T ").map(|(name, _)| name.to_owned()))
        .collect();
    let standard: BTreeSet<String> = STANDARD
        .split_whitespace()
        .map(|name| format!("SDF_{name}"))
        .collect();
    assert_eq!(standard.len(), 47);
    assert_eq!(declared(include_str!("../../include/sdf.h")), standard);
    let extension = declared(include_str!("../../include/hsm_sim_ext.h"));
    assert_eq!(extension.len(), 16);
    let all: BTreeSet<String> = standard.union(&extension).cloned().collect();
    assert_eq!(exported, all);
}
