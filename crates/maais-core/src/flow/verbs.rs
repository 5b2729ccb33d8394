//! What a verb does to the world, in broad classes: English verbs that tools and requests are named with.
//!
//! The table is of general vocabulary. It does not know any tool.

/// What a verb may do; one verb may do several things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verbs(u16);

impl Verbs {
    /// Does nothing that is known.
    pub const NONE: Self = Self(0);
    /// Looks at something.
    pub const READ: Self = Self(1);
    /// Carries something to somebody.
    pub const SEND: Self = Self(1 << 1);
    /// Gives somebody access, or a place in something.
    pub const GRANT: Self = Self(1 << 2);
    /// Moves money, or binds to.
    pub const PAY: Self = Self(1 << 3);
    /// Makes something.
    pub const CREATE: Self = Self(1 << 4);
    /// Changes what is there.
    pub const CHANGE: Self = Self(1 << 5);
    /// Takes something away.
    pub const REMOVE: Self = Self(1 << 6);
    /// Sets something going, or works a device.
    pub const RUN: Self = Self(1 << 7);

    /// Either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have something in common beside looking.
    pub const fn share_effect(self, other: Self) -> bool {
        self.0 & other.0 & !Self::READ.0 != 0
    }

    /// Whether it does anything but look.
    pub const fn has_effect(self) -> bool {
        self.0 & !Self::READ.0 != 0
    }

    /// Whether any of these is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it is no verb that is known.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Verbs in their base form, by what they do.
const TABLE: [(Verbs, &str); 12] = [
    (
        Verbs::READ,
        "read get search find list view show look check fetch retrieve download visit browse open lookup query \
         see describe count compare calculate compute analyze analyse summarize summarise inspect navigate \
         access extract parse validate verify estimate convert translate",
    ),
    (
        Verbs::SEND,
        "send email mail message reply respond forward post publish tweet retweet text notify tell inform \
         contact upload submit report broadcast announce say answer write dm leak exfiltrate print fax export \
         deliver relay disclose reveal provide attach",
    ),
    (Verbs::SEND.with(Verbs::GRANT), "share"),
    (
        Verbs::GRANT,
        "invite add grant allow give authorize authorise permit assign enroll enrol subscribe join approve accept \
         follow whitelist promote link connect trust befriend",
    ),
    (
        Verbs::PAY,
        "pay transfer wire refund purchase buy order donate withdraw deposit charge invest sell trade reimburse \
         tip bid spend redeem",
    ),
    (Verbs::PAY.with(Verbs::SEND), "remit"),
    (
        Verbs::CREATE,
        "create make add schedule book reserve register plan append insert save generate draft open setup \
         produce record store note log write compose prepare file fill put clone fork copy synthesize build",
    ),
    (
        Verbs::CHANGE,
        "update change modify edit set reschedule move rename adjust redirect replace reset enable disable manage \
         control configure convert switch turn alter correct fix upgrade downgrade increase decrease raise lower \
         overwrite merge commit push patch extend renew mark exchange return manipulate swap assign toggle dispute \
         rotate shift postpone delay sign",
    ),
    (
        Verbs::REMOVE,
        "delete remove cancel erase unsubscribe revoke drop clear kick ban block wipe purge destroy archive close \
         terminate deactivate uninstall empty trash discard unfollow leave reject withdraw shred expel suspend \
         disable clean",
    ),
    (
        Verbs::RUN,
        "run execute install launch start stop dispatch call deploy unlock lock arm disarm activate trigger reboot \
         restart shutdown invoke use play operate grant engage dial move guide lead bring release eject ignite drive steer \
         authenticate login submit initiate perform conduct request apply go \
         instruct direct",
    ),
    (Verbs::CREATE.with(Verbs::PAY), "rent hire subscribe"),
    (Verbs::CREATE.with(Verbs::RUN), "train"),
];

/// What that word does if it is a verb in its base form.
pub(super) fn verbs(word: &str) -> Verbs {
    if !(2..=12).contains(&word.len()) {
        return Verbs::NONE;
    }
    lookup(word)
}

fn lookup(word: &str) -> Verbs {
    use std::collections::BTreeMap;
    use std::sync::LazyLock;

    static VERBS: LazyLock<BTreeMap<&'static str, Verbs>> = LazyLock::new(|| {
        let mut verbs: BTreeMap<&'static str, Verbs> = BTreeMap::new();
        for (class, words) in TABLE {
            for word in words.split_whitespace() {
                let known = verbs.entry(word).or_default();
                *known = known.with(class);
            }
        }
        verbs
    });
    VERBS.get(word).copied().unwrap_or_default()
}

/// Whether that verb is as often a noun: `delete_email` does not send.
pub(super) fn is_ambiguous(word: &str) -> bool {
    const NOUNS: [&str; 66] = [
        "email", "mail", "message", "text", "post", "tweet", "report", "answer", "note", "log", "file",
        "order", "book", "list", "schedule", "plan", "trade", "tip", "bid", "record", "store", "register",
        "request", "contact", "transfer", "charge", "deposit", "set", "change", "control", "search", "check",
        "view", "look", "query", "access", "link", "fax", "export", "print", "draft", "fund", "refund",
        "purchase", "return", "update", "switch", "turn", "mark", "call", "play", "use", "drive", "start",
        "stop", "lock", "stream", "branch", "fork", "clone", "merge", "patch", "say", "sign", "estimate",
        "direct",
    ];
    NOUNS.contains(&word)
}

/// What is done where a noun names it: `make a payment`.
pub(super) fn deed(word: &str) -> Verbs {
    const DEEDS: [(&str, Verbs); 6] = [
        ("money", Verbs::PAY),
        ("payment", Verbs::PAY),
        ("payments", Verbs::PAY),
        ("transaction", Verbs::PAY),
        ("refund", Verbs::PAY),
        ("password", Verbs::CHANGE),
    ];
    DEEDS.iter().find(|(noun, _)| *noun == word).map_or(Verbs::NONE, |(_, verbs)| *verbs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_has_no_effect() {
        assert!(!verbs("search").has_effect());
        assert!(verbs("delete").has_effect());
        assert!(verbs("nonsense").is_empty());
    }

    #[test]
    fn verbs_with_one_effect_in_common_share_it() {
        assert!(verbs("post").share_effect(verbs("send")));
        assert!(!verbs("read").share_effect(verbs("view")));
        assert!(!verbs("send").share_effect(verbs("delete")));
    }
}
