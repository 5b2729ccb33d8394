//! The checks beside the policies: confidentiality, integrity, availability, accountability.
//!
//! Each is a function from facts, settings and state to findings; none knows of the others.

pub mod accountability;
pub mod availability;
pub mod confidentiality;
pub mod flow;
pub mod integrity;

/// The words of a tool's name: `sendEmail`, `send_email` and `Mail.send` are made of words.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if (begins || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
