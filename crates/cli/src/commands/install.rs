//! `trueup install` and `trueup uninstall`: the controller as a service of this machine
//! (`--host`), or what to apply for it to be one of a cluster (`--kubernetes`).
//!
//! Where systemd is PID 1 it is a unit, of the system for root and of the user otherwise; where OpenRC
//! starts the services of the machine, for root, one of these; elsewhere a line `@reboot` of the
//! crontab. What was done is printed, line by line.

mod kubernetes;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Exit;
use super::subject::Where;
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, place};

/// Marks our line of a crontab.
const MARK: &str = "# trueup";
const UNIT: &str = "trueup.service";
/// Its name where OpenRC starts it.
const SERVICE: &str = "trueup";

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// On this machine
    #[arg(long, required_unless_present = "kubernetes")]
    host: bool,
    /// In a cluster: print what to apply, for `kubectl apply --server-side -f -`
    #[arg(long, conflicts_with = "host")]
    kubernetes: bool,
    #[command(flatten)]
    chart: kubernetes::Options,
    /// A repository, as for `trueup run`
    #[arg(value_name = "REPO")]
    repo: String,
    #[command(flatten)]
    place: Where,
    /// Print what would be installed, and do nothing
    #[arg(long)]
    print: bool,
}

/// Arguments of `uninstall`.
#[derive(clap::Args)]
pub struct UninstallArgs {}

/// Carries `install` out.
pub fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    if args.kubernetes {
        let root = args.place.root(&args.repo)?;
        crate::output::write_bytes(&kubernetes::documents(&root, &args.chart)?)?;
        return Ok(Exit::Done);
    }
    let command = command(&args, global)?;
    let manager = Manager::of_this_machine()?;
    let text = manager.text(&command);
    if args.print {
        output.print(&serde_json::json!({ "text": text }), || format!("{text}\n"))?;
        return Ok(Exit::Done);
    }
    manager.install(&text, output)?;
    output.done("the controller is a service of this machine")?;
    Ok(Exit::Done)
}

/// Carries `uninstall` out. The state and the processes stay.
pub fn uninstall(_: UninstallArgs, output: &Output) -> Result<Exit, CliError> {
    Manager::of_this_machine()?.uninstall(output)?;
    output.done("the state and the processes stay; `trueup stop` ends the processes")?;
    Ok(Exit::Done)
}

fn command(args: &Args, global: &Global) -> Result<Vec<String>, CliError> {
    let root = args.place.root(&args.repo)?;
    let program = std::env::current_exe()?.to_string_lossy().into_owned();
    let state = place::state_folder(global)?.to_string_lossy().into_owned();
    let mut command = vec![program, "--state".to_owned(), state];
    if let Some(file) = &global.loaded()?.file {
        command.extend(["--config".to_owned(), file.to_string_lossy().into_owned()]);
    }
    for field in &global.given.configure {
        command.extend(["--configure".to_owned(), field.clone()]);
    }
    command.extend(["run".to_owned(), root.source.repo]);
    let options = [
        ("--ref", root.source.reference),
        ("--path", root.path),
        ("--target", root.target),
        ("--name", root.name.map(|name| name.to_string()).unwrap_or_default()),
    ];
    for (flag, value) in options.into_iter().filter(|(_, value)| !value.is_empty()) {
        command.extend([flag.to_owned(), value]);
    }
    Ok(command)
}

enum Manager {
    Systemd {
        folder: PathBuf,
        user: bool,
    },
    /// Its services are scripts in this folder.
    OpenRc {
        folder: PathBuf,
    },
    Crontab,
}

impl Manager {
    fn of_this_machine() -> Result<Self, CliError> {
        let is_root = rustix::process::geteuid().is_root();
        if !Path::new("/run/systemd/system").is_dir() {
            let openrc = is_root && Path::new("/run/openrc/softlevel").exists();
            return Ok(match openrc {
                true => Self::OpenRc { folder: "/etc/init.d".into() },
                false => Self::Crontab,
            });
        }
        if is_root {
            return Ok(Self::Systemd { folder: "/etc/systemd/system".into(), user: false });
        }
        let home = std::env::var_os("HOME").ok_or_else(|| CliError::new("HOME is not set"))?;
        Ok(Self::Systemd { folder: Path::new(&home).join(".config/systemd/user"), user: true })
    }

    fn text(&self, command: &[String]) -> String {
        match self {
            Self::Systemd { user, .. } => unit(command, *user),
            Self::OpenRc { .. } => service(command),
            Self::Crontab => {
                let command: Vec<String> = command.iter().map(|part| shell_quoted(part)).collect();
                format!("@reboot {} {MARK}", command.join(" "))
            }
        }
    }

