//! The form of a card's content in JSON, for the API description: the content itself is `cardlib_card::content`, which
//! knows nothing of HTTP.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everything to be written, file by file. Personal data: held for the request only.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = CardContent)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// Files in any order, each once.
    pub files: Vec<File>,
}

/// One file's content.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = CardFile)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Such as `DDF1/EF05`.
    pub path: String,
    /// What is in it.
    pub data: Data,
}

/// Hexadecimal.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = CardFileData)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Data {
    /// Whole records.
    Records(Vec<String>),
    /// The file from offset 0.
    Binary(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlib_card::content::CardContent;

    #[test]
    fn the_described_form_is_the_real_one() {
        let text = r#"{"files":[{"path":"DDF1/EF05","data":{"records":["0101"]}},{"path":"A","data":{"binary":"00FF"}}]}"#;
        let real: CardContent = serde_json::from_str(text).expect("the real form");
        let written = serde_json::to_string(&real).expect("JSON");
        let described: Content = serde_json::from_str(&written).expect("the described form");
        let again = serde_json::to_string(&described).expect("JSON");
        assert_eq!(
            again, written,
            "what the description allows is what is read"
        );
        assert!(serde_json::from_str::<CardContent>(&again).is_ok_and(|read| read == real));
    }
}
