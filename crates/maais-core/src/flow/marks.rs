//! What a value was part of when it was read: a small set.

/// What a value was part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks(u8);

impl Marks {
    /// A detector found it sensitive.
    pub const SENSITIVE: Self = Self(1);
    /// A tool that an operator trusts gave it.
    pub const TRUSTED: Self = Self(1 << 1);
    /// The value of a field.
    pub const VALUE: Self = Self(1 << 2);
    /// It stands in what the user, or a source that the user named, pointed to.
    pub const NAMED: Self = Self(1 << 3);
    /// It stands in free text.
    pub const FREE: Self = Self(1 << 4);
    /// It stands in a clause that asks for something.
    pub const ASK: Self = Self(1 << 5);
    /// It stands in what looks like an injected instruction.
    pub const INJECTED: Self = Self(1 << 6);

    /// Every mark, from the best to the worst.
    pub const ALL: [Self; Self::COUNT] =
        [Self::SENSITIVE, Self::TRUSTED, Self::VALUE, Self::NAMED, Self::FREE, Self::ASK, Self::INJECTED];
    pub(super) const COUNT: usize = 7;
    const NAMES: [&str; Self::COUNT] = ["sensitive", "trusted", "value", "named", "free", "ask", "injected"];

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any of these is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What of it is one of these.
    #[must_use]
    pub(super) const fn only(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Without what speaks for it.
    #[must_use]
    pub(super) const fn untrusted(self) -> Self {
        let bad = self.0 & (Self::FREE.0 | Self::ASK.0 | Self::INJECTED.0 | Self::SENSITIVE.0);
        if self.0 & Self::VALUE.0 != 0 { Self(bad | Self::FREE.0) } else { Self(bad) }
    }

    /// How bad the worst of it is.
    pub(super) fn worst(self) -> u8 {
        8 - u8::try_from(self.0.leading_zeros()).unwrap_or(8)
    }

    /// Whether nothing is known.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// The names in a record.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().zip(Self::NAMES).filter(move |(mark, _)| self.has(*mark)).map(|(_, name)| name)
    }

    /// The mark of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().zip(Self::NAMES).find(|(_, known)| *known == name).map(|(mark, _)| mark)
    }
}
