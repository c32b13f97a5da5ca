//! `pebble FOLDER COMMAND ...`: look into a store from the shell.

use std::io::{self, Write};
use std::process::ExitCode;

use pebblelog::{verify_folder, Options, Result, Store};

const USAGE: &str =
    "usage: pebble FOLDER get KEY | set KEY VALUE | del KEY | list [PREFIX] | compact | stats | check";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("pebble: {error}");
            ExitCode::from(if error.is_damage() { 3 } else { 2 })
        }
    }
}

/// True when something was found or done, false when there was nothing.
fn run(arguments: &[String]) -> Result<bool> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = io::stdout().lock();
    match words.as_slice() {
        [folder, "check"] => {
            let damage = verify_folder(folder)?;
            for each in &damage {
                let kind = if each.torn_tail { "torn tail" } else { "DAMAGE" };
                writeln!(
                    out,
                    "{kind}: segment {:06}, {} bytes from {}",
                    each.segment, each.n_bytes, each.offset
                )?;
            }
            Ok(damage.is_empty())
        }
        [folder, "get", key] => match open(folder)?.get(key.as_bytes())? {
            Some(value) => {
                out.write_all(&value)?;
                Ok(true)
            }
            None => Ok(false),
        },
        [folder, "set", key, value] => {
            open(folder)?.put(key.as_bytes(), value.as_bytes())?;
            Ok(true)
        }
        [folder, "del", key] => open(folder)?.delete(key.as_bytes()),
        [folder, "list", rest @ ..] => {
            let prefix = rest.first().copied().unwrap_or("");
            let snapshot = open(folder)?.snapshot();
            let mut n_found = 0;
            for item in snapshot.with_prefix(prefix.as_bytes()) {
                let (key, value) = item?;
                writeln!(out, "{}\t{} bytes", String::from_utf8_lossy(&key), value.len())?;
                n_found += 1;
            }
            Ok(n_found > 0)
        }
        [folder, "compact"] => {
            let reclaimed = open(folder)?.compact()?;
            writeln!(out, "{} files removed, {} values moved", reclaimed.n_segments, reclaimed.n_moved)?;
            Ok(true)
        }
        [folder, "stats"] => {
            let stats = open(folder)?.stats();
            writeln!(out, "{stats:#?}")?;
            Ok(true)
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(false)
        }
    }
}

fn open(folder: &str) -> Result<Store> {
    Store::open(folder, Options::default())
}
