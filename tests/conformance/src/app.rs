//! What the program does: each command of [`cli`](crate::cli), with its exit code.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::Bench;
use crate::bench::pcsc::{Change, PcscBench};
use crate::bench::virtual_product::{Make, Recipe, VirtualBench};
use crate::cli::{self, Order};
use crate::engine::talk::Limits;
use crate::evidence::chain::{self, Writer};
use crate::evidence::record::{CaseEnd, Record, RunHead, Sink, Verdict};
use crate::evidence::{key, package};
use crate::hierarchy::{PRESETS, Preset};
use crate::plan::{Choice, Plan, plan};
use crate::report::{self, pdf};
use crate::run::{self, Manner, Tally};
use crate::suite::load::{Source, load};
use crate::suite::{Kind, Suites, embedded};
use crate::tables;
use crate::words::{lang, say};

/// Exit codes.
pub mod code {
    pub const DONE: u8 = 0;
    pub const USAGE: u8 = 2;
    pub const NOT_CONFORMANT: u8 = 3;
    pub const ENVIRONMENT: u8 = 4;
}

/// Why nothing came of it.
#[derive(Debug)]
pub enum Failure {
    Usage(String),
    Wrong(String),
    Environment(String),
}

impl Failure {
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => code::USAGE,
            Self::Wrong(_) => code::NOT_CONFORMANT,
            Self::Environment(_) => code::ENVIRONMENT,
        }
    }

    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Usage(text) | Self::Wrong(text) | Self::Environment(text) => text,
        }
    }
}

pub(crate) fn environment(cause: impl std::fmt::Display) -> Failure {
    Failure::Environment(cause.to_string())
}

/// Does what was ordered; the exit code.
///
/// # Errors
/// [`Failure`].
pub fn main(order: &Order) -> Result<u8, Failure> {
    match order {
        Order::List(order) => list(order),
        Order::Run(order) => execute(order),
        Order::Verify { dir, public, json } => verify(dir, public.as_deref(), *json),
        Order::Report {
            dir,
            out,
            pdf,
            picture,
            picture_lang,
        } => {
            std::fs::create_dir_all(out)
                .map_err(|e| environment(format!("{}: {e}", out.display())))?;
            let made = report::write(dir, out, *pdf).map_err(environment)?;
            if let Some(picture) = picture {
                let page = out.join(match picture_lang {
                    crate::words::Lang::En => "report.en.html",
                    crate::words::Lang::Zh => "report.zh.html",
                });
                pdf::picture(&page, picture).map_err(Failure::Environment)?;
            }
            println!("{} → {}", verdict_line(made.tally), out.display());
            Ok(code::DONE)
        }
        Order::Requirements { markdown, json } => tables::requirements(*markdown, *json),
        Order::Mutants { markdown } => {
            tables::mutants(*markdown);
            Ok(code::DONE)
        }
        Order::Virtual {
            vpcd,
            sam,
            preset,
            mutant,
            seed,
        } => serve(vpcd, *sam, preset, mutant.as_deref(), *seed),
        Order::TerminalCalls {
            library,
            library_config,
        } => {
            crate::terminal::child::serve(library, library_config.as_deref())
                .map_err(Failure::Environment)?;
            Ok(code::DONE)
        }
        Order::Key { out } => {
            let key = key::create(out).map_err(environment)?;
            println!("{}", hex::encode(key.verifying_key().to_bytes()));
            Ok(code::DONE)
        }
    }
}

