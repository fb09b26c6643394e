//! `rhc-card apdu`: commands typed by a person (or given on the command line), each told with its answer.

use std::io::{BufRead, IsTerminal, Write};

use serde_json::json;

use crate::args::Apdu;
use crate::failure::{Failure, profile};
use crate::talk::{Talk, bytes};
use crate::text::{Colour, line, paint, say};

/// Talks until the input ends.
pub fn run(order: &Apdu) -> Result<(), Failure> {
    let profile = profile(&order.profile)?;
    let given: Result<Vec<_>, _> = order.commands.iter().map(|text| bytes(text)).collect();
    let given = given.map_err(Failure::Usage)?;
    let (talk, told) = Talk::open(&order.reader, profile, order.sam)?;
    let mut shell = Shell {
        talk,
        json: order.json,
        raw: order.raw,
        history: Vec::new(),
    };
    shell.power(&told);
    if given.is_empty() {
        return shell.converse();
    }
    given.iter().try_for_each(|command| shell.send(command))
}

struct Shell {
    talk: Talk,
    json: bool,
    raw: bool,
    history: Vec<Vec<u8>>,
}

impl Shell {
    /// Lines until `quit` or the end; a line that is no command says so and goes on.
    fn converse(&mut self) -> Result<(), Failure> {
        let input = std::io::stdin();
        let prompt = input.is_terminal();
        if prompt && !self.json {
            line(say(
                "hexadecimal bytes, or: reset, raw, history, !N, help, quit",
                "输入十六进制命令，或：reset、raw、history、!N、help、quit",
            ));
        }
        loop {
            if prompt {
                let _ = write!(std::io::stdout(), "> ");
                let _ = std::io::stdout().flush();
            }
            let mut text = Vec::new();
            let read = input.lock().read_until(b'\n', &mut text);
            if read.map_err(Failure::environment)? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            match text.as_str() {
                "" => {}
                "quit" | "exit" | "q" => return Ok(()),
                "help" | "?" => help(),
                "history" => self.list(),
                "raw" => {
                    self.raw = !self.raw;
                    line(if self.raw {
                        say(
                            "61xx and 6Cxx are shown as they come",
                            "原样显示 61xx、6Cxx",
                        )
                    } else {
                        say("61xx and 6Cxx are followed", "自动处理 61xx、6Cxx")
                    });
                }
                "reset" => {
                    let told = self.talk.reset()?;
                    self.power(&told);
                }
                text if text.starts_with('#') => {}
                text => match self.command(text) {
                    Ok(command) => self.send(&command)?,
                    Err(problem) => eprintln!("{problem}"),
                },
            }
        }
    }

    /// Bytes, or `!N` for the Nth command, `!!` for the last.
    fn command(&self, text: &str) -> Result<Vec<u8>, String> {
        let Some(wanted) = text.strip_prefix('!') else {
            return bytes(text);
        };
        let at = match wanted {
            "!" => self.history.len(),
            number => number.parse().unwrap_or(0),
        };
        at.checked_sub(1)
            .and_then(|at| self.history.get(at))
            .cloned()
            .ok_or_else(|| say("no such command in the history", "历史中没有该命令").to_owned())
    }

    fn send(&mut self, command: &[u8]) -> Result<(), Failure> {
        self.history.push(command.to_vec());
        let (answer, told) = self.talk.send(command, self.raw)?;
        if self.json {
            let mut row = serde_json::to_value(&told).map_err(Failure::environment)?;
            row["command"] = json!(hex::encode_upper(command));
            row["response"] = json!(hex::encode_upper(&answer));
            line(&row.to_string());
            return Ok(());
        }
        line(&format!("> {}", hex::encode_upper(command)));
        line(&format!("< {}", hex::encode_upper(&answer)));
        line(&format!("  {}", told.print(4)));
        Ok(())
    }

    fn power(&self, told: &str) {
        let atr = hex::encode_upper(self.talk.atr());
        if self.json {
            line(&json!({ "reader": self.talk.reader(), "atr": atr, "reset": told }).to_string());
        } else {
            line(&paint(
                &format!("{} · ATR {atr}", self.talk.reader()),
                Colour::Dim,
            ));
            line(&format!("  {told}"));
        }
    }

    /// The last 100; the history lives as long as the program, as it may hold PINs.
    fn list(&self) {
        let skip = self.history.len().saturating_sub(100);
        for (number, command) in (1..).zip(&self.history).skip(skip) {
            line(&format!("{number:>4}  {}", hex::encode_upper(command)));
        }
    }
}

fn help() {
    line(say(
        "00 84 00 00 08   send these bytes (spaces do not matter)\n\
         !3  !!           send the third, the last command again\n\
         history          the commands so far\n\
         raw              follow 61xx and 6Cxx, or show them as they come\n\
         reset            reset the card\n\
         # …              nothing\n\
         quit             end; the card is reset",
        "00 84 00 00 08   发送这些字节（空格无关）\n\
         !3  !!           重发第三条、最后一条命令\n\
         history          已发送的命令\n\
         raw              切换是否自动处理 61xx、6Cxx\n\
         reset            复位\n\
         # …              注释\n\
         quit             结束并复位卡片",
    ));
}
