// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//! The programs of a bound object, loaded and attached with libbpf-rs.

use std::error::Error;
use std::os::fd::AsFd;
use std::path::Path;
use std::{env, fs, io, process};

use libbpf_rs::{MapCore, MapFlags, Object, ObjectBuilder, OpenObject};
use libbpf_rs::{TcAttachPoint, TcHook, TcHookBuilder, TC_EGRESS, TC_INGRESS};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The object's maps, and the pins of the loaded skbext for them.
const PINS: [(&str, &str); 5] = [
    (".data.skbext", "ctl"),
    (".data.skbext_slots", "slots"),
    ("skbext_stats", "stats"),
    ("skbext_watches", "watches"),
    ("skbext_refs", "refs"),
];

/// Puts skbext's maps in the place of the object's.
fn use_skbext(object: &mut OpenObject, dir: &Path) -> Result<()> {
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if let Some((_, pin)) = PINS.iter().find(|(own, _)| *own == name) {
            map.reuse_pinned_map(dir.join(pin))
                .map_err(|e| format!("{pin}: {e}; run skbext load"))?;
        }
    }
    Ok(())
}

fn attach(object: &Object, program: &str, ifindex: i32, place: TcAttachPoint) -> Result<TcHook> {
    let prog = object
        .progs()
        .find(|p| p.name() == program)
        .ok_or(format!("the object has no program {program}"))?;
    let mut hook = TcHookBuilder::new(prog.as_fd()).ifindex(ifindex).hook(place);
    hook.create()?; // clsact, which others at the device may use as well: it stays
    Ok(hook.attach()?)
}

fn print_counts(object: &Object) -> Result<()> {
    let counts = object
        .maps()
        .find(|m| m.name() == "counts")
        .ok_or("the object has no map counts")?;
    for (i, name) in ["sent", "received", "found"].iter().enumerate() {
        let value = counts
            .lookup(&(i as u32).to_ne_bytes(), MapFlags::ANY)?
            .ok_or("counts is too small")?;
        println!("{name} {}", u64::from_ne_bytes(value.as_slice().try_into()?));
    }
    Ok(())
}

fn run(bound: &str, device: &str, dir: &str) -> Result<()> {
    let ifindex = fs::read_to_string(format!("/sys/class/net/{device}/ifindex"))
        .map_err(|e| format!("{device}: {e}"))?;
    let ifindex = ifindex.trim().parse()?;
    let mut open = ObjectBuilder::default().open_file(bound)?;
    use_skbext(&mut open, Path::new(dir))?;
    let object = open.load()?;
    let mut receives = attach(&object, "receive_note", ifindex, TC_INGRESS)?;
    let mut sends = attach(&object, "send_note", ifindex, TC_EGRESS)?;

    println!("ready");
    io::stdin().read_line(&mut String::new())?;
    sends.detach()?;
    receives.detach()?;
    print_counts(&object)
}

fn main() {
    let args: Vec<String> = env::args().collect();
    if args.len() != 4 {
        eprintln!("usage: {} BOUND-OBJECT DEVICE SKBEXT-DIRECTORY", args[0]);
        process::exit(2);
    }
    if let Err(e) = run(&args[1], &args[2], &args[3]) {
        eprintln!("{}: {e}", args[0]);
        process::exit(1);
    }
}
