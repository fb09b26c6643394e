//! SAMs: a serial before the provincial stage, registration by certificate after it (D19, D21, D43).

use issuance_registry_api::problems::{
    CARD_UNKNOWN, CERTIFICATE_DIFFERS, CHIP_TAKEN, SAM_NOT_RESERVED,
};
use issuance_registry_api::{
    SamRegistrationRequest, SamSerial, SamSerialNumber, SamSerialRequest, SamState, SamView,
};
use jiff::tz::TimeZone;
use kms_platform::clock::stamp;
use kms_platform::mark::Mark;
use kms_platform::problem::{INVALID, Problem};
use kms_platform::sqlx;
use kms_platform::store::Conn;

use crate::deed::{Context, Deed};
use crate::serials;

type Stored = (String, String, i64, String, String, String, Option<String>);

const SELECT_BY_SERIAL: &str = "SELECT serial, chip_serial, sam_type, area, state, since, certificate FROM sams WHERE serial = $1";
const SELECT_BY_CHIP: &str = "SELECT serial, chip_serial, sam_type, area, state, since, certificate FROM sams WHERE chip_serial = $1";

/// Takes a serial for a chip; the same chip, type and area always get the same.
pub(crate) struct ReserveSam(pub SamSerialRequest);

impl Deed for ReserveSam {
    type Done = SamSerial;

    fn act(&self) -> &'static str {
        "sam.reserve"
    }

    fn object(&self) -> String {
        format!("chip {}", self.0.chip_serial)
    }

    fn detail(&self) -> serde_json::Value {
        serde_json::json!({ "type": self.0.sam_type, "area": self.0.area })
    }

    async fn carry_out(self, conn: &mut Conn, context: &Context<'_>) -> Result<SamSerial, Problem> {
        let request = self.0;
        if !(1..=5).contains(&request.sam_type) {
            return Err(
                Problem::new(&INVALID).detail("SAM type is not 1 to 5", "SAM 类型不在 1 至 5 之内")
            );
        }
        if let Some(known) = fetch(
            conn,
            SELECT_BY_CHIP,
            request.chip_serial.as_str(),
            context.mark,
        )
        .await?
        {
            let same = known.sam_type == request.sam_type && known.area == request.area;
            return if same {
                Ok(SamSerial {
                    serial: known.serial,
                    state: known.state,
                    mark: context.mark,
                })
            } else {
                Err(Problem::new(&CHIP_TAKEN))
            };
        }
        let serial = insert(conn, context, &request).await?;
        Ok(SamSerial {
            serial,
            state: SamState::Reserved,
            mark: context.mark,
        })
    }
}

async fn insert(
    conn: &mut Conn,
    context: &Context<'_>,
    request: &SamSerialRequest,
) -> Result<SamSerialNumber, Problem> {
    // A province's own SAM has no prefecture: 00.
    let area4 = format!("{:0<4.4}", request.area);
    let year = context
        .at
        .to_zoned(TimeZone::fixed(jiff::tz::offset(8)))
        .year();
    let serial = serials::sam(conn, &area4, request.sam_type, year).await?;
    sqlx::query(
        "INSERT INTO sams (serial, chip_serial, sam_type, area, state, since) VALUES ($1, $2, $3, $4, 'reserved', $5)",
    )
    .bind(serial.as_str())
    .bind(request.chip_serial.as_str())
    .bind(i64::from(request.sam_type))
    .bind(&request.area)
    .bind(stamp(context.at))
    .execute(conn)
    .await?;
    Ok(serial)
}

/// Makes a reserved SAM active by its certificate.
pub(crate) struct RegisterSam(pub SamRegistrationRequest);

impl Deed for RegisterSam {
    type Done = SamView;

    fn act(&self) -> &'static str {
        "sam.register"
    }

    fn object(&self) -> String {
        format!("sam {}", self.0.serial)
    }

    fn detail(&self) -> serde_json::Value {
        serde_json::json!({ "chip": self.0.chip_serial })
    }

    async fn carry_out(self, conn: &mut Conn, context: &Context<'_>) -> Result<SamView, Problem> {
        let request = self.0;
        let reserved = || Problem::new(&SAM_NOT_RESERVED);
        let known = fetch(
            conn,
            SELECT_BY_SERIAL,
            request.serial.as_str(),
            context.mark,
        )
        .await?
        .ok_or_else(reserved)?;
        if known.chip_serial != request.chip_serial {
            return Err(reserved());
        }
        context
            .trust
            .check_sam(&request, context.mark, context.at)?;
        if known.state == SamState::Active {
            let same = known.certificate.as_deref() == Some(request.certificate.as_str());
            return if same {
                Ok(known)
            } else {
                Err(Problem::new(&CERTIFICATE_DIFFERS))
            };
        }
        sqlx::query(
            "UPDATE sams SET state = 'active', since = $1, certificate = $2 WHERE serial = $3",
        )
        .bind(stamp(context.at))
        .bind(&request.certificate)
        .bind(request.serial.as_str())
        .execute(&mut *conn)
        .await?;
        fetch(
            conn,
            SELECT_BY_SERIAL,
            request.serial.as_str(),
            context.mark,
        )
        .await?
        .ok_or_else(reserved)
    }
}

/// A SAM by its serial.
pub(crate) async fn find(
    conn: &mut Conn,
    serial: &SamSerialNumber,
    mark: Mark,
) -> Result<SamView, Problem> {
    let unknown = || Problem::new(&CARD_UNKNOWN).detail("no such SAM", "没有此 SAM");
    fetch(conn, SELECT_BY_SERIAL, serial.as_str(), mark)
        .await?
        .ok_or_else(unknown)
}

async fn fetch(
    conn: &mut Conn,
    select: &'static str,
    key: &str,
    mark: Mark,
) -> Result<Option<SamView>, Problem> {
    let stored: Option<Stored> = sqlx::query_as(select)
        .bind(key)
        .fetch_optional(conn)
        .await?;
    stored.map(|stored| view(stored, mark)).transpose()
}

fn view(
    (serial, chip, sam_type, area, state, since, certificate): Stored,
    mark: Mark,
) -> Result<SamView, Problem> {
    let lost = || Problem::internal("a stored SAM has lost its form");
    Ok(SamView {
        serial: serial.parse().map_err(|_| lost())?,
        chip_serial: chip.parse().map_err(|_| lost())?,
        sam_type: u8::try_from(sam_type).map_err(|_| lost())?,
        area,
        state: if state == SamState::Active.as_str() {
            SamState::Active
        } else {
            SamState::Reserved
        },
        since,
        mark,
        certificate,
    })
}
