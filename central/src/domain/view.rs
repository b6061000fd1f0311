//! What the API and the page show: the contract's shapes, made of state and image alone.
//!
//! A number that a bad quality takes away is `null` here; the page then shows a dash, never an old value as if it
//! were new. (`held` values serve decisions, not displays.)

use super::Domain;
use super::image::{Edge, Mode};
use super::schedule::Short;
use super::state::{OrderState, Tracked};
use super::words::Words;
use hypocaust_optimizer::solution::{Binding, Certificate};
use hypocaust_protocols::model::{
    Class, Consumer, Medium, Millis, PerClass, Plant, PlantId, Quality, Source, SourceKind, TagId,
};
use hypocaust_protocols::wire::{Action, Refusal, Writer};
use serde::Serialize;
use std::collections::BTreeMap;
use std::rc::Rc;
use utoipa::ToSchema;

pub type ByClass = BTreeMap<&'static str, f64>;

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FleetView {
    /// The id of the replica that leads; null while none does.
    pub leader: Option<String>,
    /// Where it is reached: writes go there.
    pub leader_address: Option<String>,
    /// Is it the one that answers? Another shows what it hears from the plants and reads in the journal.
    pub leads: bool,
    pub epoch: u64,
    pub plants: Vec<FleetPlant>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FleetPlant {
    pub id: String,
    pub name: String,
    pub mode: &'static str,
    pub link: bool,
    pub heat_mw: Option<f64>,
    pub demand_mw: Option<f64>,
    /// Of the consumers that can be seen. `None` where none of them is short and some cannot be seen: zero would say
    /// that all is well.
    pub unserved_mw: BTreeMap<&'static str, Option<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlantView {
    pub id: String,
    pub name: String,
    pub mode: &'static str,
    pub link: bool,
    pub headers: Vec<HeaderView>,
    pub sources: Vec<SourceView>,
    pub storages: Vec<StorageView>,
    pub consumers: Vec<ConsumerView>,
    pub mains: Vec<MainView>,
    pub devices: Vec<DeviceView>,
    pub trips: Vec<String>,
    pub setpoints: Vec<SetpointView>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HeaderView {
    pub id: String,
    pub medium: Medium,
    pub process_value: Option<f64>,
    pub unit: &'static str,
    pub nominal: f64,
    pub low: f64,
    pub high: f64,
    pub quality: &'static str,
    pub swing: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Prediction {
    pub heat_at: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceView {
    pub id: String,
    pub kind: SourceKind,
    pub header: String,
    pub state: Option<&'static str>,
    pub heat_mw: Option<f64>,
    pub heat_max_mw: f64,
    pub setpoint_mw: Option<f64>,
    pub setpoint: String,
    pub tripped: bool,
    pub prediction: Option<Prediction>,
    /// What it waits for where it does not run and is needed, and who has to do something about it.
    pub waits: Option<String>,
    /// The worst of its own tags, and why it is not good.
    pub quality: &'static str,
    pub reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StorageView {
    pub id: String,
    pub level_mwh: Option<f64>,
    pub capacity_mwh: f64,
    pub heat_mw: Option<f64>,
    /// The worst of its own tags, and why it is not good.
    pub quality: &'static str,
    pub reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConsumerView {
    pub id: String,
    pub name: String,
    pub class: &'static str,
    pub class_rank: u8,
    pub header: String,
    pub asked_mw: Option<f64>,
    pub served_mw: Option<f64>,
    /// The setpoint of its cap; `None`: it cannot be shed. (A cap that cannot be seen is another thing.)
    pub cap_setpoint: Option<String>,
    pub cap_mw: Option<f64>,
    pub unserved_mw: Option<f64>,
    pub predicted_restore: Option<String>,
    /// The worst of its own tags, and why it is not good.
    pub quality: &'static str,
    pub reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MainView {
    pub id: String,
    pub from: String,
    pub to: String,
    pub flow_mw: Option<f64>,
    pub cap_mw: Option<f64>,
    /// False: it is closed and carries nothing.
    pub open: Option<bool>,
    /// The worst of its own tags, and why it is not good.
    pub quality: &'static str,
    pub reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeviceView {
    pub id: String,
    pub up: bool,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SetpointView {
    pub id: String,
    pub unit: &'static str,
    pub min: f64,
    pub max: f64,
    pub value: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TagView {
    pub id: String,
    pub plant: String,
    pub device: String,
    pub value: Option<f64>,
    /// What the number means where it stands for a state or a flag.
    pub word: Option<&'static str>,
    pub unit: &'static str,
    pub quality: &'static str,
    pub reason: Option<&'static str>,
    pub source_time: Option<String>,
    pub received_time: Option<String>,
    pub age_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TargetView {
    pub plant: String,
    pub setpoint: String,
    pub value: f64,
}

/// A consumer that the schedule leaves short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShortView {
    pub consumer: String,
    pub class: &'static str,
    pub asked_mw: f64,
    pub served_mw: f64,
    /// When it can be whole again, where the horizon shows it.
    pub heat_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DispatchView {
    pub seq: u64,
    pub time: String,
    pub status: &'static str,
    pub source: &'static str,
    pub cost: Option<f64>,
    #[schema(value_type = BTreeMap<String, f64>)]
    pub unserved_mwh: ByClass,
    #[schema(value_type = BTreeMap<String, f64>)]
    pub unserved_mw: ByClass,
    pub setpoints: Vec<TargetView>,
    pub short: Vec<ShortView>,
    pub prices: BTreeMap<String, f64>,
    pub binding: Vec<Binding>,
    pub certificate: Option<Certificate>,
    pub solve_ms: Option<f64>,
    pub why: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CommandView {
    pub id: String,
    pub state: &'static str,
    pub refusal: Option<Refusal>,
    pub readback: Option<f64>,
}

/// An order that the centre gave, to whom and why, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OrderView {
    pub id: String,
    pub time: String,
    pub plant: String,
    /// Null: a latched trip was reset.
    pub setpoint: Option<String>,
    pub value: Option<f64>,
    /// `operator`, `procedure`, `dispatch` or `sub-agent`.
    pub writer: Writer,
    /// The person, where one asked for it.
    pub user: Option<String>,
    pub reason: String,
    /// The journal's entry of the decision behind it.
    pub decision: u64,
    pub state: &'static str,
    pub refusal: Option<Refusal>,
    pub readback: Option<f64>,
}

fn by_class(values: &PerClass<f64>) -> ByClass {
    values.iter().map(|(class, v)| (class.name(), *v)).collect()
}

fn short(short: &Short) -> ShortView {
    ShortView {
        consumer: short.consumer.to_string(),
        class: short.class.name(),
        asked_mw: short.asked_mw,
        served_mw: short.served_mw,
        heat_at: short.heat_at.map(Millis::rfc3339),
    }
}

/// A schedule of the journal as `/dispatch` shows it.
pub fn dispatch(seq: u64, schedule: &super::Schedule) -> DispatchView {
    let missing = schedule.unserved_mw.0.iter().any(|mw| *mw > 0.0);
    DispatchView {
        seq,
        time: schedule.time.rfc3339(),
        status: if missing { "short" } else { "served" },
        source: schedule.origin.name(),
        cost: schedule.cost,
        unserved_mwh: by_class(&schedule.unserved_mwh),
        unserved_mw: by_class(&schedule.unserved_mw),
        setpoints: schedule
            .setpoints
            .iter()
            .map(|t| TargetView { plant: t.plant.to_string(), setpoint: t.setpoint.to_string(), value: t.value })
            .collect(),
        short: schedule.short.iter().map(short).collect(),
        prices: schedule.prices.iter().map(|(h, p)| (h.to_string(), *p)).collect(),
        binding: schedule.binding.clone(),
        certificate: schedule.certificate,
        solve_ms: schedule.solve_ms,
        why: schedule.why.clone(),
    }
}

/// Where a command stands, as `/commands/{id}` shows it.
pub fn command(tracked: &Tracked) -> CommandView {
    let (state, refusal, readback) = match &tracked.state {
        OrderState::Issued => ("issued", None, None),
        OrderState::Done { readback } => ("done", None, Some(*readback)),
        OrderState::Refused { refusal } => ("refused", Some(refusal.clone()), None),
        OrderState::Expired => ("expired", None, None),
        OrderState::Unknown => ("unknown", None, None),
    };
    CommandView { id: tracked.order.id.clone(), state, refusal, readback }
}

fn order(tracked: &Tracked) -> OrderView {
    let CommandView { id, state, refusal, readback } = command(tracked);
    let order = &tracked.order;
    let (setpoint, value) = match &order.action {
        Action::Set { setpoint, value } => (Some(setpoint.to_string()), Some(*value)),
        Action::ResetTrip { .. } => (None, None),
    };
    OrderView {
        id,
        time: tracked.issued.rfc3339(),
        plant: order.plant.to_string(),
        setpoint,
        value,
        writer: order.writer,
        user: order.by.as_ref().map(|person| person.user.clone()),
        reason: order.text.clone(),
        decision: order.reason,
        state,
        refusal,
        readback,
    }
}

impl Domain {
    /// The worst quality among these tags, and its reason.
    fn worst(&self, plant: &Plant, tags: &[&TagId], now: Millis) -> (&'static str, Option<&'static str>) {
        let each = tags.iter().map(|tag| self.image.quality(&self.fleet, &plant.id, tag, now));
        let rank = |quality: &Quality| match quality {
            Quality::Good => 0,
            Quality::Uncertain(_) => 1,
            Quality::Bad(_) => 2,
        };
        let worst = each.max_by_key(rank).unwrap_or(Quality::Good);
        (worst.name(), worst.reason().map(|reason| reason.name()))
    }

    fn shown(&self, tag: &TagId, now: Millis) -> Option<f64> {
        self.image.good(&self.fleet, tag, now)
    }

    fn edge(&self, plant: &Plant) -> Option<&Edge> {
        self.image.edges.get(&plant.id)
    }

    /// The mode; of an edge that cannot be heard it is not known.
    fn mode(&self, plant: &Plant) -> &'static str {
        self.edge(plant).filter(|e| e.link).map_or("unknown", |e| Mode::name(e.mode))
    }

    pub fn fleet_view(&self, now: Millis) -> FleetView {
        let plants = self.fleet.plants.iter().map(|p| self.fleet_plant(p, now)).collect();
        FleetView {
            leader: self.leader.as_ref().map(|l| l.id.clone()),
            leader_address: self.leader.as_ref().map(|l| l.address.clone()),
            leads: self.leads(),
            epoch: self.epoch,
            plants,
        }
    }

    fn fleet_plant(&self, plant: &Plant, now: Millis) -> FleetPlant {
        let shown = |tag: &TagId| self.shown(tag, now);
        let unserved = plant.unserved_by_class(shown);
        FleetPlant {
            id: plant.id.to_string(),
            name: plant.name.clone(),
            mode: self.mode(plant),
            link: self.image.linked(&plant.id),
            heat_mw: plant.heat_mw(shown),
            demand_mw: plant.consumers.iter().map(|c| shown(&c.asked)).sum(),
            unserved_mw: unserved.iter().map(|(class, mw)| (class.name(), *mw)).collect(),
        }
    }

    pub fn plant_view(&self, id: &str, now: Millis) -> Option<PlantView> {
        let plant = self.fleet.plant(id)?;
        let edge = self.edge(plant);
        let unit = |tag: &TagId| plant.tag(tag.as_str()).map_or("", |t| t.unit.symbol());
        Some(PlantView {
            id: plant.id.to_string(),
            name: plant.name.clone(),
            mode: self.mode(plant),
            link: self.image.linked(&plant.id),
            headers: plant
                .headers
                .iter()
                .map(|h| HeaderView {
                    id: h.id.to_string(),
                    medium: h.medium,
                    process_value: self.shown(&h.process_value, now),
                    unit: unit(&h.process_value),
                    nominal: h.nominal,
                    low: h.low,
                    high: h.high,
                    quality: self.image.quality(&self.fleet, &plant.id, &h.process_value, now).name(),
                    swing: h.swing.to_string(),
                })
                .collect(),
            sources: plant.sources.iter().map(|s| self.source_view(plant, s, now)).collect(),
            storages: plant
                .storages
                .iter()
                .map(|s| {
                    let (quality, reason) = self.worst(plant, &[&s.level, &s.heat, &s.setpoint], now);
                    StorageView {
                        id: s.id.to_string(),
                        level_mwh: self.shown(&s.level, now),
                        capacity_mwh: s.capacity_mwh,
                        heat_mw: self.shown(&s.heat, now),
                        quality,
                        reason,
                    }
                })
                .collect(),
            consumers: plant.consumers.iter().map(|c| self.consumer_view(plant, c, now)).collect(),
            mains: self
                .fleet
                .mains_of(plant)
                .map(|m| {
                    // Another plant may be the one that measures it.
                    let measuring = self.fleet.plant_of(m.flow.as_str()).unwrap_or(plant);
                    let (quality, reason) = self.worst(measuring, &[&m.flow, &m.open, &m.setpoint], now);
                    let open = self.shown(&m.open, now).map(|open| open != 0.0);
                    MainView {
                        id: m.id.to_string(),
                        from: m.from.to_string(),
                        to: m.to.to_string(),
                        flow_mw: self.shown(&m.flow, now),
                        cap_mw: open.map(|open| if open { m.cap_mw } else { 0.0 }),
                        open,
                        quality,
                        reason,
                    }
                })
                .collect(),
            devices: plant
                .devices
                .iter()
                .map(|d| {
                    let known = edge.filter(|e| e.link).and_then(|e| e.devices.get(&d.id));
                    DeviceView {
                        id: d.id.to_string(),
                        up: known.is_some_and(Option::is_none),
                        reason: match known {
                            Some(reason) => reason.clone(),
                            None => Some("the edge has not said".into()),
                        },
                    }
                })
                .collect(),
            trips: edge.map(|e| e.trips.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            setpoints: plant
                .setpoints
                .iter()
                .map(|s| SetpointView {
                    id: s.tag.to_string(),
                    unit: unit(&s.tag),
                    min: s.min,
                    max: s.max,
                    value: self.shown(&s.tag, now),
                })
                .collect(),
        })
    }

    fn source_view(&self, plant: &Plant, source: &Source, now: Millis) -> SourceView {
        let latched = |t: &&hypocaust_protocols::model::Trip| {
            t.source == source.id && self.edge(plant).is_some_and(|e| e.trips.contains(&t.id))
        };
        let own = [Some(&source.heat), Some(&source.state), Some(&source.setpoint), source.start_request.as_ref()];
        let own: Vec<&TagId> = own.into_iter().flatten().collect();
        let (quality, reason) = self.worst(plant, &own, now);
        let state = self.shown(&source.state, now).and_then(hypocaust_protocols::model::SourceState::from_word);
        SourceView {
            id: source.id.to_string(),
            kind: source.kind,
            header: source.header.to_string(),
            state: state.map(|s| s.name()),
            heat_mw: self.shown(&source.heat, now),
            heat_max_mw: source.heat_max_mw,
            setpoint_mw: self.shown(&source.setpoint, now),
            setpoint: source.setpoint.to_string(),
            tripped: plant.trips.iter().any(|t| latched(&t)),
            prediction: self
                .state
                .restorations
                .get(&source.id)
                .and_then(|r| r.heat_at)
                .map(|at| Prediction { heat_at: at.rfc3339() }),
            waits: super::restoration::in_words(&self.image, &self.state, plant, source),
            quality,
            reason,
        }
    }

    fn consumer_view(&self, plant: &Plant, consumer: &Consumer, now: Millis) -> ConsumerView {
        let short = self.state.schedule.iter().flat_map(|(_, s)| &s.short).find(|s| s.consumer == consumer.id);
        let class: Class = consumer.class;
        let own = [Some(&consumer.asked), Some(&consumer.served), consumer.shed.as_ref().map(|s| &s.setpoint)];
        let own: Vec<&TagId> = own.into_iter().flatten().collect();
        let (quality, reason) = self.worst(plant, &own, now);
        ConsumerView {
            id: consumer.id.to_string(),
            name: consumer.name.clone(),
            class: class.name(),
            class_rank: class.rank(),
            header: consumer.header.to_string(),
            asked_mw: self.shown(&consumer.asked, now),
            served_mw: self.shown(&consumer.served, now),
            cap_setpoint: consumer.shed.as_ref().map(|s| s.setpoint.to_string()),
            cap_mw: consumer.shed.as_ref().and_then(|s| self.shown(&s.setpoint, now)),
            unserved_mw: plant.unserved_mw(consumer, |tag| self.shown(tag, now)),
            predicted_restore: short.and_then(|s| s.heat_at).map(|at| at.rfc3339()),
            quality,
            reason,
        }
    }

    /// Every tag whose id begins with `prefix`, of one plant or of all.
    pub fn tag_views(&self, plant: Option<&str>, prefix: &str, now: Millis) -> Vec<TagView> {
        let plants = self.fleet.plants.iter().filter(|p| plant.is_none_or(|id| p.id.as_str() == id));
        plants
            .flat_map(|p| {
                let words = Rc::new(Words::of(&self.fleet, p));
                p.tags.iter().map(move |t| (p, t, Rc::clone(&words)))
            })
            .filter(|(_, t, _)| t.id.as_str().starts_with(prefix))
            .map(|(p, t, words)| {
                let quality = self.image.quality(&self.fleet, &p.id, &t.id, now);
                let seen = self.image.tags.get(&t.id);
                TagView {
                    id: t.id.to_string(),
                    plant: p.id.to_string(),
                    device: t.device.to_string(),
                    // The number is shown with its quality, as a bad one too: the page marks it, and it is not decided by.
                    value: seen.and_then(|s| s.value),
                    word: seen.and_then(|s| s.value).and_then(|v| words.word(t.id.as_str(), t.data_type, v)),
                    unit: t.unit.symbol(),
                    quality: quality.name(),
                    reason: quality.reason().map(|r| r.name()),
                    source_time: seen.map(|s| s.source_time.rfc3339()),
                    received_time: seen.map(|s| s.received.rfc3339()),
                    age_ms: seen.map(|s| now.since(s.source_time)),
                }
            })
            .collect()
    }

    pub fn dispatch_view(&self) -> Option<DispatchView> {
        self.state.schedule.as_ref().map(|(seq, schedule)| dispatch(*seq, schedule))
    }

    pub fn command_view(&self, id: &str) -> Option<CommandView> {
        self.state.orders.get(id).map(command)
    }

    /// The plant that a command is for.
    pub fn command_plant(&self, id: &str) -> Option<PlantId> {
        self.state.orders.get(id).map(|tracked| tracked.order.plant.clone())
    }

    /// The latest orders, newest first: of the plants that are `seen`, for one setpoint or for all, at most so many.
    pub fn order_views(&self, seen: impl Fn(&str) -> bool, setpoint: Option<&str>, most: usize) -> Vec<OrderView> {
        let fits = |tracked: &&Tracked| {
            let aim = match &tracked.order.action {
                Action::Set { setpoint, .. } => Some(setpoint.as_str()),
                Action::ResetTrip { .. } => None,
            };
            seen(tracked.order.plant.as_str()) && setpoint.is_none_or(|id| aim == Some(id))
        };
        let mut found: Vec<&Tracked> = self.state.orders.values().filter(fits).collect();
        found.sort_by_key(|tracked| std::cmp::Reverse((tracked.issued, tracked.seq)));
        found.into_iter().take(most).map(order).collect()
    }

    /// The restorations that are under way.
    pub fn restoration_views(&self) -> Vec<&super::state::Restoration> {
        self.state.restorations.values().collect()
    }
}
