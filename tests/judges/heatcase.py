"""Reads a `heatcase/1` for the judges of the optimizer, which build it with PyPSA, oemof.solph and numpy.

A field that a judge has never heard of is refused: it would judge another problem than the one it was given. All know what
`KNOWN` names; what `RARE` and `STATES` name a judge has to say that it knows.
"""

import json

import numpy as np

KNOWN = {
    None: "schema name source time classes co2_price carriers plants headers connections units storages links demands previous expect",
    "carriers": "id price buy sell co2_t_per_mwh",
    "plants": "id",
    "headers": "id plant medium",
    "connections": "id plant carrier max_import max_export base_load",
    "units": "id kind mode plant carrier header heat_max heat_min efficiency cop heat_eff power_eff ramp_up_per_h "
    "ramp_down_per_h start_cost availability var_om initial must_run",
    "storages": "id header capacity_mwh charge_max discharge_max charge_eff discharge_eff loss_per_h initial_mwh final",
    "links": "id from to cap cap_reverse loss_frac fixed_loss",
    "demands": "id header class heat sheddable",
}
RARE = {
    "headers": "reserve",
    "units": "segments region condensing_eff power_loss power_to_heat power_max outages",
    "links": "delay_steps forward_before reverse_before credit_per_mwh",
}
# What only means something to a judge of on and off states.
STATES = {"units": "min_up_h min_down_h start_max stop_max"}
# Hours that differ by less are one.
HAIR = 1e-9