    fn install(&self, text: &str, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Systemd { folder, user } => {
                let file = folder.join(UNIT);
                std::fs::create_dir_all(folder)?;
                std::fs::write(&file, text)?;
                output.note(&format!("wrote {}", file.display()));
                systemctl(*user, &["daemon-reload"], output)?;
                systemctl(*user, &["enable", "--now", UNIT], output)?;
                if *user {
                    call(Command::new("loginctl").arg("enable-linger"), output)?;
                }
                Ok(())
            }
            Self::OpenRc { folder } => {
                let file = folder.join(SERVICE);
                std::fs::write(&file, format!("{text}\n"))?;
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
                output.note(&format!("wrote {}", file.display()));
                call(Command::new("rc-update").args(["add", SERVICE, "default"]), output)?;
                call(Command::new("rc-service").args([SERVICE, "start"]), output)
            }
            Self::Crontab => {
                let lines = other_lines()?;
                write_crontab(&format!("{lines}{text}\n"))?;
                output.note(&format!("added to the crontab: {text}"));
                output.note("it starts with the machine; start it now with that command, or boot");
                Ok(())
            }
        }
    }

    fn uninstall(&self, output: &Output) -> Result<(), CliError> {
        match self {
            Self::Systemd { folder, user } => {
                systemctl(*user, &["disable", "--now", UNIT], output)?;
                let file = folder.join(UNIT);
                std::fs::remove_file(&file)?;
                output.note(&format!("removed {}", file.display()));
                systemctl(*user, &["daemon-reload"], output)
            }
            Self::OpenRc { folder } => {
                call(Command::new("rc-service").args([SERVICE, "stop"]), output)?;
                call(Command::new("rc-update").args(["del", SERVICE, "default"]), output)?;
                let file = folder.join(SERVICE);
                std::fs::remove_file(&file)?;
                output.note(&format!("removed {}", file.display()));
                Ok(())
            }
            Self::Crontab => {
                write_crontab(&other_lines()?)?;
                output.note("removed from the crontab");
                Ok(())
            }
        }
    }
}

/// A service of OpenRC: supervise-daemon starts it again when it fails, and stops it alone.
fn service(command: &[String]) -> String {
    let (program, arguments) = command.split_first().map_or(("", &[][..]), |(p, a)| (p, a));
    let arguments: Vec<String> = arguments.iter().map(|part| quoted_for_sh(part)).collect();
    format!(
        "#!/sbin/openrc-run\ndescription=\"TrueUp keeps this machine true to Git\"\nsupervisor=supervise-daemon\nrespawn_delay=2\ncommand={}\ncommand_args={}\n\ndepend() {{\n    need localmount\n    after net\n}}",
        quoted_for_sh(program),
        // The arguments are expanded once more where they are used.
        quoted_for_sh(&arguments.join(" "))
    )
}

fn quoted_for_sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `KillMode=process`: the processes that TrueUp keeps outlive it.
fn unit(command: &[String], user: bool) -> String {
    let command: Vec<String> = command.iter().map(|part| systemd_quoted(part)).collect();
    let wanted_by = if user { "default.target" } else { "multi-user.target" };
    format!(
        "[Unit]\nDescription=TrueUp keeps this machine true to Git\nAfter=network.target\n\n[Service]\nExecStart={}\nRestart=on-failure\nRestartSec=2\nKillMode=process\n\n[Install]\nWantedBy={wanted_by}",
        command.join(" ")
    )
}

fn systemd_quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$")
    )
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@~+,".contains(c);
    // In a crontab a percent sign is a new line.
    let text = text.replace('%', "\\%");
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn systemctl(user: bool, arguments: &[&str], output: &Output) -> Result<(), CliError> {
    let mut command = Command::new("systemctl");
    if user {
        command.arg("--user");
    }
    call(command.args(arguments), output)
}

fn call(command: &mut Command, output: &Output) -> Result<(), CliError> {
    let name = format!("{command:?}").replace('"', "");
    match command.status() {
        Ok(status) if status.success() => {
            output.note(&format!("ran {name}"));
            Ok(())
        }
        Ok(status) => Err(CliError::new(format!("{name} failed: {status}"))),
        Err(error) => Err(CliError::new(format!("{name} cannot be run: {error}"))),
    }
}

/// The lines of the crontab that are not ours.
fn other_lines() -> Result<String, CliError> {
    let output = Command::new("crontab").arg("-l").output().map_err(|error| {
        CliError::new(format!("crontab cannot be run: {error}"))
            .hint("neither systemd nor cron is here: start `trueup run` by whatever starts services on this machine")
    })?;
    // Without a crontab it fails and prints nothing: there are no lines then.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter(|line| !line.ends_with(MARK)).map(|line| format!("{line}\n")).collect())
}

fn write_crontab(text: &str) -> Result<(), CliError> {
    let mut child = Command::new("crontab").arg("-").stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    match child.wait()? {
        status if status.success() => Ok(()),
        status => Err(CliError::new(format!("the crontab was not accepted: {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_quoting() {
        let command =
            ["/usr/bin/trueup", "--state", "/srv/my state", "50%", "a\"b$c"].map(str::to_owned);
        let unit = unit(&command, false);
        assert!(unit.contains(r#""/srv/my state" "50%%" "a\"b$$c""#), "{unit}");
        assert!(unit.contains("KillMode=process"));
        let service = service(&command[..3]);
        assert!(service.contains("command='/usr/bin/trueup'\n"), "{service}");
        assert!(
            service.contains(r"command_args=''\''--state'\'' '\''/srv/my state'\'''"),
            "{service}"
        );
        assert_eq!(shell_quoted("/srv/my state"), "'/srv/my state'");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
        assert_eq!(
            Manager::Crontab.text(&command[..2]),
            "@reboot /usr/bin/trueup --state # trueup"
        );
    }
}
