//! Programs that run other programs, and those that run code.

/// A program that runs the command in its arguments.
pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// Short options without a value.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) valued: &'static str,
    /// Long options whose value is the next argument.
    pub(super) long: &'static [&'static str],
    /// Arguments before the command.
    pub(super) operands: usize,
    /// Without a command it runs a shell.
    pub(super) shell: bool,
}

const fn wrapper(
    name: &'static str,
    flags: &'static str,
    valued: &'static str,
    long: &'static [&'static str],
    operands: usize,
) -> Wrapper {
    Wrapper { name, flags, valued, long, operands, shell: false }
}

const fn or_shell(wrapper: Wrapper) -> Wrapper {
    Wrapper { shell: true, ..wrapper }
}

const SUDO: [&str; 11] = [
    "user",
    "group",
    "prompt",
    "close-from",
    "host",
    "role",
    "type",
    "command-timeout",
    "other-user",
    "chdir",
    "chroot",
];
const XARGS: [&str; 7] =
    ["arg-file", "delimiter", "max-args", "max-lines", "max-procs", "max-chars", "process-slot-var"];

pub(super) static WRAPPERS: [Wrapper; 43] = [
    wrapper("env", "i0v", "uCP", &["unset", "chdir"], 0),
    or_shell(wrapper("sudo", "AbBEHiknKlNPsSvV", "aUugpChrtTRDc", &SUDO, 0)),
    or_shell(wrapper("doas", "nLs", "aCu", &[], 0)),
    wrapper("pkexec", "", "", &["user"], 0),
    wrapper("nohup", "", "", &[], 0),
    wrapper("timeout", "vfp", "ks", &["kill-after", "signal"], 1),
    wrapper("nice", "", "n", &["adjustment"], 0),
    wrapper("ionice", "t", "cnpPu", &["class", "classdata", "pid", "pgid", "uid"], 0),
    wrapper("stdbuf", "", "ioe", &["input", "output", "error"], 0),
    wrapper("xargs", "0eirtxpo", "aEILnPsdSRJ", &XARGS, 0),
    wrapper("parallel", "0kqtvXm", "jNnILaSsdPC", &["jobs", "arg-file", "colsep", "joblog"], 0),
    wrapper("time", "avpqlh", "fo", &["format", "output"], 0),
    wrapper("command", "p", "", &[], 0),
    wrapper("exec", "cl", "a", &[], 0),
    wrapper("builtin", "", "", &[], 0),
    wrapper("coproc", "", "", &[], 0),
    wrapper("setsid", "cfw", "", &[], 0),
    wrapper("chrt", "abdfimoprv", "TPD", &["sched-runtime", "sched-period", "sched-deadline"], 1),
    wrapper("taskset", "ap", "c", &["cpu-list"], 1),
    wrapper("numactl", "las", "iNpmCP", &["interleave", "membind", "cpunodebind", "physcpubind"], 0),
    wrapper(
        "strace",
        "cCdfFhikqrtTvVwxyYzZ",
        "eaoOpsSuEXPIb",
        &["output", "trace", "string-limit", "env"],
        0,
    ),
    wrapper("ltrace", "cCfhiLrStTV", "aAdDeFlnopsuwxX", &["output"], 0),
    or_shell(wrapper("chroot", "", "", &["userspec", "groups"], 1)),
    or_shell(wrapper("nsenter", "amunipUCTFrwSGZ", "tS", &["target", "setuid", "setgid"], 0)),
    or_shell(wrapper("unshare", "muinpUCTfrc", "RwSG", &["root", "wd", "setuid", "setgid"], 0)),
    or_shell(wrapper("setpriv", "", "", &["reuid", "regid", "groups"], 0)),
    or_shell(wrapper("proot", "0", "rbqwkv", &[], 0)),
    or_shell(wrapper("fakeroot", "u", "lsib", &["lib", "faked"], 0)),
    or_shell(wrapper("firejail", "", "", &[], 0)),
    or_shell(wrapper("runuser", "lmpPf", "ugGsw", &["user", "group", "supp-group", "shell"], 0)),
    wrapper("flock", "seuxnoF", "wE", &["timeout", "wait", "conflict-exit-code"], 1),
    wrapper("gosu", "", "", &[], 1),
    wrapper("tini", "svgw", "pe", &[], 0),
    wrapper("dumb-init", "cv", "r", &["rewrite"], 0),
    wrapper("unbuffer", "p", "", &[], 0),
    wrapper("rlwrap", "aAcimNnprRst", "bCDefFgHlPqSwz", &[], 0),
    wrapper("systemd-run", "GPqSrtd", "uHMpE", &["unit", "property", "uid", "gid", "setenv", "slice"], 0),
    wrapper("caffeinate", "disum", "tw", &[], 0),
    wrapper("arch", "", "", &["arch"], 0),
    wrapper("torsocks", "iqd", "aPup", &[], 0),
    wrapper("proxychains4", "q", "f", &[], 0),
    wrapper("busybox", "", "", &[], 0),
    wrapper("toybox", "", "", &[], 0),
];

