//! Who issues: the issuer certificate comes from the SAM at hand (file 001B), the rest follows from it, so that a card
//! can only say what the SAM's issuer is.

use cardlib_card::cert::IssuerCertificate;
use cardlib_card::suite::VerifyingKey;
use issuance_application::area;
use issuance_application::text;
use kms_platform::say;

use crate::engine::Issuer;
use crate::fault::Fault;

/// Bytes of 发卡机构名称.
const NAME_ROOM: usize = 30;

/// The issuer of this certificate, for cards used in `area_code` (六位), under `name` or the name its area has.
///
/// # Errors
/// The certificate cannot be read, is another province's, or no name fits.
pub fn of(certificate: Vec<u8>, area_code: &str, name: Option<&str>) -> Result<Issuer, Fault> {
    let unreadable = || {
        Fault::Sam(say!(
            "its issuer certificate cannot be read",
            "其发卡机构证书无法读取"
        ))
    };
    let bytes: &[u8; 180] = certificate
        .as_slice()
        .try_into()
        .map_err(|_| unreadable())?;
    let parsed = IssuerCertificate::<VerifyingKey>::parse_any(bytes).map_err(|_| unreadable())?;
    let digits = hex::encode(parsed.body.issuer_code);
    let code = digits.trim_end_matches('f').to_owned();
    if code.get(..2) != area_code.get(..2) {
        return Err(Fault::Sam(say!(
            "its issuer is of another province than area {area_code}",
            "其发卡机构所属省与应用城市代码 {area_code} 不符"
        )));
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => default_name(code.get(..6).unwrap_or_default()).ok_or_else(|| {
            Fault::Sam(say!(
                "its issuer's area has no name that fits; give --issuer-name",
                "其发卡机构所在地区无合适名称，请用 --issuer-name 指定"
            ))
        })?,
    };
    if text::fit(&name, NAME_ROOM).is_err() {
        return Err(Fault::Sam(say!(
            "the issuer's name does not fit 30 bytes; give a shorter --issuer-name",
            "发卡机构名称超过30字节，请用 --issuer-name 指定较短名称"
        )));
    }
    Ok(Issuer {
        name,
        code,
        certificate,
        area: area_code.to_owned(),
    })
}

/// What the health commission of an area is called.
fn default_name(area_code: &str) -> Option<String> {
    let name = area::find(area_code)?.name;
    Some(format!("{name}卫生健康委员会")).filter(|name| text::fit(name, NAME_ROOM).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_province_just_fits() {
        assert_eq!(
            default_name("410000").as_deref(),
            Some("河南省卫生健康委员会")
        );
        assert_eq!(
            default_name("650000").as_deref(),
            Some("新疆维吾尔自治区卫生健康委员会")
        );
        assert_eq!(
            default_name("522300"),
            None,
            "黔西南布依族苗族自治州 needs 36 bytes"
        );
        assert_eq!(default_name("000000"), None);
    }
}
