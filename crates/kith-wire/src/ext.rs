//! The extension map of signed objects.

use std::collections::BTreeMap;

use minicbor::decode::{self, Decode, Decoder};
use minicbor::encode::{self, Encode, Encoder, Write};

use crate::limits::MAX_EXT_ENTRIES;

/// One extension: whether a reader that does not know it must refuse the object, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Whether an unknowing reader refuses the whole object (KW-5).
    pub importance: Importance,
    /// The value, opaque to readers that do not know the extension.
    pub value: Vec<u8>,
}

/// What a reader does with an extension that it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Importance {
    /// Keep and hash it.
    Optional,
    /// Refuse the object.
    Critical,
}

/// The extension map: ascending numbers, kept and hashed even when unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ext(BTreeMap<u32, Extension>);

impl Ext {
    /// Returns an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an extension.
    pub fn insert(&mut self, number: u32, extension: Extension) {
        self.0.insert(number, extension);
    }

    /// Returns an extension.
    pub fn get(&self, number: u32) -> Option<&Extension> {
        self.0.get(&number)
    }

    /// Returns the lowest critical extension whose number is not in `known` (KW-5).
    pub fn unknown_critical(&self, known: &[u32]) -> Option<u32> {
        self.0
            .iter()
            .find(|(number, extension)| extension.importance == Importance::Critical && !known.contains(number))
            .map(|(number, _)| *number)
    }
}

impl<C> Encode<C> for Ext {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.map(self.0.len() as u64)?;
        for (number, extension) in &self.0 {
            e.u32(*number)?.array(2)?.bool(extension.importance == Importance::Critical)?.bytes(&extension.value)?;
        }
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Ext {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let count = d.map()?.ok_or_else(|| decode::Error::message("indefinite map"))?;
        if count > MAX_EXT_ENTRIES {
            return Err(decode::Error::message("too many extensions"));
        }
        let mut entries = BTreeMap::new();
        for _ in 0..count {
            let number = d.u32()?;
            if d.array()? != Some(2) {
                return Err(decode::Error::message("extension is not a pair"));
            }
            let importance = if d.bool()? { Importance::Critical } else { Importance::Optional };
            entries.insert(number, Extension { importance, value: d.bytes()?.to_vec() });
        }
        Ok(Self(entries))
    }
}
