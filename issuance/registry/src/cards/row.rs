//! A card's row and its way out of the store.

use issuance_registry_api::{
    CardNumber, CardSerial, CardState, Digest, Factor, Registered, SamSerialNumber,
};
use kms_platform::mark::Mark;
use kms_platform::problem::Problem;
use kms_platform::sqlx::any::AnyRow;
use kms_platform::sqlx::{self, Row as _};
use kms_platform::store::Conn;

/// One card as stored.
pub(super) struct Row {
    pub serial: CardSerial,
    pub card_number: CardNumber,
    pub area: String,
    pub factor: Factor,
    pub state: CardState,
    pub since: String,
    pub data_hash: Option<Digest>,
    pub sam_serial: Option<SamSerialNumber>,
}

impl Row {
    pub(super) fn read(row: &AnyRow) -> Result<Self, Problem> {
        let text = |column: &str| {
            row.try_get::<String, _>(column)
                .map_err(|error| Problem::internal(&error))
        };
        let optional = |column: &str| {
            row.try_get::<Option<String>, _>(column)
                .map_err(|error| Problem::internal(&error))
        };
        Ok(Self {
            serial: parse(&text("serial")?)?,
            card_number: parse(&text("card_number")?)?,
            area: text("area")?,
            factor: parse(&text("factor")?)?,
            state: parse(&text("state")?)?,
            since: text("since")?,
            data_hash: optional("data_hash")?
                .map(|hash| parse(&hash))
                .transpose()?,
            sam_serial: optional("sam_serial")?
                .map(|serial| parse(&serial))
                .transpose()?,
        })
    }

    pub(super) fn registered(self, mark: Mark) -> Registered {
        Registered {
            serial: self.serial,
            state: self.state,
            since: self.since,
            mark,
        }
    }
}

/// What we stored was checked when it came in; anything else means that the store was changed behind our back.
fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse()
        .map_err(|_| Problem::internal("a stored value has lost its form"))
}

pub(super) async fn by_serial(
    conn: &mut Conn,
    serial: &CardSerial,
) -> Result<Option<Row>, Problem> {
    let row = sqlx::query("SELECT * FROM cards WHERE serial = $1")
        .bind(serial.as_str())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(Row::read).transpose()
}