/// The built-in suites, or those of a folder.
fn suites(folder: Option<&Path>) -> Result<Suites, Failure> {
    let Some(folder) = folder else {
        return embedded::suites().map_err(|e| Failure::Usage(e.to_string()));
    };
    let told = |e: std::io::Error| environment(format!("{}: {e}", folder.display()));
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_err(told)?
        .filter_map(|item| item.ok().map(|item| item.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let mut sources = Vec::new();
    for path in files {
        let name = path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let text = std::fs::read_to_string(&path)
            .map_err(|e| environment(format!("{}: {e}", path.display())))?;
        sources.push(Source { name, text });
    }
    load(&sources).map_err(|e| Failure::Usage(e.to_string()))
}

fn list(order: &cli::List) -> Result<u8, Failure> {
    let suites = suites(order.suites.as_deref())?;
    let cases: Vec<_> = suites
        .cases
        .iter()
        .filter(|case| order.suite.is_none_or(|kind| kind == case.kind))
        .collect();
    if order.json {
        let rows: Vec<_> = cases
            .iter()
            .map(|case| {
                let covers: Vec<String> = case.covers.iter().cloned().map(Into::into).collect();
                serde_json::json!({
                    "id": case.id, "suite": case.kind, "title": case.title, "purpose": case.purpose, "clause": case.clause,
                    "covers": covers, "severity": case.severity, "presets": case.presets, "needs": case.needs, "scars": case.scars,
                })
            })
            .collect();
        println!(
            "{}",
            serde_json::to_string_pretty(&rows).map_err(environment)?
        );
        return Ok(code::DONE);
    }
    let terminal = match order.suite {
        None | Some(Kind::Terminal) => {
            crate::terminal::case::suite()
                .map_err(Failure::Usage)?
                .cases
        }
        Some(_) => Vec::new(),
    };
    for case in &terminal {
        let title = case.title.of(lang());
        println!("  {:<48} {:<24} {title}", case.id, case.clause);
    }
    for case in &cases {
        let mark = if case.is_destructive() { "!" } else { " " };
        println!(
            "{mark} {:<48} {:<24} {}",
            case.id,
            case.clause,
            case.title.of(lang())
        );
    }
    println!(
        "{} {}",
        cases.len() + terminal.len(),
        say(
            "cases; ! uses something of its sample up",
            "个用例；! 表示对样品有破坏"
        )
    );
    Ok(code::DONE)
}

fn execute(order: &cli::Run) -> Result<u8, Failure> {
    let names = || PRESETS.map(|preset| preset.name).join(", ");
    let preset = Preset::named(&order.preset).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {}; {}",
            say("there is no preset", "没有此配置："),
            order.preset,
            names()
        ))
    })?;
    if order.suite == Kind::Terminal {
        return crate::terminal::order::execute(order, preset);
    }
    let suites = suites(order.suites.as_deref())?;
    let choice = Choice {
        preset: preset.name.to_owned(),
        cases: order.case.clone(),
        destructive: order.destructive,
    };
    let plan = plan(&suites, order.suite, &choice);
    if plan.cases.is_empty() {
        return Err(Failure::Usage(
            say(
                "no case fits; see rhc-conformance list",
                "没有符合条件的用例；见 rhc-conformance list",
            )
            .to_owned(),
        ));
    }
    let signer = match &order.key {
        Some(path) => key::read(path).map_err(environment)?,
        None => key::rehearsal().map_err(environment)?,
    };
    if package::is_sealed(&order.out) {
        return Err(Failure::Usage(format!(
            "{}: {}",
            order.out.display(),
            say(
                "this run is finished and signed; give another --out",
                "该次检测已完成并签名；请给出其他 --out"
            )
        )));
    }
    let mut bench = bench(order, preset)?;
    std::fs::create_dir_all(&order.out)
        .map_err(|e| environment(format!("{}: {e}", order.out.display())))?;
    let (mut writer, head, done, before) = begin(order, preset, &suites, &plan, bench.as_ref())?;
    announce(&plan, order);
    let manner = Manner {
        preset,
        kind: order.suite,
        seed: head.seed.clone(),
        repeats: order.repeats,
        limits: Limits {
            time: Duration::from_secs(order.case_limit.max(1)),
            ..Limits::default()
        },
    };
    let bar = announced(plan.cases.len(), order.json);
    let mut shown = |end: &CaseEnd, _: usize, _: usize| show(&bar, end);
    let ran = run::run(
        &plan,
        &manner,
        bench.as_mut(),
        &mut writer,
        &done,
        &mut shown,
    );
    bar.finish_and_clear();
    let ends = ran.map_err(environment)?;
    let mut tally = Tally::default();
    before
        .iter()
        .chain(&ends)
        .for_each(|end| tally.count(end.verdict));
    writer.note(&Record::End {
        ended: now(),
        pass: tally.pass,
        fail: tally.fail,
        inconclusive: tally.inconclusive,
        skipped: tally.skipped,
    });
    let head = writer.finish().map_err(environment)?;
    let with_pdf = !order.no_pdf && pdf::browser().is_some();
    report::write(&order.out, &order.out, with_pdf).map_err(environment)?;
    package::seal(&order.out, &head, &signer).map_err(environment)?;
    conclude(order, tally, with_pdf)
}

