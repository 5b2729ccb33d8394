//! What a witness is asked: the body of C2SP `tlog-witness`'s `add-checkpoint`.
//!
//! ```text
//! old 20852014
//! <base64 hash>            the consistency proof of RFC 6962 from there to the checkpoint
//!
//! <signed checkpoint>
//! ```
//!
//! Text in, text out: whether the proof holds is for `witness` to say.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The most hashes of a proof: a tree of 2^63 records has no longer one.
const PROOF_HASHES_MAX: usize = 63;

/// One question to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The size of the checkpoint that the witness is believed to have cosigned last; 0 if none.
    pub old: u64,
    /// From there to the checkpoint.
    pub proof: Vec<[u8; 32]>,
    /// The signed checkpoint.
    pub note: String,
}

/// Why a text is no such question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an add-checkpoint request: {why}")]
pub struct NoSubmission {
    /// What is wrong.
    pub why: &'static str,
}

impl Submission {
    /// Reads the body of a request. The note is not looked at.
    ///
    /// # Errors
    ///
    /// Says which part is not as the protocol has it.
    pub fn parse(text: &str) -> Result<Self, NoSubmission> {
        let bad = |why| NoSubmission { why };
        let (head, note) = text.split_once("\n\n").ok_or(bad("no empty line ends the proof"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(|text| text.parse().ok().filter(|n: &u64| n.to_string() == text));
        let old = old.ok_or(bad("the first line is not `old <size>`"))?;
        let hash = |line: &str| BASE64.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
        let proof: Option<Vec<_>> = lines.take(PROOF_HASHES_MAX + 1).map(hash).collect();
        let proof = proof.ok_or(bad("a line of the proof is no hash in base64"))?;
        match proof.len() <= PROOF_HASHES_MAX {
            true => Ok(Self { old, proof, note: note.to_owned() }),
            false => Err(bad("the proof has more than 63 lines")),
        }
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_specifications_example_reads_and_prints_the_same() {
        let text = "old 20852014\n\
            PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
            jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
            5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
            /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
            \n\
            example.com/behind-the-sofa\n\
            20852163\n\
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
            \n\
            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz\
            Gku9nTo+zyWE+xeMcTOAYQ8=\n";
        let read = Submission::parse(text).unwrap();
        assert_eq!((read.old, read.proof.len()), (20_852_014, 4));
        assert_eq!(crate::Checkpoint::parse(&read.note).unwrap().size, 20_852_163);
        assert_eq!(read.to_string(), text);
    }

    #[test]
    fn other_texts_are_none() {
        let line = format!("{}\n", BASE64.encode([1; 32]));
        for text in [
            "",
            "old 1\nx",
            "old 01\n\nx",
            "old -1\n\nx",
            "new 1\n\nx",
            "old 1 \n\nx",
            "old 1\r\n\r\nx",
            "old 1\nAAAA\n\nx",
            &format!("old 1\n{}\nx", line.repeat(64)),
        ] {
            assert!(Submission::parse(text).is_err(), "{text:?}");
        }
        assert!(Submission::parse(&format!("old 1\n{}\nx", line.repeat(63))).is_ok());
    }

    proptest! {
        #[test]
        fn what_reads_prints_the_same(text in "old [0-9]{1,3}\n([A-Za-z0-9+/]{43}=\n){0,3}\n\\PC{0,20}|\\PC*") {
            if let Ok(read) = Submission::parse(&text) {
                prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
