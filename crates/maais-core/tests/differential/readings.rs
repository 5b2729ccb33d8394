//! Where docs/policies.md can be read in two ways, or the engine is known not to follow it yet: what the
//! reference takes for granted today. Turn one over to hold the engine to the other reading.

/// `not_in` of the empty text is unknown: the document says that only an empty list is.
pub const EMPTY_TEXT_IS_EMPTY: bool = false;
/// `{view: …, not_in: …}` of a parameter that is absent, null or an empty list is unknown, as without the view.
pub const NOT_IN_OF_NOTHING_VIEWED_IS_UNKNOWN: bool = true;
/// Numbers within lists and objects are compared as numbers: `[1.0]` equals `[1]`, and so does `["1"]`.
pub const NUMBERS_INSIDE_ARE_NUMBERS: bool = false;
/// Numbers beyond 2^53 are compared exactly, also where one is written `9007199254740993.0` or does not fit into 64
/// bits; without it no policy has one.
pub const LARGE_NUMBERS_ARE_EXACT: bool = false;
/// The `mode: enforce` of a policy or of `defaults` wins over the `mode: shadow` of its file.
pub const ENFORCE_WINS_OVER_THE_FILE: bool = false;
/// `{view: …, exists: false}` holds of a parameter that is absent, null or an empty list.
pub const ABSENCE_BESIDE_A_VIEW_HOLDS: bool = true;
/// `cidr: '::ffff:10.0.0.0/104'` holds of `10.1.2.3`; without it none is made.
pub const MAPPED_BLOCKS_HOLD_ADDRESSES: bool = true;