fn bench(order: &cli::Run, preset: Preset) -> Result<Box<dyn Bench>, Failure> {
    if order.r#virtual {
        return virtual_bench(order, preset);
    }
    if order.reader.is_none() && order.sam_reader.is_none() {
        return Err(Failure::Usage(
            say(
                "give --reader, --sam-reader or --virtual",
                "请给出 --reader、--sam-reader 或 --virtual",
            )
            .to_owned(),
        ));
    }
    let change = match order.next_sample.as_deref() {
        None => Change::One,
        Some(word) if word.as_os_str() == "ask" => Change::Operator,
        Some(program) => Change::Command(program.to_owned()),
    };
    let bench = PcscBench::open(order.reader.clone(), order.sam_reader.clone(), change);
    let told = |e: cardlib_reader::ReaderError| {
        environment(match lang() {
            crate::words::Lang::En => e.to_string(),
            crate::words::Lang::Zh => e.chinese(),
        })
    };
    Ok(Box::new(bench.map_err(told)?))
}

fn virtual_bench(order: &cli::Run, preset: Preset) -> Result<Box<dyn Bench>, Failure> {
    let recipe = Recipe::sound(preset, 1).map_err(Failure::Environment)?;
    let Some(id) = &order.mutant else {
        return Ok(Box::new(
            VirtualBench::sound(recipe, true).map_err(Failure::Environment)?,
        ));
    };
    let mutant = mutant_named(id)?;
    let name = format!("virtual {} in this process, fault {id}", preset.name);
    let sound_card: Make = Box::new(move || Ok(Box::new(recipe.card()?)));
    let sound_sam: Make = Box::new(move || Ok(Box::new(recipe.sam()?)));
    let kind = mutant.kind;
    let faulty: Make = Box::new(move || mutant.make(&recipe));
    let (card, sam) = if kind == Kind::Sam {
        (sound_card, faulty)
    } else {
        (faulty, sound_sam)
    };
    Ok(Box::new(
        VirtualBench::new(name, Some(card), Some(sam)).map_err(Failure::Environment)?,
    ))
}

fn mutant_named(id: &str) -> Result<crate::mutants::Mutant, Failure> {
    let found = crate::mutants::table()
        .into_iter()
        .find(|mutant| mutant.id == id);
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "{} {id}; rhc-conformance mutants",
            say("there is no seeded fault", "没有此缺陷：")
        ))
    })
}

fn serve(
    vpcd: &str,
    sam: bool,
    preset: &str,
    mutant: Option<&str>,
    seed: u64,
) -> Result<u8, Failure> {
    let preset = Preset::named(preset).ok_or_else(|| {
        Failure::Usage(format!(
            "{} {preset}",
            say("there is no preset", "没有此配置：")
        ))
    })?;
    let recipe = Recipe::sound(preset, seed).map_err(Failure::Environment)?;
    let mut chip = match mutant {
        Some(id) => mutant_named(id)?
            .make(&recipe)
            .map_err(Failure::Environment)?,
        None if sam => Box::new(recipe.sam().map_err(Failure::Environment)?),
        None => Box::new(recipe.card().map_err(Failure::Environment)?),
    };
    let slot =
        cardlib_sim::vpcd::Slot::connect(vpcd, Duration::from_secs(10)).map_err(environment)?;
    println!(
        "{} {vpcd}",
        say("virtual test product in", "虚拟测试产品已插入")
    );
    slot.serve(chip.as_mut(), cardlib_sim::vpcd::Manner::default())
        .map_err(environment)?;
    Ok(code::DONE)
}