class HeatCase:
    """A case with every series as an array over the steps."""

    def __init__(self, path, rare=False, states=False):
        with open(path) as file:
            self.raw = raw = json.load(file)
        for part, names in KNOWN.items():
            known = {*names.split(), *(RARE.get(part, "").split() if rare else [])}
            known |= {*(STATES.get(part, "").split() if states else [])}
            for item in [raw] if part is None else raw.get(part, []):
                unknown = set(item) - known
                if unknown:
                    raise ValueError(f"{part or 'the case'}: unknown {sorted(unknown)}")
                # Fields with values that only some judges know.
                if not rare and (item.get("mode", "backpressure") != "backpressure" or isinstance(item.get("final"), dict)):
                    raise ValueError(f"{part}: {item['id']} is of a kind that this judge does not know")
        self.name = raw["name"]
        self.steps = raw["time"]["steps"]
        self.hours = self.series(raw["time"]["step_minutes"]) / 60.0
        self.classes = raw["classes"]
        self.headers = [header["id"] for header in raw["headers"]]
        self.reserves = {header["id"]: header["reserve"] for header in raw["headers"] if header.get("reserve")}
        self.connections = raw.get("connections", [])
        self.units = raw["units"]
        self.storages = raw.get("storages", [])
        self.links = raw.get("links", [])
        self.demands = raw["demands"]
        co2 = self.series(raw.get("co2_price", 0.0))
        self.buy, self.sell, self.electric = {}, {}, set()
        for carrier in raw["carriers"]:
            price = carrier["buy"] if "buy" in carrier else carrier["price"]
            self.buy[carrier["id"]] = self.series(price) + co2 * carrier.get("co2_t_per_mwh", 0.0)
            if "sell" in carrier:
                self.sell[carrier["id"]] = self.series(carrier["sell"])
                self.electric.add(carrier["id"])

    def series(self, value):
        """A number or a list, as an array."""
        return np.broadcast_to(np.asarray(value, dtype=float), (self.steps,)).copy()

    def of(self, item, field, default=0.0):
        """A field of an item that may vary in time."""
        return self.series(item.get(field, default))

    def available(self, unit):
        """Share of a unit that is there: of its availability, what the worst outage leaves."""
        left, steps = self.series(1.0), np.arange(self.steps)
        for outage in unit.get("outages", []):
            out = (outage["from_step"] <= steps) & (steps < outage["to_step"])
            left = np.where(out, np.minimum(left, outage.get("available", 0.0)), left)
        return self.of(unit, "availability", 1.0) * left

    def capacity(self, unit):
        """MW of heat that a unit can make: what it is made for, or what its turbine or region allows."""
        most = self.of(unit, "heat_max") * self.available(unit)
        if unit.get("mode") == "extraction":
            line = self.of(unit, "power_loss") + self.of(unit, "power_to_heat")
            turbine = self.of(unit, "power_max") * self.available(unit)
            most = np.minimum(most, np.divide(turbine, line, out=self.series(np.inf), where=line > 0.0))
        if unit.get("mode") == "region":
            most = np.minimum(most, max(vertex["heat"] for vertex in unit["region"]))
        return most

    def floor(self, unit):
        """MW of heat that a unit has to make."""
        return np.minimum(self.of(unit, "must_run"), self.capacity(unit))

    def draws(self, unit):
        """MW drawn of the unit's carrier, and MW of power made, per MW of its heat."""
        kind = unit["kind"]
        if kind == "waste_heat":
            return self.series(0.0), self.series(0.0)
        if kind == "chp":
            heat = self.of(unit, "heat_eff")
            return 1.0 / heat, self.of(unit, "power_eff") / heat
        return 1.0 / self.of(unit, "cop" if kind == "heat_pump" else "efficiency"), self.series(0.0)

    def connection(self, plant, carrier):
        """The plant's connection for a carrier, where it has one."""
        return next((c for c in self.connections if c["plant"] == plant and c["carrier"] == carrier), None)

    def power_connection(self, plant):
        """The plant's connection for electricity, where it has one."""
        return next((c for c in self.connections if c["plant"] == plant and c["carrier"] in self.electric), None)

    def loose_price(self, unit):
        """Price of a MWh of a unit's carrier that no connection counts."""
        carrier = unit.get("carrier")
        counted = carrier is None or self.connection(unit["plant"], carrier) is not None
        return self.series(0.0) if counted else self.buy[carrier]

    def heat_cost(self, unit):
        """Cost of a MWh of a unit's heat besides what its connections count, where it has one yield."""
        return self.of(unit, "var_om") + self.loose_price(unit) * self.draws(unit)[0]

    def initial(self, unit):
        """MW of heat now, or None."""
        return unit["initial"]["heat_mw"] if unit.get("initial") else None

    def rates(self, unit):
        """MW by which heat may rise and fall within each step; infinite where there is no limit."""
        fields = ("ramp_up_per_h", "ramp_down_per_h")
        return [self.hours * (np.inf if unit.get(field) is None else unit[field]) for field in fields]

    def unforced(self, unit, down):
        """The way down into each step, `down`, without what a forced outage takes: that is no ramp and no stop that was asked
        for, neither from the heat of now nor in the step in which it begins."""
        now = self.initial(unit)
        if now is not None:
            down[0] += max(0.0, now - self.capacity(unit)[0])
        for outage in unit.get("outages", []):
            if outage["from_step"] > 0:
                down[outage["from_step"]] = np.inf
        return down

    def ramps(self, unit):
        """MW by which heat may rise and fall into each step; infinite where there is no limit."""
        up, down = self.rates(unit)
        return up, self.unforced(unit, down)

    def decided(self, unit):
        """Whether a commitment has to say when it is on: a minimum load, a start that costs, a time or a ramp of starts
        and stops, a region that is stood in or left."""
        rules = ("start_cost", "min_up_h", "min_down_h")
        ramps = ("start_max", "stop_max")
        return bool(
            np.any(self.of(unit, "heat_min") > 0.0)
            or any(unit.get(rule, 0.0) > 0.0 for rule in rules)
            or any(unit.get(ramp) is not None for ramp in ramps)
            or unit.get("mode") == "region"
        )

    def least(self, unit):
        """MW of heat that a unit makes at least while it is on."""
        return np.minimum(self.of(unit, "heat_min"), self.capacity(unit))

    def out(self, unit):
        """Whether a forced outage takes all of a unit, by step."""
        out, steps = np.zeros(self.steps, dtype=bool), np.arange(self.steps)
        for outage in unit.get("outages", []):
            if outage.get("available", 0.0) <= 0.0:
                out |= (outage["from_step"] <= steps) & (steps < outage["to_step"])
        return out

    def before(self, unit):
        """Whether a unit is on as the horizon begins, or None, and for how many hours it has been so; infinitely many where
        nobody says."""
        initial = unit.get("initial")
        if not initial:
            return None, np.inf
        on = initial["heat_mw"] > 0.0 if initial.get("on") is None else initial["on"]
        return bool(on), np.inf if initial.get("hours") is None else initial["hours"]

    def changes(self, unit):
        """MW to which a start may lead and from which a stop may lead, by the step into which they do; without limits of
        their own a step's ramp or the least load, whichever is more, and infinite where there is no ramp
        either."""
        least, (up, down) = self.least(unit), self.rates(unit)
        last = np.concatenate((least[:1], least[:-1]))
        given = (unit.get("start_max"), unit.get("stop_max"))
        start = np.maximum(up, least) if given[0] is None else self.series(given[0])
        stop = np.maximum(down, last) if given[1] is None else self.series(given[1])
        return start, self.unforced(unit, stop)

    def fixed_loss(self, header):
        """MW that a header's links lose whatever flows."""
        ends = [self.of(link, "fixed_loss") for link in self.links for end in ("from", "to") if link[end] == header]
        return sum(ends, self.series(0.0)) / 2.0

    def asked(self, demand):
        """MW asked for, and MW of it that may go unserved."""
        heat = self.of(demand, "heat")
        limit = demand.get("sheddable")
        return heat, heat if limit is None else np.minimum(self.series(limit), heat)

    def final(self, storage):
        """MWh to end with, or None."""
        final = storage["final"]
        if final == "free" or isinstance(final, dict):
            return None
        return storage["initial_mwh"] if final == "equal-initial" else float(final)

    def final_value(self, storage):
        """What a MWh is worth that is there at the end."""
        final = storage["final"]
        return final["value_per_mwh"] if isinstance(final, dict) else 0.0

    def kept(self, storage):
        """Share of the content that a step leaves."""
        return (1.0 - storage.get("loss_per_h", 0.0)) ** self.hours


def main(judge, about, rare=False, states=False):
    """Runs a judge over the files of the command line and prints one line of JSON for each. One that knows the rare fields,
    or those of on and off states, says so."""
    import argparse

    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--weights", required=True, help="per unserved MWh, highest class first, with commas")
    arguments.add_argument("--weighted-only", action="store_true", help="one linear program, no stages")
    arguments.add_argument("case", nargs="+")
    asked = arguments.parse_args()
    weights = [float(weight) for weight in asked.weights.split(",")]
    for path in asked.case:
        print(json.dumps(judge(HeatCase(path, rare, states), weights, asked.weighted_only)), flush=True)
