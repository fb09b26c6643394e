//! The end of a run in words or JSON, and `report`: the reports made again.

use super::{Failure, code, environment};
use crate::cli;
use crate::report::{self, pdf};
use crate::run::Tally;
use crate::words::{Lang, lang, say};

fn verdict_line(tally: Tally) -> String {
    format!(
        "{} {}, {} {}, {} {}, {} {}",
        tally.pass,
        say("passed", "通过"),
        tally.fail,
        say("failed", "不通过"),
        tally.inconclusive,
        say("inconclusive", "无结论"),
        tally.skipped,
        say("skipped", "未执行")
    )
}

pub(super) fn conclude(order: &cli::Run, tally: Tally, with_pdf: bool) -> Result<u8, Failure> {
    let code = if tally.fail > 0 {
        code::NOT_CONFORMANT
    } else if tally.inconclusive > 0 {
        code::ENVIRONMENT
    } else {
        code::DONE
    };
    if order.json {
        let value = serde_json::json!({
            "pass": tally.pass, "fail": tally.fail, "inconclusive": tally.inconclusive, "skipped": tally.skipped,
            "package": order.out, "exit": code,
        });
        println!("{value}");
        return Ok(code);
    }
    println!("{}", verdict_line(tally));
    if order.key.is_none() {
        println!(
            "{}",
            say(
                "signed with the public test key: a rehearsal (--key for a laboratory's own)",
                "以公开测试密钥签名：仅为演练（正式检测请用 --key）"
            )
        );
    }
    if !with_pdf && !order.no_pdf {
        println!(
            "{}",
            say(
                "no PDF: no Chromium in the search path",
                "未生成 PDF：搜索路径中没有 Chromium"
            )
        );
    }
    let page = order
        .out
        .join(lang().say("report.en.html", "report.zh.html"));
    println!("{} {}", say("report:", "报告："), page.display());
    Ok(code)
}

/// Makes the reports of a package's evidence again.
pub(super) fn again(order: &cli::Report) -> Result<u8, Failure> {
    let out = &order.out;
    std::fs::create_dir_all(out).map_err(|e| environment(format!("{}: {e}", out.display())))?;
    let made = report::write(&order.dir, out, order.pdf).map_err(environment)?;
    if let Some(picture) = &order.picture {
        let page = out.join(match order.picture_lang {
            Lang::En => "report.en.html",
            Lang::Zh => "report.zh.html",
        });
        pdf::picture(&page, picture).map_err(Failure::Environment)?;
    }
    println!("{} → {}", verdict_line(made.tally), out.display());
    Ok(code::DONE)
}