type Begun = (Writer, RunHead, BTreeSet<String>, Vec<CaseEnd>);

/// A new record, or the interrupted one of the same run.
fn begin(
    order: &cli::Run,
    preset: Preset,
    suites: &Suites,
    plan: &Plan<'_>,
    bench: &dyn Bench,
) -> Result<Begun, Failure> {
    let mut head = RunHead {
        harness: env!("CARGO_PKG_VERSION").to_owned(),
        suites: suites.digest.clone(),
        suite: order.suite,
        preset: preset.name.to_owned(),
        seed: order.seed.clone().unwrap_or_default(),
        destructive: order.destructive,
        repeats: order.repeats,
        cases: order.case.clone(),
        product: order.product.clone(),
        bench: bench.describe(),
        began: now(),
        planned: plan.cases.len(),
        samples: plan.samples,
    };
    if order.out.join(chain::FILE).exists() {
        let resumed = chain::resume(&order.out).map_err(environment)?;
        if order.seed.is_none() {
            head.seed.clone_from(&resumed.head.seed);
        }
        chain::same_run(&resumed.head, &head).map_err(|e| Failure::Usage(e.to_string()))?;
        let done = resumed.ends.iter().map(|end| end.id.clone()).collect();
        eprintln!(
            "{} {}",
            say("going on after case", "从中断处继续，已完成用例数"),
            resumed.ends.len()
        );
        return Ok((resumed.writer, resumed.head, done, resumed.ends));
    }
    if order.seed.is_none() {
        let mut drawn = [0u8; 16];
        getrandom::fill(&mut drawn).map_err(environment)?;
        head.seed = hex::encode(drawn);
    }
    let mut writer = Writer::create(&order.out).map_err(environment)?;
    writer.note(&Record::Run(head.clone()));
    Ok((writer, head, BTreeSet::new(), Vec::new()))
}

fn announce(plan: &Plan<'_>, order: &cli::Run) {
    if order.json {
        return;
    }
    let runs = plan
        .cases
        .iter()
        .filter(|planned| planned.skip.is_none())
        .count();
    eprintln!(
        "{} {runs} {} {}; {} {}",
        say("planned:", "计划："),
        say("cases of", "个用例，共"),
        plan.cases.len(),
        say("samples needed:", "所需样品数："),
        plan.samples
    );
}

pub(crate) fn announced(total: usize, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {msg}");
    ProgressBar::new(total as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(crate) fn show(bar: &ProgressBar, end: &CaseEnd) {
    bar.inc(1);
    bar.set_message(end.id.clone());
    if matches!(end.verdict, Verdict::Fail | Verdict::Inconclusive) {
        let word = report::html::verdict_word(end.verdict, lang());
        let line = format!(
            "{word}: {} – {}",
            end.id,
            end.reason.as_deref().unwrap_or_default()
        );
        if bar.is_hidden() {
            eprintln!("{line}")
        } else {
            bar.println(line)
        }
    }
}

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

pub(crate) fn conclude(order: &cli::Run, tally: Tally, with_pdf: bool) -> Result<u8, Failure> {
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

fn verify(dir: &Path, public: Option<&str>, json: bool) -> Result<u8, Failure> {
    let verified = package::verify(dir, public).map_err(|e| match e {
        package::PackageError::Io(..) if !dir.exists() => environment(e),
        e => Failure::Wrong(format!("{} {e}", say("refused:", "拒绝："))),
    })?;
    if json {
        let value = serde_json::json!({
            "signer": verified.public, "rehearsal": verified.rehearsal, "files": verified.files, "records": verified.lines,
        });
        println!("{value}");
    } else {
        println!(
            "{}: {} {}, {} {}",
            say("whole", "完整"),
            verified.files,
            say("files", "个文件"),
            verified.lines,
            say("records", "条记录")
        );
        println!("{} {}", say("signed by", "签名公钥"), verified.public);
        if verified.rehearsal {
            println!(
                "{}",
                say(
                    "that is the public test key: a rehearsal, no laboratory",
                    "该密钥是公开测试密钥：演练，不代表任何实验室"
                )
            );
        }
    }
    Ok(code::DONE)
}

pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}
