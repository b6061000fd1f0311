//! A metric as the rest of the program sees it, and its way to and from the wire.
//!
//! Quality travels as the specification's `Quality` property (192 good, 500 stale, 0 bad), the unit as `engUnit`.
//! Reading is pessimistic: an unknown quality code, a null, a number that is not finite and a type that is not
//! spoken here all come out as bad. Quality goes with every value, because a receiver could not tell "unchanged" from
//! "good" if it were left out.

use super::payload::{self, MetricValue, PropertyScalar, PropertySet, PropertyValue, datatype};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    /// 192: usable.
    Good,
    /// 500: the last value known, no longer fresh.
    Stale,
    /// 0: not usable; the value, if there is one, is for people to look at.
    Bad,
}

impl Quality {
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Good => 192,
            Self::Stale => 500,
            Self::Bad => 0,
        }
    }

    #[must_use]
    pub fn from_code(code: u32) -> Self {
        match code {
            192 => Self::Good,
            500 => Self::Stale,
            _ => Self::Bad,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value: the device did not give one.
    Null,
    Int(i64),
    UInt(u64),
    Float(f32),
    Double(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    /// The value as a number, for those kinds that are one; a boolean is 0 or 1.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(v) => Some(*v as f64),
            Self::UInt(v) => Some(*v as f64),
            Self::Float(v) => Some(f64::from(*v)),
            Self::Double(v) => Some(*v),
            Self::Bool(v) => Some(f64::from(u8::from(*v))),
            Self::Null | Self::Text(_) | Self::Bytes(_) => None,
        }
    }

    fn datatype(&self) -> u32 {
        match self {
            // A null has to declare a type too; every tag is sent as a double.
            Self::Null | Self::Double(_) => datatype::DOUBLE,
            Self::Int(_) => datatype::INT64,
            Self::UInt(_) => datatype::UINT64,
            Self::Float(_) => datatype::FLOAT,
            Self::Bool(_) => datatype::BOOLEAN,
            Self::Text(_) => datatype::STRING,
            Self::Bytes(_) => datatype::BYTES,
        }
    }

    fn to_wire(&self) -> Option<MetricValue> {
        Some(match self {
            Self::Null => return None,
            // Two's complement, as the specification has signed values in unsigned fields.
            Self::Int(v) => MetricValue::Long(*v as u64),
            Self::UInt(v) => MetricValue::Long(*v),
            Self::Float(v) => MetricValue::Float(*v),
            Self::Double(v) => MetricValue::Double(*v),
            Self::Bool(v) => MetricValue::Boolean(*v),
            Self::Text(v) => MetricValue::String(v.clone()),
            Self::Bytes(v) => MetricValue::Bytes(v.clone()),
        })
    }

    /// `None` when the value's field does not fit the declared type: such a metric has no value that can be trusted.
    fn from_wire(declared: Option<u32>, value: &MetricValue) -> Option<Self> {
        use datatype as d;
        Some(match (declared, value) {
            (Some(d::INT8), MetricValue::Int(v)) => Self::Int(i64::from(*v as u8 as i8)),
            (Some(d::INT16), MetricValue::Int(v)) => Self::Int(i64::from(*v as u16 as i16)),
            (Some(d::INT32), MetricValue::Int(v)) => Self::Int(i64::from(*v as i32)),
            (Some(d::INT64), MetricValue::Long(v)) => Self::Int(*v as i64),
            (Some(d::UINT8 | d::UINT16 | d::UINT32) | None, MetricValue::Int(v)) => Self::UInt(u64::from(*v)),
            // Tahu sends UInt32 in the long field.
            (Some(d::UINT32 | d::UINT64 | d::DATETIME) | None, MetricValue::Long(v)) => Self::UInt(*v),
            (Some(d::FLOAT) | None, MetricValue::Float(v)) => Self::Float(*v),
            (Some(d::DOUBLE) | None, MetricValue::Double(v)) => Self::Double(*v),
            (Some(d::BOOLEAN) | None, MetricValue::Boolean(v)) => Self::Bool(*v),
            (Some(d::STRING | d::TEXT | d::UUID) | None, MetricValue::String(v)) => Self::Text(v.clone()),
            (Some(d::BYTES | d::FILE) | None, MetricValue::Bytes(v)) => Self::Bytes(v.clone()),
            _ => return None,
        })
    }

    fn is_usable(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Float(v) => v.is_finite(),
            Self::Double(v) => v.is_finite(),
            _ => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    /// Source time, milliseconds since the Unix epoch.
    pub timestamp: i64,
    pub value: Value,
    pub quality: Quality,
    /// Why the quality is not good; property `Reason`.
    pub reason: Option<String>,
    /// Property `engUnit`; sent in births.
    pub unit: Option<String>,
    /// True for a value out of the backlog.
    pub historical: bool,
    /// The spool's sequence number of this value within the edge's boot; property `Entry`.
    pub entry: Option<u64>,
}

impl Metric {
    /// A live, good value.
    #[must_use]
    pub fn new(name: impl Into<String>, timestamp: i64, value: Value) -> Self {
        Self {
            name: name.into(),
            timestamp,
            value,
            quality: Quality::Good,
            reason: None,
            unit: None,
            historical: false,
            entry: None,
        }
    }

    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    #[must_use]
    pub fn quality(mut self, quality: Quality, reason: Option<String>) -> Self {
        self.quality = quality;
        self.reason = reason;
        self
    }

    #[must_use]
    pub fn historical(mut self, historical: bool) -> Self {
        self.historical = historical;
        self
    }

    #[must_use]
    pub fn entry(mut self, entry: u64) -> Self {
        self.entry = Some(entry);
        self
    }

    /// The wire form; with an alias and not in a birth, the name is left out (the specification forbids both in data).
    #[must_use]
    pub fn to_wire(&self, alias: Option<u64>, in_birth: bool) -> payload::Metric {
        let mut properties = PropertySet::default();
        let mut put = |key: &str, datatype, value| {
            properties.keys.push(key.into());
            properties.values.push(PropertyValue { datatype: Some(datatype), is_null: None, value: Some(value) });
        };
        put("Quality", datatype::INT32, PropertyScalar::Int(self.quality.code()));
        if let Some(unit) = &self.unit {
            put("engUnit", datatype::STRING, PropertyScalar::String(unit.clone()));
        }
        if let Some(reason) = &self.reason {
            put("Reason", datatype::STRING, PropertyScalar::String(reason.clone()));
        }
        if let Some(entry) = self.entry {
            put("Entry", datatype::UINT64, PropertyScalar::Long(entry));
        }
        payload::Metric {
            name: (in_birth || alias.is_none()).then(|| self.name.clone()),
            alias,
            timestamp: u64::try_from(self.timestamp).ok(),
            datatype: Some(self.value.datatype()),
            is_historical: self.historical.then_some(true),
            is_transient: None,
            is_null: matches!(self.value, Value::Null).then_some(true),
            properties: Some(properties),
            value: self.value.to_wire(),
        }
    }

    /// Reads a metric whose name is already known (by itself or by alias). `born_as` is the type its birth declared,
    /// for those who leave it out of data; `arrived` stands in when the sender gave no time.
    #[must_use]
    pub fn from_wire(name: String, wire: &payload::Metric, born_as: Option<u32>, arrived: i64) -> Self {
        let mut metric = Self::new(name, arrived, Value::Null);
        if let Some(time) = wire.timestamp.and_then(|t| i64::try_from(t).ok()) {
            metric.timestamp = time;
        }
        metric.historical = wire.is_historical.unwrap_or(false);
        let declared = wire.datatype.or(born_as);
        if wire.is_null != Some(true)
            && let Some(value) = wire.value.as_ref().and_then(|value| Value::from_wire(declared, value))
        {
            metric.value = value;
        }
        if let Some(properties) = &wire.properties {
            metric.read_properties(properties);
        }
        if !metric.value.is_usable() && metric.quality != Quality::Bad {
            metric.quality = Quality::Bad;
            metric.reason = Some("no usable value".into());
        }
        metric
    }

    fn read_properties(&mut self, properties: &PropertySet) {
        // Lists of unequal length belong to no one key surely; nothing in them can be trusted, the quality least.
        if properties.keys.len() != properties.values.len() {
            self.quality = Quality::Bad;
            self.reason = Some("properties malformed".into());
            return;
        }
        for (key, value) in properties.keys.iter().zip(&properties.values) {
            match (key.as_str(), &value.value) {
                ("Quality", Some(PropertyScalar::Int(code))) => self.quality = Quality::from_code(*code),
                ("Quality", Some(PropertyScalar::Long(code))) => {
                    self.quality = u32::try_from(*code).map_or(Quality::Bad, Quality::from_code);
                }
                ("Quality", _) => self.quality = Quality::Bad,
                ("engUnit", Some(PropertyScalar::String(unit))) => self.unit = Some(unit.clone()),
                ("Reason", Some(PropertyScalar::String(reason))) => self.reason = Some(reason.clone()),
                ("Entry", Some(PropertyScalar::Long(entry))) => self.entry = Some(*entry),
                _ => {}
            }
        }
    }
}
