//! The kinds of sensitive data, what each is about and how much a finding of it weighs.

use crate::decision::Severity;

/// What was found. Declared from most to least serious: of two hits that overlap the first stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A marker that a tenant placed where nobody has business: seen again, it proves a leak.
    Canary,
    /// A private key: PEM, PuTTY, age, JWK, NATS seed, wallet.
    PrivateKey,
    /// A token whose shape names its issuer.
    ProviderToken,
    /// A signed or encrypted JSON Web Token (RFC 7519).
    Jwt,
    /// A value given to a name that says secret, an authorization header, or the password of a URL
    /// or connection string.
    Password,
    /// A payment card number: issuer prefix, length, Luhn (ISO/IEC 7812-1).
    PaymentCard,
    /// A social security number of the United States.
    UsSsn,
    /// A national number of a person, by its country's check digits.
    NationalId,
    /// An international bank account number (ISO 13616).
    Iban,
    /// An entry of a tenant's dictionary.
    Term,
    /// An e-mail address. Low severity: many tasks need one.
    Email,
    /// A telephone number. Low severity.
    Phone,
    /// A UUID (RFC 9562). Names a thing, opens nothing by itself; only [`super::identifiers`] reports it.
    Uuid,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Opens something, or proves that somebody looked where such things are.
    Credential,
    /// Is about a person.
    Personal,
    /// What a tenant said is not to be told.
    Confidential,
    /// Names a thing.
    Identifier,
}

/// Every kind with its word in policies and records, its class and its usual severity.
const TABLE: [(Kind, &str, Class, Severity); 13] = [
    (Kind::Canary, "canary", Class::Credential, Severity::Critical),
    (Kind::PrivateKey, "private_key", Class::Credential, Severity::Critical),
    (Kind::ProviderToken, "provider_token", Class::Credential, Severity::High),
    (Kind::Jwt, "jwt", Class::Credential, Severity::High),
    (Kind::Password, "password", Class::Credential, Severity::High),
    (Kind::PaymentCard, "payment_card", Class::Personal, Severity::High),
    (Kind::UsSsn, "us_ssn", Class::Personal, Severity::High),
    (Kind::NationalId, "national_id", Class::Personal, Severity::High),
    (Kind::Iban, "iban", Class::Personal, Severity::Medium),
    (Kind::Term, "term", Class::Confidential, Severity::Medium),
    (Kind::Email, "email", Class::Personal, Severity::Low),
    (Kind::Phone, "phone", Class::Personal, Severity::Low),
    (Kind::Uuid, "uuid", Class::Identifier, Severity::Info),
];

impl Kind {
    /// Every kind.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Canary; TABLE.len()];
        let mut at = 0;
        while at < TABLE.len() {
            #[expect(clippy::indexing_slicing, reason = "a constant: the compiler checks the bounds")]
            {
                all[at] = TABLE[at].0;
            }
            at += 1;
        }
        all
    };

    /// The table is in the order of the kinds, so the row is there; a test says so.
    fn row(self) -> (Self, &'static str, Class, Severity) {
        let unknown = (self, "unknown", Class::Credential, Severity::High);
        TABLE.get(self as usize).copied().unwrap_or(unknown)
    }

    /// The word used in policies and records.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// What it is about.
    pub fn class(self) -> Class {
        self.row().2
    }

    /// How much a hit weighs, unless it says otherwise itself.
    pub fn severity(self) -> Severity {
        self.row().3
    }
}

impl Class {
    /// The word used in policies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Personal => "personal",
            Self::Confidential => "confidential",
            Self::Identifier => "identifier",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_row() {
        assert!(TABLE.iter().all(|(kind, ..)| kind.row().0 == *kind && kind.as_str() != "unknown"));
        assert!(Kind::ALL.is_sorted());
    }
}
