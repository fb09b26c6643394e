//! The answers that a verification can have. Every one but [`Verdict::Genuine`] ends with exit code 3.

use kms_platform::exit::Exit;
use kms_platform::lang::Text;
use serde::Serialize;

/// What the card is, in one word. The words are stable: other software compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was checked is right.
    Genuine,
    /// The card does not hold the issuer's key.
    Forged,
    /// 卡有效期 is past (R30).
    Expired,
    /// 挂失 at the registry.
    Lost,
    /// 注销 at the registry.
    Cancelled,
    /// The registry knows no such pair of number and serial, or the card was never registered.
    UnknownToRegistry,
    /// The SAM lacks a key that reading needs (R69).
    NotPermittedWithThisSam,
    /// No health card at all.
    Foreign,
    /// Blank or half made: never issued.
    NotIssued,
    /// Card, application or a key of it is blocked.
    Blocked,
    /// Class or version of the card is not one that this terminal knows.
    Unsupported,
    /// The card's data contradict each other or are damaged.
    Inconsistent,
    /// Test, demonstration and production parts met (D38).
    MixedMarks,
}

impl Verdict {
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::Genuine => Exit::Done,
            _ => Exit::Wrong,
        }
    }

    /// The word for the screen.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Genuine => Text::new("genuine", "真卡，可用"),
            Self::Forged => Text::new("forged", "伪卡"),
            Self::Expired => Text::new("expired", "已过期"),
            Self::Lost => Text::new("reported lost", "已挂失"),
            Self::Cancelled => Text::new("cancelled", "已注销"),
            Self::UnknownToRegistry => Text::new("unknown to the registry", "登记库无此卡"),
            Self::NotPermittedWithThisSam => {
                Text::new("not permitted with this SAM", "本 SAM 无此权限")
            }
            Self::Foreign => Text::new("not a health card", "不是居民健康卡"),
            Self::NotIssued => Text::new("not issued", "未发放"),
            Self::Blocked => Text::new("blocked", "已锁定"),
            Self::Unsupported => Text::new("not supported", "不支持"),
            Self::Inconsistent => Text::new("data inconsistent", "数据不一致"),
            Self::MixedMarks => Text::new("test and production mixed", "测试与生产混用"),
        }
    }

    /// What to do with the card.
    #[must_use]
    pub const fn advice(self) -> Text {
        match self {
            Self::Genuine => Text::new("Go on with the registration", "可继续挂号"),
            Self::Forged => Text::new(
                "Keep the card back and tell the issuer",
                "请留置该卡并通知发卡机构",
            ),
            Self::Expired => Text::new(
                "Send the holder to the issuer for a new card",
                "请持卡人到发卡机构换卡",
            ),
            Self::Lost => Text::new(
                "Do not use the card; ask the holder to identify and to call the issuer",
                "请勿使用该卡；请持卡人出示证件并联系发卡机构",
            ),
            Self::Cancelled => Text::new(
                "Keep the card back; it was replaced or given up",
                "请收回该卡：已更换或注销",
            ),
            Self::UnknownToRegistry => Text::new(
                "Check that the registry asked is the right one, else tell the issuer",
                "请核对所查登记库；无误则通知发卡机构",
            ),
            Self::NotPermittedWithThisSam => Text::new(
                "Use a terminal whose SAM holds the key",
                "请使用具备该密钥之 SAM 的终端",
            ),
            Self::Foreign => Text::new(
                "Put a resident health card into the reader",
                "请插入居民健康卡",
            ),
            Self::NotIssued => {
                Text::new("Send the card back to the issuer", "请将该卡退回发卡机构")
            }
            Self::Blocked => Text::new("Send the holder to the issuer", "请持卡人到发卡机构办理"),
            Self::Unsupported => Text::new(
                "Update this software, or tell the issuer",
                "请更新本软件，或通知发卡机构",
            ),
            Self::Inconsistent => Text::new(
                "Read the card again; if it stays so, send it to the issuer",
                "请重新读卡；仍如此则送发卡机构",
            ),
            Self::MixedMarks => Text::new(
                "Use test cards with test terminals only, real cards with real ones",
                "测试卡只用于测试终端，正式卡只用于正式终端",
            ),
        }
    }

    /// The stable word.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Forged => "forged",
            Self::Expired => "expired",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::UnknownToRegistry => "unknown-to-registry",
            Self::NotPermittedWithThisSam => "not-permitted-with-this-sam",
            Self::Foreign => "foreign",
            Self::NotIssued => "not-issued",
            Self::Blocked => "blocked",
            Self::Unsupported => "unsupported",
            Self::Inconsistent => "inconsistent",
            Self::MixedMarks => "mixed-marks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_genuine_card_is_done() {
        assert_eq!(Verdict::Genuine.exit(), Exit::Done);
        assert_eq!(Verdict::Lost.exit(), Exit::Wrong);
    }

    #[test]
    fn the_word_in_json_is_the_slug() {
        for verdict in [
            Verdict::Genuine,
            Verdict::UnknownToRegistry,
            Verdict::NotPermittedWithThisSam,
        ] {
            let json = serde_json::to_value(verdict).expect("json");
            assert_eq!(json, verdict.slug());
        }
    }
}