/// Long options of wrappers that take no separate value.
pub(super) const LONG_FLAGS: [&str; 36] = [
    "preserve-env",
    "login",
    "shell",
    "non-interactive",
    "background",
    "set-home",
    "stdin",
    "null",
    "ask",
    "ignore-environment",
    "no-run-if-empty",
    "verbose",
    "interactive",
    "preserve-status",
    "foreground",
    "debug",
    "exit",
    "open-tty",
    "fork",
    "wait",
    "ctty",
    "portability",
    "append",
    "quiet",
    "help",
    "version",
    "keep-order",
    "shared",
    "exclusive",
    "nonblock",
    "user",
    "scope",
    "pty",
    "pipe",
    "collect",
    "follow-forks",
];

/// Shells whose language is read here.
pub(super) const SHELLS: [&str; 9] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "rbash", "yash"];

/// A program that executes code in a language that is not read here.
pub(super) struct Language {
    pub(super) names: &'static [&'static str],
    /// Short options that are followed by code.
    pub(super) code: &'static str,
    /// Short options with another value.
    pub(super) valued: &'static str,
    /// Short options that name what is run instead of the standard input.
    pub(super) named: &'static str,
}

/// Long options that are followed by code.
pub(super) const LONG_CODE: [&str; 7] = ["eval", "print", "run", "command", "execute", "expression", "exec"];

pub(super) static LANGUAGES: [Language; 9] = [
    Language { names: &["python", "pypy", "ipython", "micropython"], code: "c", valued: "WXQ", named: "m" },
    Language { names: &["perl"], code: "eE", valued: "mMIFx", named: "" },
    Language { names: &["ruby", "jruby", "irb"], code: "e", valued: "rIEKTFx", named: "" },
    Language {
        names: &["node", "nodejs", "bun", "deno", "ts-node", "tsx"],
        code: "ep",
        valued: "rC",
        named: "",
    },
    Language { names: &["php"], code: "rBRE", valued: "dczt", named: "Sf" },
    Language { names: &["lua", "luajit"], code: "e", valued: "l", named: "" },
    Language {
        names: &["r", "rscript", "julia", "groovy", "osascript", "scala", "elixir"],
        code: "eE",
        valued: "lL",
        named: "",
    },
    Language {
        names: &["expect", "tclsh", "wish", "csh", "tcsh", "fish", "nu", "xonsh", "elvish", "rc"],
        code: "cC",
        valued: "",
        named: "",
    },
    Language {
        names: &["at", "batch", "crontab", "m4", "make", "ed", "ex"],
        code: "",
        valued: "ufqC",
        named: "tlr",
    },
];

/// Shells of another family: whatever they are given is code.
pub(super) const FOREIGN_SHELLS: [&str; 4] = ["powershell", "pwsh", "cmd", "wsl"];
