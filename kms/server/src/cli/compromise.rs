//! `rhc-kms compromise`: what a loss touches, and what replaces it.

use kms_core::compromise::{Population, Reach, Report};
use kms_platform::exit::{Exit, Failure};
use kms_platform::lang::{Lang, current, pick};
use kms_platform::output::{self, Table};
use kms_platform::say;

use super::args::CompromiseArgs;
use super::{Ran, open, order};
use crate::life::loss::Lost;
use crate::refusal::Refusal;

pub(super) async fn run(args: CompromiseArgs) -> Ran {
    let lost = match (
        args.key,
        args.sam,
        args.prefecture,
        args.province,
        args.maker,
    ) {
        (Some(key), ..) => Lost::Key(key),
        (_, Some(sam), ..) => Lost::Sam(sam),
        (_, _, Some(area), ..) => Lost::Prefecture(area),
        (_, _, _, Some(area), _) => Lost::Province(area),
        (.., Some(vendor)) => Lost::Maker(vendor),
        _ => return Err(Failure::usage(pick("say what was lost", "请说明所失何物"))),
    };
    let mut population = Population::default();
    for path in &args.population {
        let part: Population = serde_json::from_slice(&order::read_file(path)?).map_err(|e| {
            let (name, line) = (path.display(), e.line());
            Failure::wrong(say!(
                "{name}: not an export of rhc-registry population (line {line})",
                "{name}：不是 rhc-registry population 的导出（第 {line} 行）"
            ))
        })?;
        population.cards.extend(part.cards);
        population.sams.extend(part.sams);
    }
    let service = open(&args.at.store).await?;
    let report = service.loss_report(lost, population, &args.by).await?;
    output::print(args.at.json, &report, || table(&report)).map_err(Refusal::from)?;
    Ok(Exit::Done)
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(Vec::<String>::new());
    table.row([pick("lost", "所失"), &report.lost]);
    reach(
        &mut table,
        pick("national keys", "全国密钥"),
        &report.national,
    );
    let province = report.province.clone().unwrap_or_default();
    let of = say!("keys of province {province}", "省 {province} 密钥");
    reach(&mut table, &of, &report.provincial);
    if report.blanks > 0 {
        table.row([
            pick("blanks on the way", "在途空白卡").to_owned(),
            report.blanks.to_string(),
        ]);
    }
    let zh = current() == Lang::Zh;
    table.row([
        pick("does not open", "不能打开"),
        if zh {
            &report.not_open_zh
        } else {
            &report.not_open
        },
    ]);
    for replacement in &report.replaced_by {
        let by = if zh {
            &replacement.by_zh
        } else {
            &replacement.by
        };
        table.row([
            pick("replace", "更换").to_owned(),
            format!("{}: {by}", replacement.what),
        ]);
    }
    table
}

fn reach(table: &mut Table, name: &str, reach: &Reach) {
    if reach.keys.is_empty() {
        table.row([name, pick("none", "无")]);
        return;
    }
    let (keys, cards, old, sams) = (
        reach.keys.len(),
        reach.cards,
        reach.cards_out_of_use,
        reach.sams,
    );
    table.row([
        name.to_owned(),
        say!(
            "{keys} open: {cards} cards in use, {old} out of use; {sams} SAMs hold one",
            "泄露 {keys} 个：在用卡 {cards} 张，停用卡 {old} 张；{sams} 张SAM卡含有"
        ),
    ]);
    let types: Vec<_> = reach
        .sams_by_type
        .iter()
        .map(|(kind, count)| format!("{kind}: {count}"))
        .collect();
    if !types.is_empty() {
        table.row([pick("  SAMs by type", "  SAM卡按类型"), &types.join(", ")]);
    }
    let places: Vec<_> = reach
        .institutions
        .iter()
        .map(|(area, count)| format!("{area}: {count}"))
        .collect();
    if !places.is_empty() {
        table.row([
            pick("  institutions' SAMs by prefecture", "  机构SAM卡按地市"),
            &places.join(", "),
        ]);
    }
}
